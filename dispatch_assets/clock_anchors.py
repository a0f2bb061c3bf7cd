"""The way back to a clock that was reset: few points, from which its times can be recovered.

Knows arrays of seconds, in memory or on disk, and nothing of recordings.
"""

from __future__ import annotations

import heapq
import math
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.models import SegmentClock
from dispatch_assets.time_vectors import CHUNK_SAMPLES, ReadTimes

if TYPE_CHECKING:
    from numpy.typing import NDArray

MAX_ANCHORS = 5000  # per segment: 100 kB of JSON
TOLERANCE_S = 1e-6  # a thirtieth of a sample of Neuropixels


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
