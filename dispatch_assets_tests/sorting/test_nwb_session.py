"""The session-level NWB file: all probes, shanks and segments of one session."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from probeinterface import Probe, ProbeGroup
from spikeinterface.core import BaseRecording

from dispatch_assets.cli import main
from dispatch_assets.errors import ParameterError, StepError, StoreError
from dispatch_assets.export_command import results_folders
from dispatch_assets.sorting.nwb.part import FACTS_FILE, JOB_FILE
from dispatch_assets.sorting.nwb.session import write_session_nwb
from dispatch_assets.sorting.step import UNITS, UNITS_NWB, StepContext
from dispatch_assets_tests.sorting.lab import write_known
from dispatch_assets_tests.sorting.nwb_lab import (
    complaints,
    contexts,
    finish,
    nwb_path,
    opened,
    some_spikes,
    unit_rows,
)

RATE_HZ = 30_000.0


def two_shanks(recording: BaseRecording) -> BaseRecording:
    """Give the first half of the channels one shank, the second another one."""
    probe = Probe(ndim=2, si_units="um", name="Probe7", manufacturer="maker", serial_number="4711")
    positions = np.column_stack([np.repeat([0.0, 250.0], 4), np.tile(np.arange(4) * 20.0, 2)])
    probe.set_contacts(positions=positions, shapes="circle", shape_params={"radius": 5})
    probe.set_shank_ids(np.repeat(["A", "B"], 4))
    probe.set_device_channel_indices(np.arange(8))
    group = ProbeGroup()
    group.add_probe(probe)
    recording.set_probegroup(group, group_mode="by_shank")
    return recording


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[StepContext]:
    """Two shanks of two segments each, every one a job of its own."""
    folder = tmp_path_factory.mktemp("session")
    write_known(folder / "data", n_channels=8, n_units=1, durations_s=(2.0, 1.5), change=two_shanks)
    found = contexts(folder / "data", folder / "results")
    assert len(found) == 4
    for context in found:
        finish(context)
    return found


@pytest.fixture(scope="module")
def session(jobs: list[StepContext], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out")
    return write_session_nwb([c.results for c in jobs], out).path


def test_holds_every_unit_of_every_job(jobs: list[StepContext], session: Path) -> None:
    rows = unit_rows(session)
    names = {f"{c.job.recording_name}_u{i}" for c in jobs for i in range(2)}
    assert rows.keys() == names
    assert {row["recording_name"] for row in rows.values()} == {c.job.recording_name for c in jobs}


def test_segments_are_on_one_clock(jobs: list[StepContext], session: Path) -> None:
    rows = unit_rows(session)
    for context in jobs:
        shift_s = 2.0 * (context.job.segment or 0)
        for unit, trains in some_spikes(context.preprocessed()).items():
            found = rows[f"{context.job.recording_name}_{unit}"]["spike_times"]
            np.testing.assert_array_equal(found, trains[0] / RATE_HZ + shift_s)
    with opened(session) as file:
        table = file.processing["ecephys"]["recordings"].to_dataframe()
    assert sorted(table["offset_s"]) == [0.0, 0.0, 2.0, 2.0]


def test_one_probe_has_two_shanks_and_each_electrode_once(session: Path) -> None:
    with opened(session) as file:
        assert list(file.devices) == ["Probe7"]
        assert file.devices["Probe7"].serial_number == "4711"
        groups = set(file.electrode_groups)
        table = file.electrodes.to_dataframe()
    assert len(groups) == 2
    assert len(table) == 8
    assert sorted(table["rel_x"]) == [0.0] * 4 + [250.0] * 4
    rows = unit_rows(session)
    assert {row["electrode_group"] for row in rows.values()} == groups
    assert {row["shank"] for row in rows.values()} == {"A", "B"}


def test_is_clean(session: Path) -> None:
    assert complaints(session) == set()


def test_waveforms_are_those_of_the_single_files(jobs: list[StepContext], session: Path) -> None:
    rows = unit_rows(session)
    for context in jobs:
        for unit, row in unit_rows(nwb_path(context)).items():
            joined = rows[f"{context.job.recording_name}_{unit}"]
            np.testing.assert_array_equal(joined["waveform_mean"], row["waveform_mean"])
            assert joined["snr"] == row["snr"]


def test_order_of_the_results_does_not_matter(
    jobs: list[StepContext], session: Path, tmp_path: Path
) -> None:
    other = write_session_nwb([c.results for c in reversed(jobs)], tmp_path).path
    with opened(session) as a, opened(other) as b:
        assert a.identifier == b.identifier
        assert list(a.units["unit_name"].data[:]) == list(b.units["unit_name"].data[:])


def test_command_writes_zarr_and_replaces_it(
    jobs: list[StepContext], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = str(jobs[0].results.parent)
    command = ["export", "session-nwb", root, "--out", str(tmp_path), "--backend", "zarr"]
    for _ in range(2):
        assert main(command) == 0
        assert "8 units of 4 recordings" in capsys.readouterr().out
        assert [p.name for p in tmp_path.iterdir()] == ["known.nwb.zarr"]
    assert len(unit_rows(tmp_path / "known.nwb.zarr")) == 8


def changed_copy(context: StepContext, target: Path, file: str, **values: object) -> Path:
    """Copy a job's results, with other values in one of their JSON files."""
    shutil.copytree(context.results, target)
    described = json.loads((target / file).read_text())
    (target / file).write_text(json.dumps({**described, **values}))
    return target


