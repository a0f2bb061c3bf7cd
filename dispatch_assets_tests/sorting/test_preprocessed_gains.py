"""Channels whose gains differ or are negative: the same recording, stored otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from spikeinterface.core import BaseRecording, NumpyRecording

from dispatch_assets.sorting.step import PREPROCESSED
from dispatch_assets_tests.sorting.lab import SHORT, UV_PER_BIT, context_of, run, write_known

N_CHANNELS = 16


def stored_with(gains: np.ndarray) -> Callable[[BaseRecording], BaseRecording]:
    """Return what stores a recording, with an artefact of all channels, with other gains."""

    def store(recording: BaseRecording) -> BaseRecording:
        traces_uv = recording.get_traces(segment_index=0, return_in_uV=True)
        times_s = np.arange(len(traces_uv)) / recording.sampling_frequency
        traces_uv = traces_uv + 100 * np.sin(2 * np.pi * 900 * times_s)[:, None]
        bits = np.round(traces_uv / gains).astype("int16")
        stored = NumpyRecording(
            [bits], recording.sampling_frequency, channel_ids=recording.channel_ids
        )
        stored.set_channel_gains(gains)
        stored.set_channel_offsets(0.0)
        stored.set_probegroup(recording.get_probegroup())
        return stored

    return store


def preprocessed(folder: Path, factors: list[float]) -> BaseRecording:
    gains = np.resize(np.array(factors), N_CHANNELS) * UV_PER_BIT
    known = write_known(
        folder, n_channels=N_CHANNELS, n_units=2, durations_s=(3.0,), change=stored_with(gains)
    )
    context = context_of(known, folder / "results", SHORT)
    run(context, PREPROCESSED)
    return context.preprocessed()


def test_traces_are_the_same_whatever_the_gains(tmp_path: Path) -> None:
    expected = preprocessed(tmp_path / "equal", [1.0])
    factors = [0.5, 1.0, -2.0, 4.0]
    recording = preprocessed(tmp_path / "other", factors)
    assert len(set(recording.get_channel_gains())) == 1
    assert recording.get_channel_gains()[0] > 0
    coarsest_uv = max(map(abs, factors)) * UV_PER_BIT
    difference_uv = recording.get_traces(return_in_uV=True) - expected.get_traces(return_in_uV=True)
    assert np.abs(difference_uv).max() < 4 * coarsest_uv
