"""The way back from samples of a concatenation to the recordings that it is made of.

Knows sample numbers and seconds, and nothing of files. Recordings of different days have clocks of
their own that may say the same time twice, so a time goes with the recording that it belongs to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from dispatch_assets.errors import ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray


class ConcatenatedSegment(BaseModel):
    """One segment of one recording, where it lies in a concatenation, and its own clock."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_key: str = Field(description="Key of the recording's own job.")
    segment: int = Field(description="Zero-based segment within that job's recording.")
    first_sample: int = Field(description="Where it begins in the concatenation.")
    n_samples: int = Field(description="Number of its samples.")
    sampling_frequency_hz: float = Field(description="Sampling frequency in Hz.")
    clock: Literal["regular", "anchors", "unknown"] = Field(
        description="How to get its own time. regular: t_start_s plus sample divided by rate; "
        "anchors: linear between them; unknown: it has none that can be recovered."
    )
    t_start_s: float | None = Field(
        default=None, description="Own time of its first sample in seconds; null if unknown."
    )
    anchors: list[tuple[int, float]] = Field(
        default_factory=list, description="(sample of the segment, own time in s)."
    )
    max_error_ms: float | None = Field(
        default=None,
        description="Largest difference between its timestamps and the line between anchors, in "
        "ms; null if that was not measured.",
    )


def sample_map(parts: Sequence[ConcatenatedSegment]) -> list[ConcatenatedSegment]:
    """Return the segments with their places in a concatenation, one behind the other."""
    first, placed = 0, []
    for part in parts:
        placed.append(part.model_copy(update={"first_sample": first}))
        first += part.n_samples
    return placed


def own_times(
    segments: Sequence[ConcatenatedSegment], samples: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Map samples of a concatenation back to the recordings' own clocks.

    Parameters
    ----------
    segments
        What it is made of, in order.
    samples
        Sample indices in the concatenation, shape (n,), in any order.

    Returns
    -------
    member : numpy.ndarray
        For each sample, which of `segments` it lies in, int64, shape (n,).
    time_s : numpy.ndarray
        Its time on that recording's own clock in seconds, float64, shape (n,); NaN where that is
        unknown.

    Raises
    ------
    ParameterError
        If a sample lies outside of the concatenation.
    """
    asked = np.asarray(samples, dtype=np.int64)
    end = sum(s.n_samples for s in segments)
    if asked.size and (asked.min() < 0 or asked.max() >= end):
        outside = int(asked[(asked < 0) | (asked >= end)][0])
        raise ParameterError(f"is outside of the {end:,} samples there are", f"sample {outside}")
    firsts = np.array([s.first_sample for s in segments], dtype=np.int64)
    member = np.searchsorted(firsts, asked, side="right") - 1
    time_s = np.full(asked.shape, np.nan)
    for i in np.unique(member):
        here = member == i
        time_s[here] = _time_s(segments[i], asked[here] - segments[i].first_sample)
    return member, time_s


def _time_s(segment: ConcatenatedSegment, samples: NDArray[np.int64]) -> NDArray[np.float64]:
    if segment.clock == "anchors":
        at, times = zip(*segment.anchors, strict=True)
        between: NDArray[np.float64] = np.interp(samples, at, times)
        return between
    if segment.clock == "regular" and segment.t_start_s is not None:
        return segment.t_start_s + samples / segment.sampling_frequency_hz
    return np.full(samples.shape, np.nan)
