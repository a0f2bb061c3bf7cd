"""Groups: the way from a sample of the whole back to the clock of its recording."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.clock_anchors import TOLERANCE_S, anchors
from dispatch_assets.errors import ParameterError
from dispatch_assets.group_jobs import original_times
from dispatch_assets.sample_map import ConcatenatedSegment, own_times, sample_map
from dispatch_assets_tests.groups.lab import DAY1, DAY2, grouped
from dispatch_assets_tests.outcome import dispatched, planned
from dispatch_assets_tests.samples import SAVED, openephys, payload

RATE_HZ = 30_000.0
lengths = st.lists(st.integers(1, 50), min_size=1, max_size=6)


def test_every_sample_finds_its_own_time(tmp_path: Path) -> None:
    """A regular clock that starts at 0, timestamps that are kept, and some that are reset."""
    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe(saved=SAVED[:4]), bands=("AP",))
    openephys.write_session(data / "oe", streams, experiments={1: (1, 2, 3)}, seconds=0.2)
    recordings = sorted((data / "oe").rglob("timestamps.npy"))
    recordings = [f for f in recordings if "continuous" in str(f)]
    times = [payload.sync_times(6000, RATE_HZ, t0, ppm) for t0, ppm in ((7, 3), (19, 90), (40, 0))]
    times[1][3000:] += 2e-5  # a small step, which is kept
    times[2] = payload.with_gap(times[2], 300.0)  # a gap, for which the clock is reset
    times[2] += np.cumsum(np.arange(6000) % 1000 == 500) * 1.5e-3  # smaller ones are no breaks
    for file, vector in zip(recordings, times, strict=True):
        np.save(file, vector)
    keys = [str(e.job_key) for e in planned(data).entries if e.status == "job"]
    job = grouped(data, {"x": keys})
    assert job.concatenated is not None
    assert [c.clock for c in job.concatenated] == ["anchors"] * 3
    assert any("recording3" in w and "reset" in w for w in job.warnings)
    member, time_s = original_times(job, np.arange(18_000))
    np.testing.assert_array_equal(member, np.repeat([0, 1, 2], 6000))
    np.testing.assert_allclose(time_s, np.concatenate(times), rtol=0, atol=TOLERANCE_S)
    errors_ms = [c.max_error_ms for c in job.concatenated]
    assert all(e is not None and e <= TOLERANCE_S * 1000 for e in errors_ms)
    shuffled = np.random.default_rng(0).permutation(18_000)
    np.testing.assert_array_equal(original_times(job, shuffled)[1], time_s[shuffled])


def test_regular_clocks_keep_their_beginning(data: Path) -> None:
    from spikeinterface.extractors import read_spikeglx

    job = grouped(data, {"x": [DAY1, DAY1.replace("recording1", "recording2"), DAY2]})
    assert job.concatenated is not None
    assert {c.clock for c in job.concatenated} == {"regular"}
    _, time_s = original_times(job, np.arange(sum(job.n_samples)))
    expected = []
    for name, segments in (("day1", (0, 1)), ("day2", (0,))):
        recording = read_spikeglx(data / name, stream_id="imec0.ap")
        expected += [recording.get_times(segment_index=s) for s in segments]
    np.testing.assert_allclose(time_s, np.concatenate(expected), rtol=0, atol=1e-9)


def test_times_that_are_lost_are_unknown(tmp_path: Path) -> None:
    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe(saved=SAVED[:4]), bands=("AP",))
    openephys.write_session(data / "oe", streams, experiments={1: (1, 2)}, seconds=0.1)
    first = min(f for f in (data / "oe").rglob("timestamps.npy") if "continuous" in str(f))
    np.save(first, np.full(3000, -1.0))  # the GUI was never synchronised
    keys = [str(e.job_key) for e in planned(data).entries if e.status == "job"]
    job = grouped(data, {"x": keys})
    member, time_s = original_times(job, np.arange(6000))
    np.testing.assert_array_equal(np.isnan(time_s), member == 0)
    assert any("cannot be recovered" in w for w in job.warnings)


def test_a_job_of_one_recording_has_no_other_clock(data: Path) -> None:
    _, jobs = dispatched(data, multi_session=True)
    with pytest.raises(ParameterError, match="not of a group"):
        original_times(next(iter(jobs.values())), np.arange(3))


def placed(n_samples: Sequence[int], starts_s: Sequence[float]) -> list[ConcatenatedSegment]:
    return sample_map(
        [
            ConcatenatedSegment(
                job_key=f"s~~{i}",
                segment=0,
                first_sample=0,
                n_samples=n,
                sampling_frequency_hz=1000.0,
                clock="regular",
                t_start_s=t,
            )
            for i, (n, t) in enumerate(zip(n_samples, starts_s, strict=True))
        ]
    )


@given(lengths, st.data())
def test_the_map_is_a_partition_and_can_be_inverted(n_samples: list[int], given_: Any) -> None:
    starts_s = given_.draw(
        st.lists(st.floats(-1e6, 1e6), min_size=len(n_samples), max_size=len(n_samples))
    )
    segments = placed(n_samples, starts_s)
    total = sum(n_samples)
    covered = [i for s in segments for i in range(s.first_sample, s.first_sample + s.n_samples)]
    assert covered == list(range(total))
    member, time_s = own_times(segments, np.arange(total))
    assert np.bincount(member, minlength=len(segments)).tolist() == n_samples
    firsts = np.array([s.first_sample for s in segments])
    within = np.rint((time_s - np.array(starts_s)[member]) * 1000.0).astype(int)
    np.testing.assert_array_equal(firsts[member] + within, np.arange(total))
    for outside in (-1, total):
        with pytest.raises(ParameterError, match=f"sample {outside}"):
            own_times(segments, np.array([0, outside]))
    assert [len(found) for found in own_times(segments, np.array([], dtype=int))] == [0, 0]


@given(
    n=st.integers(1, 3000),
    bends=st.lists(st.tuples(st.integers(1, 2999), st.floats(-1e-4, 1e-4)), max_size=8),
)
def test_anchors_give_a_bent_clock_back(n: int, bends: list[tuple[int, float]]) -> None:
    times = 5.0 + np.arange(n) / RATE_HZ
    for at, step_s in bends:
        times[at:] += step_s
    found, max_error_ms = anchors(lambda a, b: times[a:b], n)
    corners, values = zip(*found, strict=True)
    error_s = np.abs(np.interp(np.arange(n), corners, values) - times).max()
    assert max_error_ms is not None
    assert error_s <= max_error_ms / 1000 + 1e-12 <= TOLERANCE_S + 2e-12
    assert len(found) <= 2 + 4 * len(bends)


def test_a_clock_that_jitters_says_how_much_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch_assets.clock_anchors.MAX_ANCHORS", 20)
    rng = np.random.default_rng(0)
    times = np.arange(1000) / RATE_HZ + rng.normal(0, 1e-4, 1000)
    found, max_error_ms = anchors(lambda a, b: times[a:b], 1000)
    at, values = zip(*found, strict=True)
    error_ms = np.abs(np.interp(np.arange(1000), at, values) - times).max() * 1000
    assert len(found) == 20
    assert max_error_ms == pytest.approx(error_ms)
    assert anchors(lambda a, b: np.full(b - a, np.nan), 10) == ([], None)
