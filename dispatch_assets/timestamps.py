"""Streaming check of recording times, which decides whether a clock is good enough to keep.

The thresholds and their order are those of the Allen Institute's dispatcher, so that the same
recordings get their times reset; the report says besides where the clock broke. Knows arrays of
seconds, in memory or on disk, and nothing of recordings.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.errors import count
from dispatch_assets.models import Discontinuity, SegmentClock
from dispatch_assets.time_vectors import CHUNK_SAMPLES, ReadTimes

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_BACKWARD_STEP_MS = 0.2  # a step back by more than this counts as negative
MAX_NEGATIVE_STEPS = 10
MAX_STEP_MS = 2.0
MAX_ZERO_FRACTION = 0.02
MAX_LISTED = 1000  # discontinuities that are listed one by one


def check_times(
    read: ReadTimes,
    n_times: int,
    n_samples: int,
    sampling_frequency: float,
    *,
    reset_because: str | None = None,
) -> SegmentClock:
    """Check one segment's time vector in chunks and say whether it can be kept.

    Parameters
    ----------
    read
        ``read(start, stop)`` returns times ``start:stop`` in seconds, shape (stop - start,).
    n_times
        Length of the time vector.
    n_samples
        Number of samples of the segment.
    sampling_frequency
        Nominal rate in Hz; steps that differ from its period by more than `MAX_STEP_MS` are
        listed as discontinuities.
    reset_because
        Why the times cannot be kept, even if they are good.

    Returns
    -------
    SegmentClock
        Verdict and what it rests on, without anchors. `SegmentClock.reset_reason` is None if
        nothing speaks against the times.
    """
    if n_times != n_samples:
        what = f"{count(n_times, 'timestamp')} for {count(n_samples, 'sample')}"
        return SegmentClock(n_samples=n_samples, explicit=True, reset_reason=what)
    scan = _Scan(sampling_frequency)
    for start in range(0, n_times, CHUNK_SAMPLES):
        scan.add(start, np.asarray(read(start, min(start + CHUNK_SAMPLES, n_times)), dtype=float))
    return scan.clock(n_samples, reset_because)


class _Scan:
    """Running totals over the chunks of one time vector."""

    def __init__(self, sampling_frequency: float) -> None:
        self.period_s = 1.0 / sampling_frequency
        self.n_negative = self.n_zero = self.n_not_finite = self.n_discontinuities = 0
        self.max_step_ms = 0.0
        self.first: float | None = None
        self.last: float | None = None
        self.unsynchronised = True
        self.listed: list[Discontinuity] = []
        self.buffer: NDArray[np.float64] = np.empty(0)

    def add(self, start: int, times: NDArray[np.float64]) -> None:
        if self.first is None:
            self.first = float(times[0])
        self.unsynchronised = self.unsynchronised and bool(np.all(times == -1.0))
        steps_ms = self._steps_ms(times)
        offset = start + times.size - steps_ms.size
        if not self._is_even(steps_ms):
            self.n_not_finite += int(np.count_nonzero(~np.isfinite(times)))
            self._count(steps_ms)
            self._list(offset, steps_ms, times[times.size - steps_ms.size :])
        self.last = float(times[-1])

    def _steps_ms(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the steps to and between `times`, in memory that the next call uses again.

        New memory would go back to the system every time, which costs more than the check itself.
        """
        if self.buffer.size < times.size:
            self.buffer = np.empty(times.size)
        steps_ms = self.buffer[: times.size]
        with np.errstate(invalid="ignore"):  # infinite times are counted elsewhere
            np.subtract(times[1:], times[:-1], out=steps_ms[1:])
            steps_ms[0] = 0.0 if self.last is None else times[0] - self.last
        steps_ms *= 1000.0
        return steps_ms[1:] if self.last is None else steps_ms

    def _is_even(self, steps_ms: NDArray[np.float64]) -> bool:
        """Return whether there is nothing to count or list, as in nearly every chunk; quick."""
        if not steps_ms.size:
            return False
        low, high = float(steps_ms.min()), float(steps_ms.max())  # NaN if any step is
        period_ms = self.period_s * 1000.0
        even = low > 0 and period_ms - low <= MAX_STEP_MS and high - period_ms <= MAX_STEP_MS
        if even:
            self.max_step_ms = max(self.max_step_ms, high)
        return even

    def _count(self, steps_ms: NDArray[np.float64]) -> None:
        self.n_negative += int(np.count_nonzero(steps_ms < -MAX_BACKWARD_STEP_MS))
        self.n_zero += int(np.count_nonzero(steps_ms == 0))
        finite = steps_ms if np.isfinite(steps_ms).all() else steps_ms[np.isfinite(steps_ms)]
        if finite.size:
            self.max_step_ms = max(self.max_step_ms, -float(finite.min()), float(finite.max()))

    def _list(self, offset: int, steps_ms: NDArray[np.float64], times: NDArray[np.float64]) -> None:
        off_ms = steps_ms - self.period_s * 1000.0
        broken = (np.abs(off_ms) > MAX_STEP_MS) | (steps_ms < -MAX_BACKWARD_STEP_MS)
        found = np.flatnonzero(broken & np.isfinite(steps_ms))
        self.n_discontinuities += found.size
        for i in found[: MAX_LISTED - len(self.listed)]:
            before_s = float(times[i] - steps_ms[i] / 1000.0)
            self.listed.append(
                Discontinuity(sample=offset + int(i), time_s=before_s, step_ms=float(steps_ms[i]))
            )

    def clock(self, n_samples: int, reset_because: str | None) -> SegmentClock:
        reason = self._reset_reason(n_samples - 1) or reset_because
        return SegmentClock(
            n_samples=n_samples,
            explicit=True,
            reset_reason=reason,
            t_start_s=_finite(self.first),
            t_end_s=_finite(self.last),
            n_negative_steps=self.n_negative,
            n_zero_steps=self.n_zero,
            n_not_finite=self.n_not_finite,
            max_step_ms=_finite(self.max_step_ms),
            n_discontinuities=self.n_discontinuities,
            discontinuities=self.listed,
        )

    def _reset_reason(self, n_steps: int) -> str | None:
        if self.n_not_finite:
            what = count(self.n_not_finite, "timestamp is", "timestamps are")
            return f"{what} not finite"
        if self.unsynchronised and n_steps:
            return "the stream was never synchronised: every timestamp is -1"
        if self.n_negative > MAX_NEGATIVE_STEPS:
            return f"{self.n_negative} steps back by more than {MAX_BACKWARD_STEP_MS} ms"
        if self.max_step_ms > MAX_STEP_MS:
            return f"a step of {self.max_step_ms:.3f} ms, more than {MAX_STEP_MS:g} ms"
        if n_steps and self.n_zero >= MAX_ZERO_FRACTION * n_steps:
            return f"{self.n_zero} of {n_steps} steps are zero"
        return None


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None
