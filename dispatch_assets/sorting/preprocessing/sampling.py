"""Random stretches of a recording: what can be known about it without reading all of it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

N_CHUNKS = 20
CHUNK_S = 0.1
MAD_TO_SD = 1 / 0.6744897501960817  # of a normal distribution: 1 / norm.ppf(0.75)


def sample_slices(recording: BaseRecording, seed: int) -> list[tuple[int, int, int]]:
    """Return (segment, first sample, end) of `N_CHUNKS` random stretches or a few more.

    Every segment gets as many, at least one; none is longer than half of the shortest segment.
    """
    from spikeinterface.core.time_series_tools import get_random_sample_slices

    n_segments = recording.get_num_segments()
    shortest = min(recording.get_num_samples(i) for i in range(n_segments))
    size = min(int(CHUNK_S * recording.get_sampling_frequency()), shortest // 2)
    slices = get_random_sample_slices(
        recording,
        num_chunks_per_segment=math.ceil(N_CHUNKS / n_segments),
        chunk_size=size,
        seed=seed,
    )
    return [(int(segment), int(start), int(end)) for segment, start, end in slices]


def read_slices(
    recording: BaseRecording, slices: list[tuple[int, int, int]]
) -> Iterator[NDArray[Any]]:
    """Yield traces of shape (n_samples, n_channels) in the recording's own units."""
    for segment, start, end in slices:
        yield recording.get_traces(segment_index=segment, start_frame=start, end_frame=end)


def robust_sd(traces: NDArray[Any]) -> NDArray[np.float64]:
    """Return each channel's standard deviation without its spikes, from the median deviation.

    Parameters
    ----------
    traces
        Shape (n_samples, n_channels).
    """
    deviations = np.abs(traces - np.median(traces, axis=0))
    return np.asarray(np.median(deviations, axis=0) * MAD_TO_SD, dtype=np.float64)
