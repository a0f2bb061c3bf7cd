"""AIND: three layouts, blank probes, chunks and stores that are missing, sessions of one name."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
import sys
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.outcome import (
    dispatched,
    loaded,
    loaded_lfp,
    names,
    planned,
    reasons,
)
from dispatch_assets_tests.samples import SAVED, aind
from dispatch_assets_tests.samples.neuropixels import sites
from dispatch_assets_tests.samples.openephys import Faults, Probe, ni_stream, probe_streams

NODE = "Record Node 101#"
STREAMS = [
    *probe_streams(Probe(saved=SAVED)),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED)),
    ni_stream(),
]


class TestContract(InputFormatContract):
    input_format = "aind"
    decides = "ecephys/ecephys_compressed"
    jobs = {
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP"): 1,
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeB"): 4,
    }
    left_out = {
        ("experiment1", f"{NODE}NI-DAQmx-112.PXIe-6341"): "auxiliary_stream",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-LFP"): "lfp_band",
    }
    raw = ("*/*/*.ProbeA-AP.zarr/traces_seg0/0.0", "*/*/*.ProbeA-AP.zarr/traces_seg1/0.0")
    raw_stream = ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP")

    def write(self, folder: Path) -> Path:
        experiments = {1: (1, 2)}
        return aind.write_session(folder, STREAMS, experiments=experiments, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface import load

        return load(session / "ecephys" / "ecephys_compressed" / f"{block}_{stream}.zarr")


AP = f"{NODE}Neuropix-PXI-100.ProbeA-AP"
FOUR = f"{NODE}Neuropix-PXI-100.ProbeB"
ONE = probe_streams(Probe(saved=SAVED))
SHORT: dict[str, Any] = {"seconds": 0.1}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a session with two probes and an NI-DAQ."""
    return aind.write_session(tmp_path_factory.mktemp("aind") / "ecephys_1", STREAMS, **SHORT)


@pytest.fixture
def session(written: Path, tmp_path: Path) -> Path:
    """Return a copy of the session, alone in its data folder."""
    return copy(written, tmp_path / "ecephys_1")


def store(session: Path, stream: str, block: str = "experiment1") -> Path:
    (found,) = session.rglob(f"{block}_{stream}.zarr")
    return found


@pytest.mark.parametrize("layout", ["new", "old", "uncompressed"])
def test_layouts_give_the_same_jobs(tmp_path: Path, layout: aind.Layout) -> None:
    aind.write_session(tmp_path / "ecephys_1", STREAMS, layout=layout, name="the_session", **SHORT)
    report, jobs = dispatched(tmp_path, split_groups=False)
    assert list(jobs) == [f"experiment1_{AP}_recording1", f"experiment1_{FOUR}_recording1"]
    assert report.exit_status == 0
    for job in jobs.values():
        assert (job.session_name, job.input_format) == ("the_session", "aind")
        assert job.input_folder == str(tmp_path / "ecephys_1")
        assert job.timestamps.verdict == "kept"
        assert loaded(job, tmp_path).get_times()[0] == 21.5
    assert [job.recording_lfp_dict is not None for job in jobs.values()] == [True, False]


def test_sync_channels_of_uncompressed_data_are_not_sorted(tmp_path: Path) -> None:
    streams = [*probe_streams(Probe(saved=SAVED), sync=True), ni_stream(rate=30000.0)]
    aind.write_session(tmp_path / "ecephys_1", streams, layout="uncompressed", **SHORT)
    report, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.n_channels == len(SAVED)
    assert list(reasons(report, "skipped").values()).count("sync_stream") == 2


def test_a_blank_probe_is_repaired_from_its_own_experiment(tmp_path: Path) -> None:
    about: dict[str, Any] = {"experiments": {1: (1,), 3: (1,)}, "old_attributes": True}
    session = aind.write_session(
        tmp_path / "ecephys_1", ONE, blank_probe_names=True, **about, **SHORT
    )
    # in experiment 3 another probe was plugged in
    node = session / "ecephys" / "ecephys_clipped" / "Record Node 101"
    text = (node / "settings_3.xml").read_text()
    (node / "settings_3.xml").write_text(text.replace("22400000001", "777"))
    _, jobs = dispatched(tmp_path)
    for job, serial in zip(jobs.values(), ("22400000001", "777"), strict=True):
        for recording in (loaded(job, tmp_path), loaded_lfp(job, tmp_path)):
            (probe,) = recording.get_probegroup().probes
            assert (probe.name, probe.serial_number) == ("ProbeA", serial)
            np.testing.assert_array_equal(
                recording.get_channel_locations(), sites("NP1").xy_um[list(SAVED)]
            )
        assert job.probe_names == ["ProbeA"]


def test_probes_of_another_session_stay_as_they_are(tmp_path: Path) -> None:
    old: dict[str, Any] = {"old_attributes": True, **SHORT}
    aind.write_session(tmp_path / "good" / "ecephys_1", ONE, **old)
    _, alone = dispatched(tmp_path / "good", multi_session=True)
    aind.write_session(tmp_path / "good" / "ecephys_0", ONE, blank_probe_names=True, **old)
    _, beside = dispatched(tmp_path / "good", multi_session=True)
    (name,) = alone
    assert beside[name].recording_dict == alone[name].recording_dict


@pytest.mark.parametrize("part", ["traces_seg0", "times_seg0"])
def test_a_missing_chunk_is_noticed(tmp_path: Path, session: Path, part: str) -> None:
    chunk = next(p for p in (store(session, AP) / part).iterdir() if not p.name.startswith("."))
    chunk.unlink()
    report = planned(tmp_path, split_groups=False)
    assert names(report) == [f"experiment1_{FOUR}_recording1"]
    assert reasons(report) == {("experiment1", AP, 0): "truncated"}