class TestRefusals:
    def test_two_sessions(self, jobs: list[StepContext], tmp_path: Path) -> None:
        job = f"{UNITS_NWB}/{JOB_FILE}"
        other = changed_copy(jobs[0], tmp_path / "other", job, session_name="other")
        with pytest.raises(StepError, match="2 sessions"):
            write_session_nwb([jobs[0].results, other], tmp_path / "out")

    def test_a_job_named_twice(self, jobs: list[StepContext], tmp_path: Path) -> None:
        with pytest.raises(StepError, match="more than once"):
            write_session_nwb([jobs[0].results, jobs[0].results], tmp_path)

    def test_no_results(self, tmp_path: Path) -> None:
        with pytest.raises(StepError, match="no results"):
            write_session_nwb([], tmp_path)
        assert main(["export", "session-nwb", str(tmp_path), "--out", str(tmp_path)]) == 1
        assert main(["export", "aind", str(tmp_path / "no"), "--out", str(tmp_path)]) == 1

    def test_units_of_another_run(self, jobs: list[StepContext], tmp_path: Path) -> None:
        file = f"{UNITS}/result.json"
        other = changed_copy(jobs[0], tmp_path / "other", file, fingerprint="0" * 32)
        with pytest.raises(StepError, match="different versions"):
            write_session_nwb([other], tmp_path / "out")

    @pytest.mark.parametrize("file", [JOB_FILE, FACTS_FILE])
    def test_damaged_sources(self, jobs: list[StepContext], tmp_path: Path, file: str) -> None:
        damaged = changed_copy(jobs[0], tmp_path / "other", f"{UNITS_NWB}/{file}", foreign=1)
        with pytest.raises(StoreError):
            write_session_nwb([damaged], tmp_path / "out")
        assert not (tmp_path / "out").exists()


def test_results_are_picked_by_session(jobs: list[StepContext], tmp_path: Path) -> None:
    root = jobs[0].results.parent
    file = f"{UNITS_NWB}/result.json"
    other = changed_copy(jobs[0], tmp_path / "other", file, session_name="other")
    (tmp_path / "unfinished" / UNITS).mkdir(parents=True)
    assert results_folders([tmp_path]) == [other.resolve()]
    assert len(results_folders([root, jobs[0].results])) == 4  # each once
    assert results_folders([root, tmp_path], "other") == [other.resolve()]
    with pytest.raises(ParameterError, match="is not among known, other"):
        results_folders([root, tmp_path], "none")
