"""Jobs: what a consumer gets to know about a recording, its clock and its LFP band."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets import planning
from dispatch_assets.clocks import timestamp_report
from dispatch_assets.errors import StreamError
from dispatch_assets.input_format import SourceRecording, SourceSegment
from dispatch_assets.jobs import JobBuilder, software_versions
from dispatch_assets.models import SortingJob, TimestampReport
from dispatch_assets.npy import open_npy
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets_tests.samples import openephys, payload
from dispatch_assets_tests.sources import SESSION, MadeUp, recording, stream


@pytest.fixture
def build(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that builds the jobs of made-up sources.

    Recordings in memory have no JSON, so it is left out.
    """

    def made(*sources: SourceRecording, **params: Any) -> list[SortingJob]:
        monkeypatch.setattr(planning, "by_name", lambda name: MadeUp(sources))
        described: dict[str, Any] = {}
        monkeypatch.setattr("dispatch_assets.jobs.recording_to_dict", lambda r, f: described)
        parsed = DispatchParams(**params)
        plan = plan_session(SESSION, parsed)
        builder = JobBuilder(plan)
        return [builder.build(planned) for planned in plan.jobs]

    return made


def with_times(
    times: list[np.ndarray[Any, Any]], n_groups: int = 1, rate_hz: float = 1000.0
) -> Any:
    made = recording([len(t) for t in times], n_groups, rate_hz=rate_hz)
    for i, vector in enumerate(times):
        made.segments[i]._time_vector = vector  # as readers set it, not by hand
    return made


def report(recording_: Any, *segments: SourceSegment, skip: bool = False) -> TimestampReport:
    return timestamp_report(recording_, segments or (SourceSegment(0),), skip=skip)


# jobs


def test_facts_of_a_job(build: Any) -> None:
    first, second = build(stream(lengths=(1500,), n_groups=2), multi_session=True)
    assert (first.group, second.group) == ("0", "1")
    assert first.recording_name == "s__block0_ap_recording1_group0"
    assert first.job_key == "s~~block0_ap_recording1_group0"
    assert (first.session_name, first.input_format, first.block) == ("s", "made_up", "block0")
    assert (first.n_channels, first.n_samples, first.duration) == (2, [1500], 1.5)
    assert (first.multi_input, first.debug, first.skip_times) == (True, False, False)
    assert first.versions == software_versions()
    assert first.versions["spikeinterface"].startswith("0.105")
    assert first.parameters_hash == DispatchParams(multi_session=True).hash()


def test_keys_stand_in_upstreams_order_and_absent_parts_are_absent(build: Any) -> None:
    (job,) = build(stream())
    keys = list(json.loads(job.to_json()))
    assert keys[:8] == [
        *("session_name", "recording_name", "recording_dict", "skip_times", "duration"),
        *("input_folder", "debug", "multi_input"),
    ]
    (job,) = build(stream(lfp=stream("lf"), probe_dict=lambda: {"x": 1}))
    keys = list(json.loads(job.to_json()))
    assert keys[6:10] == ["debug", "recording_lfp_dict", "probe_dict", "multi_input"]


def test_a_number_that_is_none_is_no_json(build: Any) -> None:
    (job,) = build(stream())
    with pytest.raises(ValueError, match="JSON"):
        job.model_copy(update={"duration": float("nan")}).to_json()


@pytest.mark.parametrize("seconds", [0.001, 0.5, 1.0, 99.0])
@pytest.mark.parametrize("split", [True, False])
def test_debug_clips(build: Any, seconds: float, split: bool) -> None:
    source = stream(lengths=(800, 2000), lfp=stream("lf", lengths=(800, 2000)))
    jobs = build(source, debug=True, debug_duration=seconds, split_segments=split)
    wanted = [min(n, round(seconds * 1000)) for n in (800, 2000)]
    assert [n for job in jobs for n in job.n_samples] == wanted
    assert sum(job.duration for job in jobs) == pytest.approx(sum(wanted) / 1000, abs=0.011)


def test_a_clip_that_is_shorter_than_a_sample_holds_one(build: Any) -> None:
    (job,) = build(stream(), debug=True, debug_duration=1e-9)
    assert job.n_samples == [1]


def test_warnings_of_the_source_come_along(build: Any) -> None:
    (job,) = build(stream(warnings=("the cable was loose",)))
    assert "the cable was loose" in job.warnings


# the LFP band


def lfp_of(job: SortingJob) -> tuple[bool, str]:
    return job.recording_lfp_dict is not None, " ".join(job.warnings)


def test_an_lfp_with_the_same_groups_is_split_alike(build: Any) -> None:
    jobs = build(stream(n_groups=3, lfp=stream("lf", n_groups=3)))
    assert [lfp_of(job) for job in jobs] == [(True, "")] * 3


def test_an_lfp_without_groups_is_split_by_place(build: Any) -> None:
    lfp = recording((100,), 3)
    lfp.set_channel_groups(np.zeros(6, int))
    jobs = build(stream(n_groups=3, lfp=stream("lf", opened=lfp)))
    assert [lfp_of(job) for job in jobs] == [(True, "")] * 3


def test_an_lfp_of_other_contacts_is_left_out_and_said_so(build: Any) -> None:
    jobs = build(stream(n_groups=3, lfp=stream("lf", n_groups=1)))
    assert [lfp_of(job)[0] for job in jobs] == [True, False, False]
    assert "do not match" in lfp_of(jobs[1])[1]