def test_a_missing_store_is_noticed_and_an_empty_stream_is_fine(tmp_path: Path) -> None:
    streams = [*STREAMS, *probe_streams(Probe("ProbeC", "NP2", 3, SAVED))]
    faults = Faults(empty=("ProbeC",))
    aind.write_session(tmp_path / "ecephys_1", streams, no_zarr=("ProbeB",), faults=faults, **SHORT)
    report = planned(tmp_path)
    assert names(report) == [f"experiment1_{AP}_recording1"]
    assert reasons(report) == {("experiment1", FOUR, None): "missing_file"}
    empty = f"{NODE}Neuropix-PXI-100.ProbeC"
    assert reasons(report, "skipped")["experiment1", empty, None] == "empty"


@pytest.mark.parametrize("file", [".zattrs", ".zmetadata", "traces_seg0/.zarray"])
def test_damaged_metadata_of_one_store(tmp_path: Path, session: Path, file: str) -> None:
    (store(session, AP) / file).write_text("{")
    report = planned(tmp_path, split_groups=False)
    assert names(report) == [f"experiment1_{FOUR}_recording1"]
    assert reasons(report) == {("experiment1", AP, 0): "unreadable"}


def test_without_the_clipped_folder(tmp_path: Path, session: Path) -> None:
    shutil.rmtree(session / "ecephys" / "ecephys_clipped")
    report = planned(tmp_path, split_groups=False)
    assert len(names(report)) == 2
    assert report.exit_status == 0


@pytest.mark.parametrize("metadata", ["none", "damaged", "same name"])
def test_sessions_without_a_name_of_their_own(tmp_path: Path, metadata: str) -> None:
    for folder in ("ecephys_1", "ecephys_2"):
        same = "one_name" if metadata == "same name" else None
        session = aind.write_session(
            tmp_path / folder, ONE, metadata=metadata != "none", name=same, **SHORT
        )
        if metadata == "damaged":
            (session / "data_description.json").write_text('{"name": 3')
    _, jobs = dispatched(tmp_path, multi_session=True)
    assert list(jobs) == [f"ecephys_{i}__experiment1_{AP}_recording1" for i in (1, 2)]


def test_a_loose_file_is_no_session(tmp_path: Path) -> None:
    aind.write_session(tmp_path / "ecephys_1", ONE, **SHORT)
    (tmp_path / "ecephys_notes.txt").write_text("ecephys")
    report = planned(tmp_path)
    assert len(names(report)) == 1
    assert report.exit_status == 0
    assert [e.reason for e in report.entries if e.session_name == "ecephys_notes.txt"] == [
        "not_recognised"
    ]


def test_an_unfinished_upload_is_no_stream(tmp_path: Path) -> None:
    session = aind.write_session(tmp_path / "ecephys_1", ONE, **SHORT)
    (session / "ecephys" / "ecephys_compressed" / "upload.zarr").mkdir()
    report = planned(tmp_path)
    assert len(names(report)) == 1
    assert reasons(report) == {("", "upload.zarr", None): "unreadable"}


def test_a_regular_clock_stays_one(tmp_path: Path) -> None:
    aind.write_session(tmp_path / "ecephys_1", ONE, save_times=False, **SHORT)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert (job.timestamps.verdict, job.skip_times) == ("regular", False)


def test_wavpack_without_its_codec_says_how_to_install_it(
    tmp_path: Path, session: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in (store(session, AP), store(session, AP) / "traces_seg0"):
        for name in (".zarray", ".zmetadata"):
            if (folder / name).is_file():
                text = (folder / name).read_text()
                (folder / name).write_text(text.replace('"id": "blosc"', '"id": "wavpack"'))
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda n: None if n == "wavpack_numcodecs" else find_spec(n)
    )
    report = planned(tmp_path, split_groups=False)
    assert names(report) == [f"experiment1_{FOUR}_recording1"]
    (entry,) = [e for e in report.entries if e.status == "failed"]
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    (requirement,) = pyproject["project"]["optional-dependencies"]["wavpack"]
    assert f"{shlex.quote(sys.executable)} -m pip install '{requirement}'" in entry.message


@pytest.mark.filterwarnings("ignore:Multi-threading is supported for wavpack")
def test_wavpack_with_its_codec(tmp_path: Path) -> None:
    pytest.importorskip("wavpack_numcodecs")
    aind.write_session(tmp_path / "ecephys_1", ONE, codec="wavpack", **SHORT)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert loaded(job, tmp_path).get_traces().any()


def test_the_class_that_a_store_names_is_not_called(tmp_path: Path) -> None:
    session = aind.write_session(tmp_path / "ecephys_1", ONE, **SHORT)
    for name in (".zattrs", ".zmetadata"):
        file = store(session, AP) / name
        content = json.loads(file.read_text())
        attributes = content if name == ".zattrs" else content["metadata"][".zattrs"]
        attributes["zarr_class_info"] = {"class": f"{__name__}.Trap", "module": "", "version": "1"}
        file.write_text(json.dumps(content))
    _, jobs = dispatched(tmp_path)
    assert len(jobs) == 1
    assert not Trap.called


class Trap:
    """Stands for any class that a planted store might name."""

    called: ClassVar[bool] = False

    def __init__(self, *args: object, **about: object) -> None:
        Trap.called = True
