"""Open Ephys: what is damaged in a recording folder does not concern the other streams in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets.clock_anchors import original_time_s
from dispatch_assets.models import SortingJob
from dispatch_assets_tests.formats.contract import longest_list
from dispatch_assets_tests.formats.openephys_lab import (
    AP,
    LFP,
    PROBE_B,
    STREAMS,
    TIMES,
    read,
    recording_folder,
)
from dispatch_assets_tests.formats.openephys_lab import write as write_session
from dispatch_assets_tests.outcome import (
    dispatched,
    loaded,
    loaded_lfp,
    names,
    planned,
    reasons,
    sizes,
)
from dispatch_assets_tests.samples import aind, payload
from dispatch_assets_tests.samples.openephys import Faults, Stream, ni_stream

CONTINUOUS = "continuous/Neuropix-PXI-100.ProbeB"
TTL = "events/Neuropix-PXI-100.ProbeB/TTL"


def write(data: Path, streams: Any = STREAMS, **about: Any) -> Path:
    return write_session(data, streams, **about)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def cut_in_a_sample(file: Path) -> None:
    payload.cut_file(file, 1)


# a damaged file, how, and whether its stream fails
DAMAGES = [
    (f"{CONTINUOUS}/sample_numbers.npy", cut, True),
    (f"{CONTINUOUS}/sample_numbers.npy", Path.unlink, True),
    (f"{CONTINUOUS}/continuous.dat", cut_in_a_sample, True),
    (f"{CONTINUOUS}/continuous.dat", Path.unlink, True),
    (f"{TTL}/states.npy", cut, False),
    (f"{TTL}/timestamps.npy", Path.unlink, False),
    ("events/MessageCenter/timestamps.npy", cut, False),
]


@pytest.mark.parametrize("layout", ["openephys", "aind"])
@pytest.mark.parametrize(("file", "damage", "fails"), DAMAGES)
def test_damage_stays_with_its_stream(
    tmp_path: Path, layout: str, file: str, damage: Any, fails: bool
) -> None:
    session = tmp_path / "s"
    if layout == "aind":
        aind.write_session(session, STREAMS, seconds=0.1, layout="uncompressed")
        session = session / "ecephys"
    else:
        write(tmp_path)
    whole = {s: (read(session, s), read(session, s).get_traces()) for s in (AP, LFP, PROBE_B)}
    path = recording_folder(session) / file
    damage(path)
    if file.endswith("/sample_numbers.npy") and not path.exists():  # neo would take these instead
        path.with_name("timestamps.npy").unlink()
    report, jobs = dispatched(tmp_path, split_groups=False)
    sound = [AP] if fails else [AP, PROBE_B]
    assert list(jobs) == [f"experiment1_{s}_recording1" for s in sound]
    assert set(reasons(report)) == ({("experiment1", PROBE_B, 0)} if fails else set())
    if fails:
        (entry,) = [e for e in report.entries if e.status == "failed"]
        assert entry.message.startswith(f"{path}: ")
    for stream, job in zip(sound, jobs.values(), strict=True):
        assert_same(loaded(job, tmp_path), *whole[stream])
        assert_recoverable(job, path)
    lfp = loaded_lfp(jobs[f"experiment1_{AP}_recording1"], tmp_path)
    assert_same(lfp, *whole[LFP])


def assert_same(recording: Any, whole: Any, traces: Any) -> None:
    np.testing.assert_array_equal(recording.get_traces(), traces)
    assert traces.any()
    assert recording.get_channel_ids().tolist() == whole.get_channel_ids().tolist()
    for name in ("gain_to_uV", "offset_to_uV", "inter_sample_shift", "group"):
        np.testing.assert_array_equal(recording.get_property(name), whole.get_property(name))
    assert recording.get_times()[0] == whole.get_times()[0]


def assert_recoverable(job: SortingJob, damaged: Path) -> None:
    assert (job.skip_times, job.timestamps.verdict, job.duration) == (True, "reset", 0.1)
    assert f"because of another file: {damaged}: " in job.warnings[0]
    (clock,) = job.timestamps.segments
    np.testing.assert_allclose(original_time_s(clock, np.arange(3000)), TIMES, atol=1e-9)


def test_seconds_are_not_taken_for_sample_numbers(tmp_path: Path) -> None:
    session = write(tmp_path)
    missing = recording_folder(session) / CONTINUOUS / "sample_numbers.npy"
    missing.unlink()  # neo takes timestamps.npy then
    report, jobs = dispatched(tmp_path)
    assert list(jobs) == [f"experiment1_{AP}_recording1"]
    assert jobs[f"experiment1_{AP}_recording1"].timestamps.verdict == "kept"
    assert reasons(report) == {("experiment1", PROBE_B, 0): "missing_file"}
    (entry,) = [e for e in report.entries if e.status == "failed"]
    assert entry.message.startswith(f"{missing}: is missing, so that its synchronised times")
    assert "Copy it again" in entry.message


def test_what_neo_does_without_changes_nothing(tmp_path: Path) -> None:
    session = write(tmp_path)
    cut(recording_folder(session) / CONTINUOUS / "timestamps.npy")
    payload.cut_file(recording_folder(session) / CONTINUOUS / "continuous.dat", 2)
    report, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert (job.timestamps.verdict, job.warnings) == ("kept", [])
    assert set(reasons(report)) == {("experiment1", PROBE_B, 0)}


def test_one_damaged_recording_of_a_joint_job(tmp_path: Path) -> None:
    session = write(tmp_path, experiments={1: (1, 2)})
    path = recording_folder(session, 2) / TTL / "states.npy"
    cut(path)
    _, jobs = dispatched(tmp_path, split_segments=False)
    assert len(jobs) == 5
    for job in jobs.values():
        assert sizes(loaded(job, tmp_path)) == [3000, 3000]
        assert loaded(job, tmp_path).get_traces(segment_index=1).any()
        assert job.timestamps.verdict == "reset"
        first, second = job.timestamps.segments
        assert first.reset_reason is None
        assert str(path) in str(second.reset_reason)
        expected = payload.sync_times(3000, 30000.0, 121.5)
        np.testing.assert_allclose(
            original_time_s(second, np.arange(3000)), expected, atol=1e-9, rtol=0
        )


def test_a_job_holds_no_times_of_a_stream_opened_alone(tmp_path: Path) -> None:
    cut(recording_folder(write(tmp_path)) / TTL / "states.npy")
    for params in ({}, {"debug": True, "debug_duration": 0.05}, {"split_groups": False}):
        _, jobs = dispatched(tmp_path, **params)
        for job in jobs.values():
            text = job.to_json()
            assert longest_list(json.loads(text)) < 500
            assert not loaded(job, tmp_path).has_time_vector()
            assert loaded(job, tmp_path).get_times()[0] == 21.5


def test_times_that_nobody_wants_checked_are_not_kept_either(tmp_path: Path) -> None:
    cut(recording_folder(write(tmp_path)) / TTL / "states.npy")
    _, jobs = dispatched(tmp_path, skip_timestamps_check=True)
    assert {job.timestamps.verdict for job in jobs.values()} == {"reset"}
    assert all(job.skip_times for job in jobs.values())


def test_bad_times_of_a_stream_opened_alone_keep_their_own_reason(tmp_path: Path) -> None:
    def edit(stream: Stream, times: payload.FloatArray) -> payload.FloatArray:
        return payload.with_gap(times, 100.0) if stream.name == "ProbeA-AP" else times

    session = write(tmp_path, faults=Faults(edit_times=edit))
    cut(recording_folder(session) / TTL / "states.npy")
    _, jobs = dispatched(tmp_path, split_groups=False)
    job = jobs[f"experiment1_{AP}_recording1"]
    (clock,) = job.timestamps.segments
    assert "a step of" in str(clock.reset_reason)
    assert [d.sample for d in clock.discontinuities] == [1500]


def test_a_clock_with_small_breaks_can_be_recovered_exactly(tmp_path: Path) -> None:
    def edit(stream: Stream, times: payload.FloatArray) -> payload.FloatArray:
        return payload.with_negative_steps(times, 3, 1.0)

    expected = payload.with_negative_steps(TIMES, 3, 1.0)
    session = write(tmp_path, faults=Faults(edit_times=edit))
    cut(recording_folder(session) / TTL / "states.npy")
    _, jobs = dispatched(tmp_path, split_groups=False)
    (clock,) = jobs[f"experiment1_{AP}_recording1"].timestamps.segments
    assert "opened alone" in str(clock.reset_reason)
    breaks = [d.sample for d in clock.discontinuities]
    around = sorted({s for b in breaks for s in (b - 1, b)})
    assert len(breaks) == 3
    np.testing.assert_allclose(original_time_s(clock, np.array(around)), expected[around])


def test_a_regular_clock_stays_what_it_is(tmp_path: Path) -> None:
    faults = Faults(unsynced=[s.name for s in STREAMS])
    session = write(tmp_path, faults=faults)
    _, before = dispatched(tmp_path)
    times = {name: loaded(job, tmp_path).get_times() for name, job in before.items()}
    path = recording_folder(session) / TTL / "states.npy"
    cut(path)
    _, jobs = dispatched(tmp_path)
    assert jobs.keys() == before.keys()
    for name, job in jobs.items():
        assert (job.timestamps.verdict, job.skip_times) == ("regular", False)
        assert f"because of another file: {path}" in job.timestamps.message
        assert job.timestamps.segments == before[name].timestamps.segments
        np.testing.assert_array_equal(loaded(job, tmp_path).get_times(), times[name])


def test_a_probe_that_is_missing_besides(tmp_path: Path) -> None:
    board = Stream("Acquisition Board", 100, "Rhythm Data", 30000.0, "CH", 16)
    session = write(tmp_path, [board, ni_stream()])
    path = recording_folder(session) / "events" / ni_stream().folder / "TTL" / "states.npy"
    cut(path)
    report = planned(tmp_path)
    assert not names(report)
    (entry,) = [e for e in report.entries if e.status == "failed"]
    assert entry.reason == "no_probe"
    assert str(path) in entry.message
    assert "first mend the damaged file" in entry.message
