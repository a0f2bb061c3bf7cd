"""The recording's clock as a horizontal axis: segments side by side, each with its own times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from spikeinterface.core import BaseRecording

_GAP = 0.02  # between two segments, as a share of all segments together
_N_TICKS = 7
_LEAST_TICK_DISTANCE = 0.09
_LONG_NUMBER_S = 1e5  # clocks that count from 1970, say: such times do not fit under an axis


@dataclass(frozen=True)
class Clock:
    """When the segments of a recording began, and how long they are.

    Attributes
    ----------
    starts_s
        Time of each segment's first sample on the recording's clock, in seconds.
    durations_s
        Time that each segment covers on that clock, in seconds.
    """

    starts_s: tuple[float, ...]
    durations_s: tuple[float, ...]

    @classmethod
    def of(cls, recording: BaseRecording) -> Clock:
        """Read the clock of a recording."""
        segments = range(recording.get_num_segments())
        starts = tuple(float(recording.get_start_time(i)) for i in segments)
        ends = (float(recording.get_end_time(i)) for i in segments)
        period_s = 1 / recording.sampling_frequency
        return cls(starts, tuple(end - s + period_s for s, end in zip(starts, ends, strict=True)))

    @property
    def offsets(self) -> NDArray[np.float64]:
        """Where each segment begins on the axis."""
        widths = np.array(self.durations_s) + _GAP * sum(self.durations_s)
        return np.concatenate([[0.0], np.cumsum(widths)[:-1]])

    @property
    def width(self) -> float:
        """Length of the axis."""
        return float(self.offsets[-1] + self.durations_s[-1])

    def place(self, segment: NDArray[Any], times_s: NDArray[Any]) -> NDArray[np.float64]:
        """Return positions on the axis for times of the recording's clock, in seconds."""
        placed = times_s - np.array(self.starts_s)[segment] + self.offsets[segment]
        return np.asarray(placed, dtype=np.float64)

    def dress(self, axes: Axes, n_ticks: int = _N_TICKS) -> None:
        """Give an axis its limits, its ticks, separators between segments, and its name."""
        relative = max(np.abs(self.starts_s)) >= _LONG_NUMBER_S
        positions, labels = self._ticks(relative, n_ticks)
        axes.set_xlim(-0.005 * self.width, 1.005 * self.width)
        axes.set_xticks(positions, labels)
        for offset in self.offsets[1:]:
            axes.axvline(
                offset - _GAP / 2 * sum(self.durations_s), color="0.3", lw=0.8, ls=(0, (4, 2))
            )
        if relative and len(self.starts_s) == 1:
            name = f"time (s) after {self.starts_s[0]:.2f} s"
        else:
            name = "time in segment (s)" if relative else "time (s)"
        many = f", {len(self.starts_s)} segments" if len(self.starts_s) > 1 else ""
        axes.set_xlabel(name + many)

    def _ticks(self, relative: bool, n_ticks: int) -> tuple[list[float], list[str]]:
        from matplotlib.ticker import MaxNLocator

        positions: list[float] = []
        labels: list[str] = []
        least = _LEAST_TICK_DISTANCE * self.width * _N_TICKS / n_ticks
        for start, duration, offset in zip(
            self.starts_s, self.durations_s, self.offsets, strict=True
        ):
            first = 0.0 if relative else start
            n_here = max(1, round(n_ticks * duration / self.width))
            for t in MaxNLocator(n_here, steps=[1, 2, 5, 10]).tick_values(first, first + duration):
                at = float(offset + t - first)
                inside = -1e-9 <= t - first <= duration
                if inside and (not positions or at - positions[-1] >= least):
                    positions.append(at)
                    labels.append(f"{t:.10g}")
        return positions, labels
