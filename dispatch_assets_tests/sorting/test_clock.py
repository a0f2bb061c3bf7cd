"""Samples to seconds: kept, regular, reset and clipped clocks; segments on one clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeinterface.core import BaseRecording

from dispatch_assets.sorting.clock import RecordingClock, Span, offsets
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import StepContext
from dispatch_assets_tests.samples import payload
from dispatch_assets_tests.samples.payload import FloatArray
from dispatch_assets_tests.sorting.lab import context_of, publish_raw, write_known
from dispatch_assets_tests.sorting.nwb_lab import with_times

Change = Callable[[BaseRecording], BaseRecording]
RATE_HZ = 30_000.0
SAMPLES = np.array([0, 1, 29_999, 30_000, 59_999])


def clock_of(tmp_path: Path, change: Change, **dispatch: Any) -> tuple[RecordingClock, StepContext]:
    known = write_known(
        tmp_path / "data", n_channels=4, n_units=2, durations_s=(2.0,), change=change
    )
    context = context_of(known, tmp_path / "results", **dispatch)
    publish_raw(context)
    return RecordingClock(context.preprocessed(), context.job.timestamps), context


def unchanged(recording: BaseRecording) -> BaseRecording:
    return recording


def true_times(t0_s: float = 3.25) -> FloatArray:
    times: FloatArray = t0_s + np.arange(60_000, dtype=np.float64) * (1 + 3e-6) / RATE_HZ
    return times


def test_regular_clock_begins_at_zero(tmp_path: Path) -> None:
    clock, _ = clock_of(tmp_path, unchanged)
    np.testing.assert_array_equal(clock.time_s(0, SAMPLES), SAMPLES / RATE_HZ)
    np.testing.assert_array_equal(clock.original_time_s(0, SAMPLES), SAMPLES / RATE_HZ)
    assert clock.span(0) == Span(0.0, 2.0)
    assert not clock.was_reset


def test_kept_timestamps_are_read_to_the_last_bit(tmp_path: Path) -> None:
    clock, context = clock_of(tmp_path, with_times(lambda times: times))
    assert context.job.timestamps.verdict == "kept"
    np.testing.assert_array_equal(clock.time_s(0, SAMPLES), true_times()[SAMPLES])
    assert clock.span(0).stop_s == true_times()[-1] + 1 / RATE_HZ


def test_original_clock_of_a_reset_recording_comes_back(tmp_path: Path) -> None:
    clock, _ = clock_of(tmp_path, with_times(lambda t: payload.with_gap(t, 500.0)))
    assert clock.was_reset
    np.testing.assert_array_equal(clock.time_s(0, SAMPLES), SAMPLES / RATE_HZ)
    expected = payload.with_gap(true_times(), 500.0)[SAMPLES]
    np.testing.assert_allclose(clock.original_time_s(0, SAMPLES), expected, rtol=0, atol=1e-9)


def test_clock_that_never_was_cannot_come_back(tmp_path: Path) -> None:
    clock, _ = clock_of(tmp_path, with_times(payload.unsynchronised))
    assert clock.was_reset
    assert np.isnan(clock.original_time_s(0, SAMPLES)).all()


@pytest.mark.parametrize("gap_ms", [0.0, 500.0], ids=["kept", "reset"])
def test_clip_for_debugging_keeps_the_clock(tmp_path: Path, gap_ms: float) -> None:
    def edit(times: FloatArray) -> FloatArray:
        return payload.with_gap(times, gap_ms) if gap_ms else times

    clock, context = clock_of(tmp_path, with_times(edit), debug=True, debug_duration=0.5)
    assert context.job.n_samples == [15_000]
    samples = np.array([0, 7_000, 14_999])
    expected = edit(true_times())[samples]
    np.testing.assert_allclose(clock.original_time_s(0, samples), expected, rtol=0, atol=1e-9)


def test_clock_survives_preprocessing_to_disk(tmp_path: Path) -> None:
    clock, context = clock_of(tmp_path, with_times(lambda times: times))
    raw = load_recording(context.job, context.data_folder)
    np.testing.assert_array_equal(clock.time_s(0, SAMPLES), raw.get_times()[SAMPLES])


def test_spans_apart_stay_where_they_are() -> None:
    spans = {0: Span(10.0, 20.0), 1: Span(30.0, 40.0), 2: Span(20.0, 25.0)}
    assert offsets(spans) == {0: 0.0, 1: 0.0, 2: 0.0}


def test_touching_spans_stay_even_if_their_clocks_drift() -> None:
    assert offsets({0: Span(0.0, 10.00002), 1: Span(10.0, 20.0)}) == {0: 0.0, 1: 0.0}


def test_overlapping_spans_follow_one_another() -> None:
    spans = {"a": Span(5.0, 17.0), "b": Span(5.0, 13.0), "c": Span(0.0, 1.0)}
    found = offsets(spans)
    assert found == {"a": 0.0, "b": 12.0, "c": 25.0}
    placed = [(s.start_s + found[k], s.stop_s + found[k]) for k, s in spans.items()]
    assert placed == [(5.0, 17.0), (17.0, 25.0), (25.0, 26.0)]


def test_no_spans_need_no_offsets() -> None:
    assert offsets({}) == {}
