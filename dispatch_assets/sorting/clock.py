"""From samples of a job's recording to seconds, on the clock that the job decided on.

Three clocks may differ:

- the *recording's clock*: its timestamps where they were kept, else regular from its start time
  (from 0 where broken timestamps were reset);
- the *original clock*: the timestamps that were reset, recovered from the job's report; or, where
  a group of recordings is sorted as one, the clock that each of them has by itself;
- the *session's clock*: one for all segments and recordings in one file. It is the recording's
  clock as long as no two segments overlap; else segments follow one another as if concatenated.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from dispatch_assets.clock_anchors import original_time_s
from dispatch_assets.sample_map import own_times

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.models import TimestampReport
    from dispatch_assets.sample_map import ConcatenatedSegment

Key = TypeVar("Key", bound=Hashable)
_TOUCHING_S = 1e-3  # segments that follow without a pause may overlap by a sample of drift


@dataclass(frozen=True)
class Span:
    """From the first sample to the end of the last one, in seconds."""

    start_s: float
    stop_s: float

    @property
    def duration_s(self) -> float:
        """Its length in seconds."""
        return self.stop_s - self.start_s


class RecordingClock:
    """The times of a recording's samples.

    Parameters
    ----------
    recording
        The recording, all of its segments.
    report
        The job's verdict on its times. Its samples are those of the recording: a clip for
        debugging begins with the first sample.
    concatenated
        What the recording consists of, if it is a group's; else None.
    """

    def __init__(
        self,
        recording: BaseRecording,
        report: TimestampReport,
        concatenated: Sequence[ConcatenatedSegment] | None = None,
    ) -> None:
        self.recording, self.report, self.concatenated = recording, report, concatenated

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return int(self.recording.get_num_segments())

    @property
    def was_reset(self) -> bool:
        """Whether broken timestamps were replaced by a regular clock."""
        return self.report.verdict == "reset"

    @property
    def has_original(self) -> bool:
        """Whether the original clock is another than the recording's."""
        return self.was_reset or self.concatenated is not None

    def part_of(self, segment: int, samples: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return which part of the recording samples lie in.

        Parameters
        ----------
        segment
            Index of the segment.
        samples
            Sample indices in it, shape (n,).

        Returns
        -------
        numpy.ndarray
            The segment; of a group, which entry of `concatenated`; int64, shape (n,).
        """
        if self.concatenated is None:
            return np.full(len(samples), segment)
        return own_times(self.concatenated, samples)[0]

    def span(self, segment: int) -> Span:
        """Return when a segment begins and ends on the recording's clock."""
        n_samples = self.recording.get_num_samples(segment)
        ends = self.time_s(segment, np.array([0, n_samples - 1]))
        return Span(float(ends[0]), float(ends[1]) + 1 / self.recording.get_sampling_frequency())

    def time_s(self, segment: int, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return times on the recording's clock.

        Parameters
        ----------
        segment
            Index of the segment.
        samples
            Sample indices in it, shape (n,).

        Returns
        -------
        numpy.ndarray
            Seconds, float64, shape (n,); to the last bit what SpikeInterface gives.
        """
        times = self.recording.sample_index_to_time(samples, segment_index=segment)
        return np.asarray(times, dtype=np.float64)

    def original_time_s(self, segment: int, samples: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return times on the original clock; NaN where nothing is known about it.

        Where the times were kept, that is the recording's clock. Of a group, it is that of each
        recording in it, so that times of different ones may be the same.

        Parameters
        ----------
        segment
            Index of the segment.
        samples
            Sample indices in it, shape (n,).

        Returns
        -------
        numpy.ndarray
            Seconds, float64, shape (n,). A segment with a regular clock, which was reset with a
            neighbour's broken timestamps, is regular from its own start time.
        """
        if self.concatenated is not None:
            return own_times(self.concatenated, samples)[1]
        if not self.was_reset:
            return self.time_s(segment, samples)
        clock = self.report.segments[segment]
        if clock.clock_anchors:
            return original_time_s(clock, np.asarray(samples))
        if clock.explicit or clock.t_start_s is None:
            return np.full(len(samples), np.nan)
        rate_hz = float(self.recording.get_sampling_frequency())
        return clock.t_start_s + np.asarray(samples, dtype=np.float64) / rate_hz


def offsets(spans: Mapping[Key, Span]) -> dict[Key, float]:
    """Return by how much to shift each span so that all lie on one clock.

    Parameters
    ----------
    spans
        Spans by key, in order of acquisition.

    Returns
    -------
    dict
        Seconds to add, by key: all 0 if no two spans overlap; else the first stays and each
        begins where the one before it ends, as in SpikeInterface's ``concatenate_recordings``.
    """
    if not _overlap(list(spans.values())):
        return dict.fromkeys(spans, 0.0)
    found: dict[Key, float] = {}
    end_s = next(iter(spans.values())).start_s
    for key, span in spans.items():
        found[key] = end_s - span.start_s
        end_s += span.duration_s
    return found


def _overlap(spans: list[Span]) -> bool:
    ordered = sorted(spans, key=lambda s: s.start_s)
    return any(a.stop_s - b.start_s > _TOUCHING_S for a, b in itertools.pairwise(ordered))
