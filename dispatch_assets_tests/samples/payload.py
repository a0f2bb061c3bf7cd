"""Sample values: int16 traces on disk, synchronised times, and the faults times can have."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Content = Literal["noise", "zeros"]
FloatArray = NDArray[np.float64]
Int16Array = NDArray[np.int16]

BLOCK_SAMPLES = 3000
"""Noise repeats after this many samples: 0.1 s of an AP band."""


def stable_seed(seed: int, *labels: str) -> int:
    """Derive a seed from a base seed and labels, the same in every process.

    Parameters
    ----------
    seed : int
        The seed of the whole sample.
    *labels : str
        What the derived seed is for, for instance a stream name.
    """
    return zlib.crc32("/".join((str(seed), *labels)).encode())


def noise(n_samples: int, n_channels: int, seed: int = 0, amplitude: float = 12.0) -> Int16Array:
    """Make noise that is correlated between channels, most of all between neighbours.

    Parameters
    ----------
    n_samples, n_channels : int
        Shape of the result.
    seed : int
        The same seed gives the same block.
    amplitude : float
        Standard deviation in ADC steps.

    Returns
    -------
    traces : int16 array, (n_samples, n_channels)
        The first `BLOCK_SAMPLES` samples, repeated.
    """
    rng = np.random.default_rng(seed)
    block = min(n_samples, BLOCK_SAMPLES)
    own = rng.standard_normal((block, n_channels), dtype=np.float32)
    mixed = own + 0.6 * (np.roll(own, 1, axis=1) + np.roll(own, -1, axis=1))
    mixed += 0.7 * rng.standard_normal((block, 1), dtype=np.float32)
    traces = np.rint(mixed * (amplitude / max(float(mixed.std()), 1e-6) if block else 0.0))
    traces = traces.astype(np.int16)
    return np.resize(traces, (n_samples, n_channels)) if n_samples > block else traces


def write_int16(
    path: Path, n_samples: int, n_channels: int, content: Content = "noise", seed: int = 0
) -> None:
    """Write interleaved int16 samples, as continuous.dat and SpikeGLX .bin files hold them.

    Parameters
    ----------
    path : Path
        File to write; missing parent folders are made.
    n_samples, n_channels : int
        Shape of the data, (n_samples, n_channels).
    content : {"noise", "zeros"}
        Noise takes disk space; zeros are a sparse file of any length.
    seed : int
        Seed of the noise.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        if content == "zeros":
            file.truncate(2 * n_samples * n_channels)
            return
        block = noise(min(n_samples, BLOCK_SAMPLES), n_channels, seed)
        for start in range(0, n_samples, BLOCK_SAMPLES):
            file.write(block[: n_samples - start].tobytes())


def cut_file(path: Path, n_bytes: int) -> None:
    """Remove the last bytes of a file, as a full disk or a broken copy does.

    Parameters
    ----------
    path : Path
        The file.
    n_bytes : int
        How many bytes are lost; an odd number breaks a sample in two.
    """
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - n_bytes)


def sync_times(n_samples: int, rate_hz: float, t0_s: float, ppm: float = 3.1) -> FloatArray:
    """Make times of a stream on the main clock, from which its own clock differs slightly.

    Parameters
    ----------
    n_samples : int
        Number of times.
    rate_hz : float
        Nominal sampling rate, Hz.
    t0_s : float
        First time, s.
    ppm : float
        How much slower than nominal the stream runs, parts per million.

    Returns
    -------
    times : float64 array, (n_samples,)
        Seconds, strictly increasing.
    """
    return t0_s + np.arange(n_samples, dtype=np.float64) * ((1.0 + ppm * 1e-6) / rate_hz)


def with_gap(times: FloatArray, gap_ms: float) -> FloatArray:
    """Make the middle difference equal to `gap_ms`; what follows keeps its own spacing.

    Parameters
    ----------
    times : float64 array, (n_samples,)
        Seconds.
    gap_ms : float
        The one difference that stands out, ms.
    """
    edited = times.copy()
    middle = len(times) // 2
    edited[middle:] += times[middle - 1] + gap_ms * 1e-3 - times[middle]
    return edited


def with_negative_steps(times: FloatArray, count: int, step_ms: float) -> FloatArray:
    """Make `count` single samples lie `step_ms` before the sample they follow.

    Parameters
    ----------
    times : float64 array, (n_samples,)
        Seconds.
    count : int
        Number of negative differences, spread over the recording.
    step_ms : float
        Their size, ms, given positive.
    """
    edited = times.copy()
    margin = len(times) // (2 * count + 2)
    at = np.linspace(margin, len(times) - margin, count).astype(np.intp)
    edited[at] = times[at - 1] - step_ms * 1e-3
    return edited


def with_zero_steps(times: FloatArray, fraction: float) -> FloatArray:
    """Make times repeat, so that zero differences are the given fraction of all.

    Parameters
    ----------
    times : float64 array, (n_samples,)
        Seconds.
    fraction : float
        Zero differences / all differences, rounded up to a whole number; at most 0.5.
    """
    edited = times.copy()
    count = int(np.ceil(fraction * (len(times) - 1) - 1e-9))
    at = 1 + np.floor(np.arange(count) * ((len(times) - 1) / max(count, 1))).astype(np.intp)
    edited[at] = times[at - 1]
    return edited


def with_nan(times: FloatArray, count: int = 100) -> FloatArray:
    """Make `count` times in the middle NaN.

    Parameters
    ----------
    times : float64 array, (n_samples,)
        Seconds.
    count : int
        How many times become NaN.
    """
    edited = times.copy()
    start = (len(times) - count) // 2
    edited[start : start + count] = np.nan
    return edited


def unsynchronised(times: FloatArray) -> FloatArray:
    """Make every time -1: what Open Ephys writes for a stream that never got synchronised.

    Parameters
    ----------
    times : float64 array, (n_samples,)
        Seconds; only the length is used.
    """
    return np.full_like(times, -1.0)