def test_an_lfp_that_cannot_be_opened_is_left_out(build: Any) -> None:
    def fail(*_: object) -> Any:
        raise StreamError("is garbage", "lf.bin")

    lfp = stream("lf")
    object.__setattr__(lfp, "open_segments", fail)
    (job,) = build(stream(lfp=lfp))
    assert lfp_of(job) == (False, "the LFP of this recording is left out: lf.bin: is garbage.")


# clocks


def test_a_regular_clock_is_not_looked_at() -> None:
    made = report(recording((100,)))
    assert made.verdict == "regular"
    assert (made.segments[0].explicit, made.segments[0].checked) == (False, False)


def test_good_times_are_kept_and_bad_ones_reset() -> None:
    good = 5.0 + np.arange(1000) / 1000.0
    bad = good + 0.1 * (np.arange(1000) >= 500)
    assert report(with_times([good])).verdict == "kept"
    made = report(with_times([good, bad]), SourceSegment(0), SourceSegment(1))
    assert made.verdict == "reset"  # one bad segment resets the recording, as upstream does
    assert [bool(s.reset_reason) for s in made.segments] == [False, True]
    assert "100.999 ms" in made.message or "101.000 ms" in made.message


def test_a_bad_clock_is_kept_on_request() -> None:
    bad = np.zeros(1000)
    made = report(with_times([bad]), skip=True)
    assert (made.verdict, made.segments[0].checked) == ("not_checked", False)
    assert report(recording((10,)), skip=True).verdict == "regular"


def test_one_look_serves_all_groups(build: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []
    check = timestamp_report

    def counted(*arguments: Any, **about: Any) -> TimestampReport:
        looks.append(arguments)
        return check(*arguments, **about)

    monkeypatch.setattr("dispatch_assets.jobs.timestamp_report", counted)
    times = np.arange(1000) / 1000.0
    jobs = build(stream(opened=with_times([times, times], 4), lengths=(1000, 1000)))
    assert len(jobs) == 8
    assert len(looks) == 2


def test_duration_follows_a_kept_clock_and_counts_samples_of_a_reset_one(build: Any) -> None:
    slow = np.arange(1000) * 1.9e-3
    (job,) = build(stream(opened=with_times([slow])))
    assert (job.timestamps.verdict, job.duration) == ("kept", 1.9)
    (job,) = build(stream(opened=with_times([slow * 2])))
    assert (job.timestamps.verdict, job.duration) == ("reset", 1.0)


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0])
def test_times_that_are_none_are_reset_and_json_is_written(build: Any, value: float) -> None:
    (job,) = build(stream(opened=with_times([np.full(1000, value)])))
    assert (job.skip_times, job.duration) == (True, 1.0)
    assert SortingJob.model_validate_json(job.to_json()) == job


def test_a_counter_that_jumps(tmp_path: Path) -> None:
    numbers = np.arange(2000) + 7
    numbers[500:] += 20
    numbers[1500:] -= 3
    np.save(tmp_path / "sample_numbers.npy", numbers)
    segment = SourceSegment(0, sample_numbers=open_npy(tmp_path / "sample_numbers.npy"))
    (clock,) = report(recording((2000,)), segment).segments
    assert [(d.sample, d.lost) for d in clock.lost_samples] == [(500, 20), (1500, -3)]


def test_jumps_at_the_seam_of_two_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch_assets.clocks.CHUNK_SAMPLES", 100)
    for at in (99, 100, 101, 199, 200, 249):
        numbers = np.arange(250)
        numbers[at:] += 1
        np.save(tmp_path / "x.npy", numbers)
        segment = SourceSegment(0, sample_numbers=open_npy(tmp_path / "x.npy"))
        (clock,) = report(recording((250,)), segment).segments
        assert [(d.sample, d.lost) for d in clock.lost_samples] == [(at, 1)]


# cost

MEASURE = """
import resource, sys
from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams

def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

dispatch(sys.argv[1] + "/small", sys.argv[1] + "/results", DispatchParams())
before = peak_mb()
report = dispatch(sys.argv[1] + "/big", sys.argv[1] + "/results", DispatchParams())
print(peak_mb() - before, *report.job_files.values(), sep="\\n")
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss has other units elsewhere")
def test_a_long_clock_takes_no_memory(tmp_path: Path) -> None:
    streams = openephys.probe_streams(openephys.Probe(kind="NP2", saved=(0, 1)))
    n_samples = 20_000_000  # 11 minutes at 30 kHz; its times alone are 160 MB
    for name, n in (("small", 3000), ("big", n_samples)):
        openephys.write_session(
            tmp_path / name / "s", streams, seconds=n / 30000.0, content="zeros"
        )
    big = next((tmp_path / "big").rglob("timestamps.npy"))
    assert big.stat().st_size >= 8 * 1000
    command = [sys.executable, "-c", MEASURE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=250)
    grown_mb, job = done.stdout.splitlines()
    assert float(grown_mb) < 100
    content = SortingJob.model_validate_json(Path(job).read_text())
    assert content.timestamps.verdict == "kept"
    assert content.n_samples == [n_samples]
    assert len(Path(job).read_text()) < 50_000


def test_a_gap_in_the_middle_of_a_long_clock_is_found(tmp_path: Path) -> None:
    streams = openephys.probe_streams(openephys.Probe(kind="NP2", saved=(0, 1)))
    faults = openephys.Faults(edit_times=lambda stream, t: payload.with_gap(t, 50.0))
    openephys.write_session(
        tmp_path / "data" / "s", streams, seconds=40.0, content="zeros", faults=faults
    )
    from dispatch_assets_tests.outcome import dispatched

    _, jobs = dispatched(tmp_path / "data")
    (job,) = jobs.values()
    assert [d.sample for d in job.timestamps.segments[0].discontinuities] == [600_000]
