"""Spike times in NWB files: on the clock of the recording, and on the original one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from spikeinterface.core import BaseRecording

from dispatch_assets.sorting.step import StepContext
from dispatch_assets_tests.samples import payload
from dispatch_assets_tests.samples.payload import FloatArray
from dispatch_assets_tests.sorting.lab import (
    Known,
    context_of,
    publish_raw,
    write_known,
)
from dispatch_assets_tests.sorting.nwb_lab import (
    RATE_HZ,
    Spikes,
    assert_same,
    complaints,
    finish,
    nwb_path,
    opened,
    some_spikes,
    spike_times,
    unit_rows,
    with_times,
)


def one_unit(tmp_path: Path, change: Callable[[BaseRecording], BaseRecording]) -> Known:
    return write_known(
        tmp_path / "data", n_channels=4, n_units=1, durations_s=(2.0,), change=change
    )


def timestamps() -> FloatArray:
    """Return what `with_times` gives the two seconds of `one_unit`."""
    times: FloatArray = 3.25 + np.arange(60_000, dtype=np.float64) * (1 + 3e-6) / RATE_HZ
    return times


class TestClocks:
    def _finish(self, tmp_path: Path, known: Known, **dispatch: Any) -> tuple[StepContext, Spikes]:
        context = context_of(known, tmp_path / "results", **dispatch)
        publish_raw(context)
        spikes = some_spikes(context.preprocessed())
        finish(context, spikes)
        return context, spikes

    def test_kept_timestamps(self, tmp_path: Path) -> None:
        known = one_unit(tmp_path, with_times(lambda times: times))
        context, spikes = self._finish(tmp_path, known)
        times = timestamps()
        assert_same(
            spike_times(nwb_path(context)), {u: times[trains[0]] for u, trains in spikes.items()}
        )
        rows = unit_rows(nwb_path(context))
        assert "spike_times_original_clock" not in rows["u0"]
        np.testing.assert_allclose(rows["u0"]["obs_intervals"], [[3.25, times[-1] + 1 / RATE_HZ]])

    def test_reset_timestamps_can_be_recovered(self, tmp_path: Path) -> None:
        change = with_times(lambda times: payload.with_gap(times, 250.0))
        known = one_unit(tmp_path, change)
        context, spikes = self._finish(tmp_path, known)
        original = payload.with_gap(timestamps(), 250.0)
        rows = unit_rows(nwb_path(context))
        for unit, trains in spikes.items():
            np.testing.assert_array_equal(rows[unit]["spike_times"], trains[0] / RATE_HZ)
            recovered = rows[unit]["spike_times_original_clock"]
            np.testing.assert_allclose(recovered, original[trains[0]], rtol=0, atol=1e-9)
        with opened(nwb_path(context)) as file:
            assert "spike_times_original_clock" in file.notes
        assert complaints(nwb_path(context)) == set()

    def test_lost_clock_is_nan(self, tmp_path: Path) -> None:
        change = with_times(payload.unsynchronised)
        known = one_unit(tmp_path, change)
        context, _ = self._finish(tmp_path, known)
        rows = unit_rows(nwb_path(context))
        assert np.isnan(rows["u0"]["spike_times_original_clock"]).all()

    def test_overlapping_segments_follow_one_another(self, tmp_path: Path) -> None:
        known = write_known(tmp_path / "data", n_channels=4, n_units=1, durations_s=(2.0, 1.5))
        context, spikes = self._finish(tmp_path, known)
        rows = unit_rows(nwb_path(context))
        for unit, (first, second) in spikes.items():
            expected = np.concatenate([first / RATE_HZ, second / RATE_HZ + 2.0])
            np.testing.assert_array_equal(rows[unit]["spike_times"], expected)
            np.testing.assert_array_equal(rows[unit]["segment"], [0] * 40 + [1] * 40)
            np.testing.assert_allclose(rows[unit]["obs_intervals"], [[0.0, 2.0], [2.0, 3.5]])
        with opened(nwb_path(context)) as file:
            table = file.processing["ecephys"]["recordings"].to_dataframe()
            assert "offset_s" in file.notes
        assert list(table["offset_s"]) == [0.0, 2.0]
        assert complaints(nwb_path(context)) == set()

    def test_segments_apart_keep_their_times(self, tmp_path: Path) -> None:
        known = write_known(
            tmp_path / "data",
            n_channels=4,
            n_units=1,
            durations_s=(2.0, 1.5),
            change=with_times(lambda times: times),
        )
        context, spikes = self._finish(tmp_path, known)
        rows = unit_rows(nwb_path(context))
        for unit, trains in spikes.items():
            parts = [
                3.25 + 100 * i + train * (1 + 3e-6) / RATE_HZ for i, train in enumerate(trains)
            ]
            np.testing.assert_allclose(
                rows[unit]["spike_times"], np.concatenate(parts), rtol=0, atol=1e-9
            )

    def test_small_steps_back_are_sorted_with_their_spikes(self, tmp_path: Path) -> None:
        change = with_times(lambda times: payload.with_negative_steps(times, 5, 0.3))
        known = one_unit(tmp_path, change)
        context = context_of(known, tmp_path / "results")
        assert context.job.timestamps.verdict == "kept"
        publish_raw(context)
        times = context.preprocessed().get_times()
        (back,) = np.nonzero(np.diff(times) < 0)
        samples = np.unique(np.concatenate([back, back + 1, back + 2]))
        finish(context, {"u0": [samples]})
        expected = np.sort(times[samples])
        assert (np.diff(times[samples]) < 0).any()
        np.testing.assert_array_equal(spike_times(nwb_path(context))["u0"], expected)
        assert complaints(nwb_path(context)) == set()

    def test_clip_says_that_it_is_one(self, tmp_path: Path) -> None:
        known = write_known(tmp_path / "data", n_channels=4, n_units=1, durations_s=(2.0,))
        context, spikes = self._finish(tmp_path, known, debug=True, debug_duration=1.0)
        assert max(t[0].max() for t in spikes.values()) < RATE_HZ
        with opened(nwb_path(context)) as file:
            assert "clipped for debugging" in file.notes
