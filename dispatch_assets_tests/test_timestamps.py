"""The clock check: upstream's rules, in a stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dispatch_assets import clock_anchors, time_vectors, timestamps
from dispatch_assets.clock_anchors import TOLERANCE_S, anchors, original_time_s
from dispatch_assets.models import SegmentClock
from dispatch_assets.time_vectors import times_reader
from dispatch_assets.timestamps import check_times

RATE_HZ = 30_000.0
Times = NDArray[np.float64]


def regular(n: int = 30_000, t0_s: float = 12.25) -> Times:
    return t0_s + np.arange(n) / RATE_HZ


def check(times: Times, n_samples: int | None = None) -> SegmentClock:
    n = len(times) if n_samples is None else n_samples
    return check_times(lambda start, stop: times[start:stop], len(times), n, RATE_HZ)


def upstream_resets(times: Times) -> bool:
    """The rules written out plainly: 11 steps below -0.2 ms, one above 2 ms, 2 % of zeros."""
    steps_ms = np.diff(times) * 1000
    if np.count_nonzero(steps_ms < -0.2) > 10 or np.abs(steps_ms).max() > 2:
        return True
    return bool(np.count_nonzero(steps_ms == 0) >= 0.02 * len(steps_ms))


def steps_back(count: int, ms: float) -> Times:
    times = regular()
    for i in np.linspace(500, len(times) - 500, count).astype(int):
        times[i] = times[i - 1] - ms / 1000
    return times


def jump(ms: float, at: int = 15_000) -> Times:
    times = regular()
    times[at:] += times[at - 1] + ms / 1000 - times[at]
    return times


def zero_steps(count: int) -> Times:
    times = regular()
    at = 1 + np.arange(count) * (len(times) // (count + 1))
    times[at] = times[at - 1]
    return times


AT_LIMIT = int(np.ceil(0.02 * 29_999))


@pytest.mark.parametrize(
    ("times", "reset"),
    [
        (regular(), False),
        (steps_back(10, 0.5), False),
        (steps_back(11, 0.5), True),
        (jump(1.9), False),
        (jump(5.0), True),
        (jump(-5.0), True),
        (zero_steps(AT_LIMIT - 1), False),
        (zero_steps(AT_LIMIT), True),
    ],
)
def test_the_boundaries_are_those_of_upstream(times: Times, reset: bool) -> None:
    assert upstream_resets(times) is reset  # the example is what it is meant to be
    assert (check(times).reset_reason is not None) is reset


@st.composite
def broken_clocks(draw: st.DrawFn) -> Times:
    n = draw(st.integers(2, 400))
    times = regular(n)
    for _ in range(draw(st.integers(0, 15))):
        at = draw(st.integers(1, n - 1))
        shift_s = draw(st.sampled_from([-0.004, -0.0015, -0.0004, 0.0, 0.0015, 0.004, 5.0]))
        times[at:] += shift_s
    for _ in range(draw(st.integers(0, 12))):
        at = draw(st.integers(1, n - 1))
        times[at] = times[at - 1]
    return times


@given(broken_clocks(), st.integers(1, 500))
def test_the_verdict_does_not_depend_on_chunks(times: Times, chunk: int) -> None:
    whole = check(times)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timestamps, "CHUNK_SAMPLES", chunk)
        streamed = check(times)
    assert streamed == whole
    assert (whole.reset_reason is not None) == upstream_resets(times)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda t: np.where(np.arange(len(t)) == 7, np.nan, t), "1 timestamp is not finite"),
        (lambda t: np.full_like(t, np.nan), "not finite"),
        (lambda t: np.where(np.arange(len(t)) == 7, np.inf, t), "not finite"),
        (lambda t: np.full_like(t, -1.0), "never synchronised"),
    ],
)
def test_times_that_are_no_times_are_reset(edit: Callable[[Times], Times], reason: str) -> None:
    assert reason in str(check(edit(regular(100))).reset_reason)


def test_a_wrong_number_of_timestamps_is_reset_without_reading_them() -> None:
    def must_not_read(start: int, stop: int) -> Times:
        raise AssertionError(f"read {start}:{stop}")

    clock = check_times(must_not_read, 99, 100, RATE_HZ)
    assert clock.reset_reason == "99 timestamps for 100 samples"


def test_a_single_sample_is_no_broken_clock() -> None:
    assert check(regular(1)).reset_reason is None


def test_every_break_is_listed_with_its_place_and_size() -> None:
    clock = check(jump(100.0, at=20_000))
    assert clock.n_discontinuities == 1
    (found,) = clock.discontinuities
    assert found.sample == 20_000
    assert found.step_ms == pytest.approx(100.0)
    assert found.time_s == pytest.approx(12.25 + 19_999 / RATE_HZ)


def test_many_breaks_are_counted_but_not_all_listed() -> None:
    times: Times = np.arange(2_000, dtype=np.float64) * 0.01
    clock = check(times)
    assert clock.n_discontinuities == 1_999
    assert len(clock.discontinuities) == timestamps.MAX_LISTED


def test_a_clock_that_was_reset_can_be_recovered() -> None:
    times: Times = jump(100.0, at=20_000) * np.float64(1 + 3e-6)
    assert len(anchors_of(times)[0]) == 4
    assert error_s(times) < 1e-6


def test_a_check_looks_for_no_anchors() -> None:
    assert check(regular()).clock_anchors == check(jump(100.0)).clock_anchors == []


def anchors_of(times: Times) -> tuple[list[tuple[int, float]], float | None]:
    return anchors(lambda start, stop: times[start:stop], len(times))


def error_s(times: Times) -> float:
    """How far the times that anchors recover are from the finite ones."""
    found, _ = anchors_of(times)
    clock = SegmentClock(n_samples=len(times), explicit=True, clock_anchors=found)
    return float(np.nanmax(np.abs(original_time_s(clock, np.arange(len(times))) - times)))


def with_steps(count: int, ms: float) -> Times:
    times = regular(120_000)
    for at in np.linspace(100, len(times) - 100, count).astype(int):
        times[at:] += ms / 1000
    return times


@pytest.mark.parametrize(
    "times",
    [with_steps(10, 1.5), with_steps(1500, 3.0), jump(100.0) + 1e-4 * regular() ** 2],
    ids=["steps that are no breaks", "more breaks than are listed", "a clock that bends"],
)
def test_a_clock_comes_back_to_a_microsecond_whatever_its_breaks(times: Times) -> None:
    _, max_error_ms = anchors_of(times)
    assert error_s(times) <= TOLERANCE_S
    assert max_error_ms is not None
    assert max_error_ms <= TOLERANCE_S * 1000


def test_breaks_in_one_chunk_of_many_get_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_anchors, "CHUNK_SAMPLES", 300)
    monkeypatch.setattr(clock_anchors, "MAX_ANCHORS", 500)
    times = regular() + np.random.default_rng(0).normal(0, 5e-5, 30_000)
    for at in range(29_705, 29_995, 10):
        times[at:] += 0.1
    assert error_s(times) < 1e-3


def test_noise_in_one_chunk_leaves_the_others_their_anchors(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clock_anchors, "CHUNK_SAMPLES", 300)
    monkeypatch.setattr(clock_anchors, "MAX_ANCHORS", 1000)
    times = regular(3000)
    times[:300] += np.random.default_rng(0).normal(0, 1.0, 300)
    times[1000:] += 0.01
    found, _ = anchors_of(times)
    at, values = zip(*found, strict=True)
    off_s = np.abs(np.interp(np.arange(3000), at, values) - times)
    assert off_s[300:].max() < 1e-6


@given(st.integers(0, 2**32 - 1), st.integers(2, 60), st.integers(7, 400))
def test_the_error_of_anchors_is_what_is_said(seed: int, at_most: int, chunk: int) -> None:
    rng = np.random.default_rng(seed)
    times = regular(1000) + np.cumsum(rng.normal(0, 1e-4, 1000) * (rng.random(1000) < 0.3))
    times[rng.random(1000) < 0.05] = np.nan
    times[[0, -1]] = 12.25, 12.3
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clock_anchors, "CHUNK_SAMPLES", chunk)
        patch.setattr(clock_anchors, "MAX_ANCHORS", at_most)
        found, max_error_ms = anchors_of(times)
        off_s = error_s(times)
    assert len(found) <= max(at_most, 2 * -(-1000 // chunk))
    assert max_error_ms == pytest.approx(off_s * 1000, abs=1e-9 + TOLERANCE_S * 1000)


def test_times_that_are_not_finite_get_no_anchors() -> None:
    assert anchors_of(np.full(10, np.nan)) == ([], None)


def test_a_report_is_json_whatever_the_times_are() -> None:
    assert "NaN" not in check(np.full(50, np.nan)).model_dump_json()


def vectors(folder: Path, times: Times) -> dict[str, Any]:
    """The same times wherever a recording may keep them."""
    import h5py
    import zarr

    np.save(folder / "times.npy", times)
    np.concatenate([times[:100], times, times[:7]]).tofile(folder / "more.raw")
    more = np.memmap(folder / "more.raw", np.float64, "r")
    file = h5py.File(folder / "times.h5", "w")
    return {
        "array": times,
        "map": np.load(folder / "times.npy", mmap_mode="r"),
        "slice of a map": more[50:][50:-7],
        "every second of a map": np.memmap(folder / "twice.raw", times.dtype, "w+", 0, (2000,))[
            ::2
        ],
        "HDF5": file.create_dataset("whole", data=times),
        "HDF5 in small chunks": file.create_dataset("small", data=times, chunks=(7,)),
        "Zarr in large chunks": zarr.array(times, chunks=(600,)),
        "Zarr in one chunk": zarr.array(times, chunks=(5000,)),
    }


@pytest.mark.parametrize("chunk_samples", [64, 1000])
def test_times_are_read_from_wherever_they_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chunk_samples: int
) -> None:
    monkeypatch.setattr(time_vectors, "CHUNK_SAMPLES", chunk_samples)
    times = regular(1000)
    for where, vector in vectors(tmp_path, times).items():
        if where.startswith("every second"):
            vector[:] = times
        read = times_reader(vector)
        for start, stop in ((0, 64), (64, 128), (599, 601), (0, 1000), (999, 1000), (10, 12)):
            np.testing.assert_array_equal(read(start, stop), times[start:stop], where)


def test_a_map_is_read_without_touching_its_pages(tmp_path: Path) -> None:
    mapped = np.memmap(tmp_path / "times.raw", np.float64, "w+", shape=(100,))
    assert not isinstance(times_reader(mapped)(0, 100), np.memmap)


def test_chunks_of_a_dataset_are_decoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[int] = []

    class Dataset:
        chunks = (300,)

        def __getitem__(self, part: slice) -> Times:
            decoded.append(part.start)
            return regular(1000)[part]

    for module in (time_vectors, timestamps, clock_anchors):
        monkeypatch.setattr(module, "CHUNK_SAMPLES", 70)
    assert check_times(times_reader(Dataset()), 1000, 1000, RATE_HZ).reset_reason is None
    assert decoded == [0, 300, 600, 900]
