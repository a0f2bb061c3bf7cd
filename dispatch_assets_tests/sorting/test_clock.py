"""Samples to seconds: kept, regular, reset and clipped clocks; segments on one clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, NumpyRecording

from dispatch_assets.clocks import timestamp_report
from dispatch_assets.input_format import SourceSegment
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


def clock_of(
    tmp_path: Path, change: Change, n_segments: int = 1, **dispatch: Any
) -> tuple[RecordingClock, StepContext]:
    durations_s = (2.0,) * n_segments
    known = write_known(
        tmp_path / "data", n_channels=4, n_units=2, durations_s=durations_s, change=change
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


def times_of_segments(*times: FloatArray) -> Change:
    def change(lazy: BaseRecording) -> BaseRecording:
        recording = lazy.save(format="memory", verbose=False)
        for i, vector in enumerate(times):
            recording.set_times(vector, segment_index=i)
        return recording

    return change


@pytest.mark.parametrize("skip", [False, True], ids=["checked", "not checked"])
def test_sound_segment_keeps_its_times_if_its_neighbour_is_broken(
    tmp_path: Path, skip: bool
) -> None:
    change = times_of_segments(true_times(), payload.with_gap(true_times(100.0), 250.0))
    clock, context = clock_of(tmp_path, change, n_segments=2, skip_timestamps_check=skip)
    assert clock.was_reset is not skip
    assert [s.reset_reason is None for s in context.job.timestamps.segments] == [True, skip]
    expected = [true_times(), payload.with_gap(true_times(100.0), 250.0)]
    for i, times in enumerate(expected):
        recovered = clock.original_time_s(i, SAMPLES)
        np.testing.assert_allclose(recovered, times[SAMPLES], rtol=0, atol=1e-6)
    assert not any("recover" in w for w in context.job.warnings)


def test_regular_segment_keeps_its_start_if_its_neighbour_is_broken() -> None:
    recording = NumpyRecording([np.zeros((60_000, 1), np.int16)] * 2, RATE_HZ)
    recording.segments[0]._t_start = 7.5
    recording.set_times(payload.with_gap(true_times(100.0), 250.0), segment_index=1)
    for skip in (False, True):  # a job holds no times that were set by hand, checked or not
        report = timestamp_report(recording, [SourceSegment(0), SourceSegment(1)], skip=skip)
        reset = recording.clone()
        reset.reset_times()
        clock = RecordingClock(reset, report)
        assert clock.was_reset
        assert not report.segments[0].explicit
        np.testing.assert_array_equal(clock.original_time_s(0, SAMPLES), 7.5 + SAMPLES / RATE_HZ)
        assert np.isfinite(clock.original_time_s(1, SAMPLES)).all()


def test_steps_too_small_to_break_a_clock_come_back_too(tmp_path: Path) -> None:
    steps_s = np.cumsum(np.isin(np.arange(60_000), range(4_000, 44_000, 4_000))) * 1.5e-3
    expected = payload.with_gap(true_times(), 250.0) + steps_s
    clock, _ = clock_of(tmp_path, times_of_segments(expected))
    assert clock.was_reset
    samples = np.arange(60_000)
    np.testing.assert_allclose(clock.original_time_s(0, samples), expected, rtol=0, atol=1e-6)


def test_what_cannot_be_recovered_is_said(tmp_path: Path) -> None:
    noise_s = np.random.default_rng(0).normal(0, 5e-6, 60_000)
    expected = payload.with_gap(true_times(), 250.0) + noise_s
    clock, context = clock_of(tmp_path, times_of_segments(expected))
    off_ms = np.abs(clock.original_time_s(0, np.arange(60_000)) - expected).max() * 1000
    (warning,) = [w for w in context.job.warnings if "recover" in w]
    assert f"to within {off_ms:.2g} ms only" in warning


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
