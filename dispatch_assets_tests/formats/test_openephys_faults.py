"""Open Ephys: what is empty, missing or broken fails alone, and times that cannot be kept."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.formats.openephys_lab import (
    ANOTHER,
    AP,
    LFP,
    ONE,
    PROBE_B,
    TIMES,
    recording_folder,
    stream_folder,
    write,
)
from dispatch_assets_tests.outcome import (
    dispatched,
    loaded,
    loaded_lfp,
    names,
    planned,
    reasons,
    sizes,
)
from dispatch_assets_tests.samples import payload
from dispatch_assets_tests.samples.openephys import Faults, Stream, ni_stream


def test_an_empty_stream_is_left_out_alone(tmp_path: Path) -> None:
    write(tmp_path, [*ONE, *ANOTHER], faults=Faults(empty=("ProbeB",)))
    report, jobs = dispatched(tmp_path)
    assert list(jobs) == [f"experiment1_{AP}_recording1"]
    assert report.exit_status == 0
    assert reasons(report, "skipped")["experiment1", PROBE_B, 0] == "empty"


def test_an_empty_recording_is_left_out_of_a_joint_job(tmp_path: Path) -> None:
    faults = Faults(empty=("experiment1/recording1/ProbeA-AP",))
    write(tmp_path, experiments={1: (1, 2)}, faults=faults)
    _, jobs = dispatched(tmp_path, split_segments=False)
    (job,) = jobs.values()
    assert sizes(loaded(job, tmp_path)) == [3000]
    assert loaded(job, tmp_path).get_times()[0] == 121.5
    assert sizes(loaded_lfp(job, tmp_path)) == [250]
    assert loaded_lfp(job, tmp_path).get_times()[0] == 121.5


@pytest.mark.parametrize("fault", ["not_on_disk", "truncated", "odd"])
def test_a_stream_without_its_data_fails_alone(tmp_path: Path, fault: str) -> None:
    faults = {
        "not_on_disk": Faults(not_on_disk=("ProbeB",)),
        "truncated": Faults(dat_samples={"ProbeB": 1000}),
        "odd": None,
    }[fault]
    session = write(tmp_path, [*ONE, *ANOTHER], faults=faults)
    if fault == "odd":
        payload.cut_file(stream_folder(session, PROBE_B) / "continuous.dat", 1)
    report = planned(tmp_path)
    reason = "missing_file" if fault == "not_on_disk" else "truncated"
    failed = {("experiment1", PROBE_B, 0): reason}
    assert names(report) == [f"experiment1_{AP}_recording1"]
    assert reasons(report) == failed


@pytest.mark.parametrize(
    "file",
    ["continuous/NI-DAQmx-112.PXIe-6341/sample_numbers.npy", "events/MessageCenter/timestamps.npy"],
)
def test_a_damaged_neighbour_stops_no_stream_and_is_named(tmp_path: Path, file: str) -> None:
    session = write(tmp_path, [*ONE, ni_stream()], experiments={1: (1, 2)})
    _, before = dispatched(tmp_path)
    path = recording_folder(session) / file
    path.write_bytes(path.read_bytes()[:100])
    # neo opens all streams and events of a recording or none
    report, jobs = dispatched(tmp_path)
    assert list(jobs) == [f"experiment1_{AP}_recording1", f"experiment1_{AP}_recording2"]
    assert report.exit_status == 0
    dat = stream_folder(session, AP) / "continuous.dat"
    traces = np.fromfile(dat, np.int16).reshape(3000, -1)
    first, second = jobs.values()
    np.testing.assert_array_equal(loaded(first, tmp_path).get_traces(), traces)
    assert f"because of another file: {path}" in first.warnings[0]
    assert second == before[second.recording_name]


@pytest.mark.parametrize("damage", ["missing", "truncated"])
def test_a_damaged_lfp_is_reported_and_the_ap_goes_on(tmp_path: Path, damage: str) -> None:
    session = write(tmp_path)
    if damage == "missing":
        shutil.rmtree(stream_folder(session, LFP))
    else:
        payload.cut_file(stream_folder(session, LFP) / "continuous.dat", 600)
    report, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.recording_lfp_dict is None
    assert "LFP" in job.warnings[0]
    (reason,) = reasons(report).values()
    assert reason == ("missing_file" if damage == "missing" else "truncated")


def test_damage_in_one_recording_leaves_the_others(tmp_path: Path) -> None:
    faults = Faults(not_on_disk=("experiment1/recording2/ProbeA-AP",))
    write(tmp_path, experiments={1: (1, 2, 3)}, faults=faults)
    report = planned(tmp_path)
    assert names(report) == [f"experiment1_{AP}_recording1", f"experiment1_{AP}_recording3"]
    assert reasons(report) == {("experiment1", AP, 1): "missing_file"}
    together = planned(tmp_path, split_segments=False)
    assert not names(together)
    assert reasons(together) == {("experiment1", AP, None): "missing_file"}


def test_a_broken_description_of_one_recording_leaves_the_others(tmp_path: Path) -> None:
    session = write(tmp_path, experiments={1: (1, 2)})
    oebin = recording_folder(session) / "structure.oebin"
    for text in ("{", "[]", '{"continuous": [{}]}', '{"continuous": 3}', ""):
        oebin.write_text(text)
        report = planned(tmp_path)
        assert names(report) == [f"experiment1_{AP}_recording2"]
        (reason,) = reasons(report).values()
        assert reason == "unreadable"


def test_streams_that_differ_between_recordings(tmp_path: Path) -> None:
    session = write(tmp_path, experiments={1: (1, 2)})
    folder = recording_folder(session, 2)
    oebin = json.loads((folder / "structure.oebin").read_text())
    oebin["continuous"] = [s for s in oebin["continuous"] if "LFP" in s["folder_name"]]
    (folder / "structure.oebin").write_text(json.dumps(oebin))
    shutil.rmtree(stream_folder(session, AP, "experiment1/recording2"))
    report, jobs = dispatched(tmp_path)
    assert list(jobs) == [f"experiment1_{AP}_recording1"]
    assert report.exit_status == 0


def test_timestamps_of_the_wrong_length_are_reset(tmp_path: Path) -> None:
    session = write(tmp_path)
    np.save(stream_folder(session, AP) / "timestamps.npy", np.arange(2999) / 30000.0)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert (job.skip_times, job.timestamps.verdict) == (True, "reset")
    assert "2999 timestamps for 3000 samples" in job.warnings[0]
    assert job.duration == 0.1
    assert loaded(job, tmp_path).get_num_samples() == 3000


def test_times_that_cannot_be_kept_are_reset_and_can_be_recovered(tmp_path: Path) -> None:
    from dispatch_assets.clock_anchors import original_time_s

    def edit(stream: Stream, times: payload.FloatArray) -> payload.FloatArray:
        return payload.with_gap(times, 100.0) if stream.name == "ProbeA-AP" else times

    write(tmp_path, faults=Faults(edit_times=edit))
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.skip_times
    (clock,) = job.timestamps.segments
    assert [(d.sample, round(d.step_ms or 0)) for d in clock.discontinuities] == [(1500, 100)]
    expected = payload.with_gap(TIMES, 100.0)
    np.testing.assert_allclose(original_time_s(clock, np.arange(3000)), expected, atol=1e-9)


def test_lost_samples_are_reported_though_times_are_unbroken(tmp_path: Path) -> None:
    write(tmp_path, faults=Faults(lost_samples={"ProbeA-AP": 60}))
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.timestamps.verdict == "kept"
    (lost,) = job.timestamps.segments[0].lost_samples
    assert (lost.sample, lost.lost) == (1500, 60)
    assert any("sample counter" in w for w in job.warnings)


@pytest.mark.parametrize("edit", [payload.with_nan, payload.unsynchronised])
def test_times_that_are_no_times_do_not_shorten_a_recording(tmp_path: Path, edit: Any) -> None:
    write(tmp_path, faults=Faults(edit_times=lambda stream, times: edit(times)))
    _, jobs = dispatched(tmp_path, min_recording_duration=0.05)
    (job,) = jobs.values()
    assert (job.skip_times, job.duration) == (True, 0.1)
    assert job.timestamps.segments[0].t_start_s in (21.5, -1.0)
