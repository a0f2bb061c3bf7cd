"""Preprocessing keeps segments apart and the clock of the recording."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, load

from dispatch_assets.sorting.step import StepContext
from dispatch_assets_tests.sorting.lab import (
    context_of,
    write_known,
)
from dispatch_assets_tests.sorting.preprocessed_lab import preprocess, traces


@pytest.mark.usefixtures("without_figures")
class TestSegmentsAndTimes:
    def test_segments_stay_segments(self, tmp_path: Path) -> None:
        known = write_known(tmp_path / "data", durations_s=(2.0, 1.5), n_units=1)
        result, saved = preprocess(context_of(known, tmp_path / "results"))
        assert [saved.get_num_samples(i) for i in range(2)] == [60_000, 45_000]
        assert result.facts["n_segments"] == 2
        raw = load(known.session)
        for i in range(2):
            expected = traces(raw, i) - np.median(traces(raw, i), axis=1, keepdims=True)
            window = slice(5_000, 40_000)
            channel = traces(saved, i)[window, 4]
            assert np.corrcoef(channel, expected[window, 4])[0, 1] > 0.95

    def with_clock(self, tmp_path: Path, **options: object) -> tuple[StepContext, np.ndarray]:
        def drifting(recording: BaseRecording) -> BaseRecording:
            recording = recording.select_channels(recording.channel_ids)
            recording.set_times(times)
            return recording

        times = 100.0 + np.arange(90_000) / 30_000 * (1 + 1e-5)
        times[60_000:] += 1.5e-3  # a gap
        if options.pop("broken", False):
            times[30_000:] += 10.0
        known = write_known(
            tmp_path / "data", durations_s=(3.0,), n_channels=12, n_units=1, change=drifting
        )
        return context_of(known, tmp_path / "results", **options), times  # type: ignore[arg-type]

    def test_kept_timestamps_survive(self, tmp_path: Path) -> None:
        context, times = self.with_clock(tmp_path)
        assert context.job.timestamps.verdict == "kept"
        _, saved = preprocess(context)
        assert saved.has_time_vector(0)
        assert np.array_equal(saved.get_times(), times)

    def test_reset_timestamps_are_regular(self, tmp_path: Path) -> None:
        context, _ = self.with_clock(tmp_path, broken=True)
        assert context.job.skip_times
        _, saved = preprocess(context)
        assert np.allclose(saved.get_times(), np.arange(90_000) / 30_000)

    @pytest.mark.parametrize("broken", [False, True])
    def test_a_job_clipped_for_debugging_keeps_its_clock(
        self, tmp_path: Path, *, broken: bool
    ) -> None:
        context, times = self.with_clock(tmp_path, broken=broken, debug=True, debug_duration=2.0)
        assert context.job.n_samples == [60_000]
        assert context.job.skip_times is broken
        _, saved = preprocess(context)
        regular = np.arange(60_000) / 30_000
        at = np.flatnonzero(times == context.job.timestamps.segments[0].t_start_s)
        start = 0 if broken else int(at[0])
        expected = regular if broken else times[start : start + 60_000]
        assert np.allclose(saved.get_times(), expected, atol=1e-9)
