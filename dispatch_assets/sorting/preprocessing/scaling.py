"""From floats to int16: which gain, so that it neither clips nor is coarse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.sorting.preprocessing.sampling import read_slices, robust_sd, sample_slices

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

# Rounding adds a noise of 1/sqrt(12) bit: below 1 % of the noise's variance from 3 bits on.
MIN_NOISE_BITS = 3.0
NOISE_BITS = 16.0  # of a gain of our own: rounding is 0.03 % of the variance, the range 2000 sd
HEADROOM = 2.0  # stretches that were not looked at may hold larger peaks
LIMIT = 2**15 - 1


def levels(recording: BaseRecording, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return noise level and largest absolute value of each channel, in the recording's bits.

    From random stretches, each array of shape (n_channels,).
    """
    noise, peak = [], []
    for traces in read_slices(recording, sample_slices(recording, seed)):
        noise.append(robust_sd(traces))
        peak.append(np.abs(traces).max(axis=0))
    return np.median(noise, axis=0), np.max(peak, axis=0).astype(np.float64)


def with_one_gain(recording: BaseRecording) -> BaseRecording:
    """Return a float recording whose channels have one positive gain, all of them the same.

    References and sorters compare channels as they are stored, and take troughs for spikes.
    """
    from spikeinterface.preprocessing import scale

    gains, offsets = recording.get_channel_gains(), recording.get_channel_offsets()
    gain_uv = float(np.median(np.abs(gains)))
    if gain_uv == 0 or (np.all(gains == gains[0]) and gains[0] > 0):
        return recording
    recording = scale(recording, gain=gains / gain_uv, dtype="float32")
    recording.set_channel_gains(gain_uv)
    recording.set_channel_offsets(offsets)
    return recording


def to_int16(
    recording: BaseRecording,
    raw_dtype: np.dtype[Any],
    noise: NDArray[np.float64],
    peak: NDArray[np.float64],
) -> BaseRecording:
    """Return the recording as int16, with a gain that suits it.

    The raw gain is kept where raw data are integers, the noise is at least `MIN_NOISE_BITS` and
    peaks fit. Else all channels get one gain that makes the median noise level `NOISE_BITS`, or
    somewhat coarser if peaks would not fit with `HEADROOM`. Whatever exceeds the range all the
    same is clipped rather than wrapped.

    Parameters
    ----------
    recording
        float32.
    raw_dtype
        Data type of the raw recording.
    noise, peak
        Of `levels`.
    """
    from spikeinterface.preprocessing import astype, clip, scale

    typical = float(np.median(noise))
    keep = raw_dtype.kind in "iu" and typical >= MIN_NOISE_BITS and peak.max() <= LIMIT
    if not keep:
        gains, offsets = recording.get_channel_gains(), recording.get_channel_offsets()
        gain_uv = _gain_uv(noise * np.abs(gains), float((peak * np.abs(gains)).max()))
        recording = scale(recording, gain=gains / gain_uv, dtype="float32")
        recording.set_channel_gains(gain_uv)
        recording.set_channel_offsets(offsets)
    return astype(clip(recording, a_min=-float(LIMIT), a_max=float(LIMIT)), "int16")


def _gain_uv(noise_uv: NDArray[np.float64], peak_uv: float) -> float:
    """Return the gain in uV per bit, with two significant digits."""
    typical_uv = float(np.median(noise_uv))
    finest, coarsest = typical_uv / NOISE_BITS, typical_uv / MIN_NOISE_BITS
    fits_uv = HEADROOM * peak_uv / LIMIT
    gain_uv = min(max(finest, fits_uv), coarsest) if typical_uv > 0 else fits_uv or 1.0
    return float(f"{gain_uv:.2g}")
