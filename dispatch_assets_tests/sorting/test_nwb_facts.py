"""What is known about a session: from NWB, AIND, Open Ephys and SpikeGLX files, sound or not."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

import h5py
import pytest

from dispatch_assets.dispatch import dispatch
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.sorting.nwb.facts import (
    LEAST_SPECIFIC,
    MAX_TEXT,
    SessionFacts,
    completed,
    parse_time,
)
from dispatch_assets.sorting.nwb.nwb_input import nwb_facts
from dispatch_assets.sorting.nwb.session_files import session_facts
from dispatch_assets.sorting.source import read_job
from dispatch_assets_tests.samples import aind, nwb, openephys, spikeglx

UTC_TEN = dt.datetime(2024, 1, 15, 10, tzinfo=dt.UTC)
AIND_NAME = "ecephys_612345_2024-01-15_10-00-00"
# what write_metadata of the samples says
AIND_SUBJECT = {
    "subject_id": "612345",
    "sex": "F",
    "species": "Mus musculus",
    "date_of_birth": "2023-10-01T00:00:00+00:00",
}


def first_job(data: Path, tmp_path: Path) -> SortingJob:
    dispatch(data, tmp_path / "jobs", DispatchParams())
    return read_job(min((tmp_path / "jobs").glob("job_*.json")))


def facts_of(data: Path, tmp_path: Path, timezone: str = "") -> SessionFacts:
    return session_facts(first_job(data, tmp_path), data, timezone)


def aind_session(tmp_path: Path, **options: Any) -> Path:
    folder = tmp_path / "data" / AIND_NAME
    streams = openephys.np1_streams(ni=False)
    return aind.write_session(folder, streams, seconds=0.05, content="zeros", **options)


class TestAind:
    def test_first_schema(self, tmp_path: Path) -> None:
        aind_session(tmp_path)
        facts = facts_of(tmp_path / "data", tmp_path)
        assert facts.subject == AIND_SUBJECT
        assert facts.general == {"institution": "Example Institute"}
        assert facts.start == UTC_TEN  # the small copy of the Open Ephys folder knows best
        assert facts.start_source == "Open Ephys's sync_messages.txt"
        assert facts.warnings == []

    def test_second_schema(self, tmp_path: Path) -> None:
        session = aind_session(tmp_path, layout="uncompressed")
        subject = {
            "subject_id": "612345",
            "subject_details": {
                "sex": "Male",
                "species": {"name": "Mus musculus"},
                "strain": {"name": "C57BL/6J"},
                "genotype": "wt/wt",
                "date_of_birth": "2023-10-01",
            },
        }
        acquisition = {
            "acquisition_start_time": "2024-01-15T02:00:00-08:00",
            "experimenters": ["Doe, Jane", 7],
        }
        (session / "subject.json").write_text(json.dumps(subject))
        (session / "acquisition.json").write_text(json.dumps(acquisition))
        facts = facts_of(tmp_path / "data", tmp_path)
        assert facts.subject["sex"] == "M"
        assert facts.subject["strain"] == "C57BL/6J"
        assert facts.subject["genotype"] == "wt/wt"
        assert facts.start == UTC_TEN
        assert facts.start_source == "acquisition.json"
        assert facts.experimenter == ["Doe, Jane"]

    def test_description_is_the_last_to_be_asked(self, tmp_path: Path) -> None:
        session = aind_session(tmp_path)
        for file in session.rglob("sync_messages.txt"):
            file.unlink()
        for file in session.rglob("settings.xml"):
            file.write_text(file.read_text().replace("DATE>", "DAY>"))
        facts = facts_of(tmp_path / "data", tmp_path)
        assert facts.start == UTC_TEN.replace(hour=18)
        assert facts.start_source == "data_description.json"

    @pytest.mark.parametrize(
        ("text", "complaint"),
        [
            ("{", "cannot be read"),
            ("[" * 100_000, "cannot be read"),
            ("[1, 2]", "not a JSON object"),
            ("\xff\xfe", "not a JSON object"),
        ],
        ids=["cut", "deep", "list", "text"],
    )
    def test_broken_subject_is_a_warning(self, tmp_path: Path, text: str, complaint: str) -> None:
        session = aind_session(tmp_path)
        (session / "subject.json").write_text(text if text != "\xff\xfe" else '"text"')
        facts = facts_of(tmp_path / "data", tmp_path)
        assert any("subject.json" in w and complaint in w for w in facts.warnings)
        assert facts.subject == {"subject_id": "612345"}  # data_description.json has it, too

    def test_values_of_other_types_are_left_out(self, tmp_path: Path) -> None:
        session = aind_session(tmp_path)
        odd = {
            "subject_id": ["612345"],
            "sex": {"name": "Female"},
            "species": {"name": 5 * ["Mus"]},
            "genotype": "x" * (MAX_TEXT + 1),
            "date_of_birth": "yesterday",
        }
        (session / "subject.json").write_text(json.dumps(odd))
        assert facts_of(tmp_path / "data", tmp_path).subject == {"subject_id": "612345"}

    def test_session_may_be_the_data_folder(self, tmp_path: Path) -> None:
        session = aind_session(tmp_path)
        assert facts_of(session, tmp_path).subject == AIND_SUBJECT

    def test_files_of_other_sessions_are_not_read(self, tmp_path: Path) -> None:
        aind_session(tmp_path, metadata=False)
        aind.write_metadata(tmp_path / "data", "ecephys_999999_2020-01-01_00-00-00")
        facts = facts_of(tmp_path / "data", tmp_path)
        assert facts.subject == {}


class TestRigs:
    def test_open_ephys_knows_utc(self, tmp_path: Path) -> None:
        streams = openephys.np1_streams(ni=False)
        openephys.write_session(tmp_path / "data" / "s", streams, seconds=0.05, content="zeros")
        facts = facts_of(tmp_path / "data", tmp_path)
        assert (facts.start, facts.warnings) == (UTC_TEN, [])

    @pytest.mark.parametrize(("zone", "hour"), [("", 10), ("America/Los_Angeles", 18)])
    def test_settings_have_the_rig_s_local_time(self, tmp_path: Path, zone: str, hour: int) -> None:
        streams = openephys.np1_streams(ni=False)
        session = tmp_path / "data" / "s"
        openephys.write_session(session, streams, seconds=0.05, content="zeros")
        for file in session.rglob("sync_messages.txt"):
            file.unlink()
        facts = facts_of(tmp_path / "data", tmp_path, zone)
        assert facts.start == UTC_TEN.replace(hour=hour)
        assert facts.start_source == "Open Ephys's settings.xml"
        assert bool(facts.warnings) == (zone == "")

    @pytest.mark.parametrize(("zone", "hour"), [("", 10), ("Europe/Berlin", 9)])
    def test_spikeglx_has_the_rig_s_local_time(self, tmp_path: Path, zone: str, hour: int) -> None:
        probes = {"imec0": "NP1"}
        spikeglx.write_run(tmp_path / "data" / "r_g0", "r", probes, seconds=0.05, content="zeros")
        facts = facts_of(tmp_path / "data", tmp_path, zone)
        assert facts.start == UTC_TEN.replace(hour=hour)
        assert any("rig_timezone" in w for w in facts.warnings) == (zone == "")


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
class TestNwbInput:
    def _write(self, tmp_path: Path, backend: Any) -> Path:
        suffix = ".nwb" if backend == "hdf5" else ".nwb.zarr"
        return nwb.write_nwb(tmp_path / "data" / f"s{suffix}", backend=backend, seconds=0.05)

    def test_facts_of_the_file_win(self, tmp_path: Path, backend: str) -> None:
        self._write(tmp_path, backend)
        facts = facts_of(tmp_path / "data", tmp_path)
        assert facts.start == nwb.START
        assert facts.reference_time == nwb.START
        assert facts.subject == {
            "subject_id": "sub-01",
            "species": "Mus musculus",
            "sex": "F",
            "age": "P90D",
        }
        assert facts.warnings == []

    def test_nothing_is_unpickled(
        self, tmp_path: Path, backend: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = self._write(tmp_path, backend)

        def refuse(*arguments: object, **options: object) -> None:
            raise AssertionError("unpickled")

        monkeypatch.setattr("pickle.loads", refuse)
        assert nwb_facts(path, "").subject["subject_id"] == "sub-01"


def test_links_out_of_an_nwb_file_are_not_followed(tmp_path: Path) -> None:
    path = nwb.write_nwb(tmp_path / "s.nwb", seconds=0.05)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["secret"] = "elsewhere"
    (tmp_path / "raw").write_bytes(b"elsewhere")
    with h5py.File(path, "r+") as file:
        general = file["general"]
        general["institution"] = h5py.ExternalLink("other.h5", "/secret")
        general.create_dataset("lab", (9,), "u1", external=[(str(tmp_path / "raw"), 0, 9)])
        general["virus"] = ["a"] * 51
    assert nwb_facts(path, "").general == {}


class TestCompleted:
    def test_parameters_fill_gaps_only(self) -> None:
        facts = SessionFacts(subject={"species": "Rattus norvegicus"}, start=UTC_TEN)
        given = {"species": "Mus musculus", "sex": "male", "subject_id": "a/b", "age": "P90D"}
        done = completed(facts, given, "s")
        assert done.subject == {
            "species": "Rattus norvegicus",
            "sex": "M",
            "subject_id": "a-b",
            "age": "P90D",
        }
        assert done.warnings == []

    def test_what_nobody_knows_is_said(self) -> None:
        done = completed(SessionFacts(), {}, "s/1")
        assert done.subject["subject_id"] == "unknown subject of s-1"
        assert {done.subject[k] for k in LEAST_SPECIFIC} == set(LEAST_SPECIFIC.values())
        assert "species" in done.subject["description"]
        assert done.start is None
        assert len(done.warnings) == 2

    def test_a_gap_beside_a_description_keeps_both(self) -> None:
        given = {"species": "Mus musculus", "subject_id": "1", "description": "A mouse."}
        done = completed(SessionFacts(), given, "s")
        assert done.subject["description"].startswith("A mouse. The session does not say")
        assert done.subject["sex"] == "U"


@pytest.mark.parametrize("text", ["", "noon", "9999-12-31T23:59:59-23:00", "2024-13-01", "\0"])
def test_no_time_is_no_time(text: str) -> None:
    assert parse_time(text, "") is None
