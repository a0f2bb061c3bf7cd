"""Streaming check of recording times, which decides whether a clock is good enough to keep.

The thresholds and their order are those of the Allen Institute's dispatcher, so that the same
recordings get their times reset; the report says besides where the clock broke. `anchors` are the
way back: few points of a clock, from which its times can be recovered. Knows arrays of seconds, in
memory or on disk, and nothing of recordings.
"""

from __future__ import annotations

import heapq
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
MAX_ANCHORS = 5000  # per segment: 100 kB of JSON
TOLERANCE_S = 1e-6  # a thirtieth of a sample of Neuropixels


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


def anchors(read: ReadTimes, n_samples: int) -> tuple[list[tuple[int, float]], float | None]:
    """Return few points of a time vector between which it is straight.

    Each chunk is split where it is farthest from the line between its ends (Douglas and Peucker,
    Cartographica 10, 112, 1973) until it is within `TOLERANCE_S`, or there are `MAX_ANCHORS`.

    Parameters
    ----------
    read
        ``read(start, stop)`` returns times ``start:stop`` in seconds, shape (stop - start,).
    n_samples
        Length of the vector.

    Returns
    -------
    anchors : list of (int, float)
        Samples and their times in seconds, of times that are finite; empty if none is.
    max_error_ms : float or None
        Largest distance of a finite time from the lines between them; None if there is none.
    """
    kept = _Anchors(max(1, -(-n_samples // CHUNK_SAMPLES)))
    for start in range(0, n_samples, CHUNK_SAMPLES):
        times = np.asarray(read(start, min(start + CHUNK_SAMPLES, n_samples)), dtype=np.float64)
        finite = np.flatnonzero(np.isfinite(times))
        if finite.size:
            kept.add(start + finite, times[finite])
    found = sorted(kept.points + [(sample, time_s) for _, sample, time_s in kept.extra])
    return found, kept.worst_s * 1000.0 if found else None


class _Anchors:
    """The points that are kept so far.

    Half of them are shared out evenly, so that a chunk of noise leaves the others their own. The
    rest goes to where the vector is farthest from straight: breaks may lie in one chunk of many.
    """

    def __init__(self, n_chunks: int) -> None:
        self.share = max(2, MAX_ANCHORS // (2 * n_chunks))
        self.n_extra = max(0, MAX_ANCHORS - self.share * n_chunks)
        self.points: list[tuple[int, float]] = []
        self.extra: list[tuple[float, int, float]] = []  # (rank, sample, time)
        self.worst_s = 0.0

    def add(self, samples: NDArray[np.int64], times: NDArray[np.float64]) -> None:
        found, error_s = self._corners(samples, times)
        for rank, i in found:
            sample, time_s = int(samples[i]), float(times[i])
            if math.isinf(rank):
                self.points.append((sample, time_s))
            else:
                self.extra.append((rank, sample, time_s))
        self.worst_s = max(self.worst_s, error_s)
        self._thin()

    def _corners(
        self, samples: NDArray[np.int64], times: NDArray[np.float64]
    ) -> tuple[list[tuple[float, int]], float]:
        """Return ranks and indices of the ends and the bends, and what is off the lines between.

        The rank of a bend is what is lost without it, at most that of the bend it hangs from;
        infinite within the chunk's share.
        """
        last = len(times) - 1
        found = [(math.inf, i) for i in sorted({0, last})]
        open_: list[tuple[float, int, int, int, float]] = []  # a heap: minus the error, bend, ...

        def look(left: int, right: int, rank: float) -> None:
            if right - left > 1:
                bend, error_s = _bend(samples, times, left, right)
                heapq.heappush(open_, (-error_s, bend, left, right, rank))

        look(0, last, math.inf)
        while open_:
            minus_error_s, bend, left, right, above = heapq.heappop(open_)  # the worst one
            if self._enough(len(found), -minus_error_s):
                return found, -minus_error_s
            rank = math.inf if len(found) < self.share else min(above, -minus_error_s)
            found.append((rank, bend))
            look(left, bend, rank)
            look(bend, right, rank)
        return found, 0.0

    def _enough(self, n_found: int, error_s: float) -> bool:
        if n_found >= self.share and error_s <= self.worst_s:
            return True  # as much is lost elsewhere
        return error_s <= TOLERANCE_S or n_found >= self.share + self.n_extra

    def _thin(self) -> None:
        """Leave out those that matter least; bends that hang from one go before it or with it."""
        if len(self.extra) > self.n_extra:
            self.extra.sort(reverse=True)
            cut = self.extra[self.n_extra][0]
            self.extra = [e for e in self.extra if e[0] > cut]
            self.worst_s = max(self.worst_s, cut)


def _bend(
    samples: NDArray[np.int64], times: NDArray[np.float64], left: int, right: int
) -> tuple[int, float]:
    """Return where a vector is farthest from the line between two of its points, and how far."""
    slope = (times[right] - times[left]) / (samples[right] - samples[left])
    off_s = (samples[left : right + 1] - samples[left]) * slope
    off_s += times[left]
    off_s -= times[left : right + 1]
    np.abs(off_s, out=off_s)
    off_s[[0, -1]] = 0.0  # but for rounding
    at = int(off_s.argmax())
    return left + at, float(off_s[at])


def original_time_s(clock: SegmentClock, sample: NDArray[np.int64]) -> NDArray[np.float64]:
    """Recover times of the clock that was reset, from the anchors in its report.

    Parameters
    ----------
    clock
        Report of a segment whose times were reset; it has anchors.
    sample
        Sample indices, any shape.

    Returns
    -------
    numpy.ndarray
        Seconds on the original clock, same shape: linear between the `anchors`.
    """
    samples, times = zip(*clock.clock_anchors, strict=True)
    recovered: NDArray[np.float64] = np.interp(sample, samples, times)
    return recovered
