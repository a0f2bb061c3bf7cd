"""The clock of a recording: regular, kept or reset, and what that verdict rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.clock_anchors import TOLERANCE_S, anchors
from dispatch_assets.input_format import SourceSegment
from dispatch_assets.models import Discontinuity, SegmentClock, TimestampReport
from dispatch_assets.npy import NpyFile
from dispatch_assets.open_ephys_dats import OPENED_ALONE
from dispatch_assets.recording_json import has_times_set_by_hand
from dispatch_assets.time_vectors import CHUNK_SAMPLES, ReadTimes, times_reader
from dispatch_assets.timestamps import MAX_LISTED, check_times

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


def timestamp_report(
    recording: BaseRecording, segments: Sequence[SourceSegment], *, skip: bool
) -> TimestampReport:
    """Check the times of a recording, segment by segment, without loading them whole.

    Parameters
    ----------
    recording
        The recording, all channels, before any clip.
    segments
        Its segments' sources, one per segment of `recording`.
    skip
        Do not look at the times; they are kept.
    """
    clocks = [_clock(recording, i, s, skip=skip) for i, s in enumerate(segments)]
    reasons = [c.reset_reason for c in clocks if c.reset_reason]
    if reasons:
        return _reset(recording, segments, clocks, reasons[0])
    if not any(c.explicit for c in clocks):
        alone = [a for i in range(len(segments)) if (a := _opened_alone(recording, i))]
        message = " ".join(
            ["The recording has a regular clock.", *(f"Opened alone; {a}." for a in alone)]
        )
        return TimestampReport(verdict="regular", message=message, segments=clocks)
    if skip:
        message = "The timestamps were kept without being checked, as requested."
        return TimestampReport(verdict="not_checked", message=message, segments=clocks)
    message = "The timestamps were checked and kept."
    return TimestampReport(verdict="kept", message=message, segments=clocks)


def _reset(
    recording: BaseRecording,
    segments: Sequence[SourceSegment],
    clocks: Sequence[SegmentClock],
    reason: str,
) -> TimestampReport:
    """Return the report on times that are reset: those of all segments, also of sound ones."""
    message, found, worst_ms = f"Times are reset to a regular clock: {reason}.", [], 0.0
    for i, (source, clock) in enumerate(zip(segments, clocks, strict=True)):
        about, error_ms = _with_way_back(recording, i, source, clock)
        found.append(about)
        worst_ms = max(worst_ms, error_ms)
    if worst_ms > TOLERANCE_S * 1000.0:
        message += f" The anchors recover the original ones to within {worst_ms:.2g} ms only."
    return TimestampReport(verdict="reset", message=message, segments=found)


def _with_way_back(
    recording: BaseRecording, segment: int, source: SourceSegment, clock: SegmentClock
) -> tuple[SegmentClock, float]:
    """Return a clock with what recovers its times, and the largest error of that in ms.

    The times are read once more: most are kept, so a check does not look for anchors.
    """
    if source.times_problem is not None:
        return clock, 0.0
    read = reader_of_times(recording, segment)
    if read is None:
        return clock.model_copy(update={"t_start_s": _t_start_s(recording, segment)}), 0.0
    found, error_ms = anchors(read, clock.n_samples)
    if all(time_s == -1.0 for _, time_s in found):  # none, or the stream was never synchronised
        return clock, 0.0
    return clock.model_copy(update={"clock_anchors": found}), error_ms or 0.0


def _clock(
    recording: BaseRecording, segment: int, source: SourceSegment, *, skip: bool
) -> SegmentClock:
    lost = _lost_samples(source.sample_numbers) if source.sample_numbers is not None else []
    clock = _times(recording, segment, source.times_problem, skip=skip)
    return clock.model_copy(update={"lost_samples": lost})


def _times(
    recording: BaseRecording, segment: int, problem: str | None, *, skip: bool
) -> SegmentClock:
    """Return what is known of a segment's times, having looked at them if that is due."""
    n_samples = recording.get_num_samples(segment)
    left_behind = _left_behind(recording, segment)
    if skip and left_behind is None:
        explicit = recording.has_time_vector(segment)
        return SegmentClock(n_samples=n_samples, explicit=explicit, checked=False)
    if problem is not None:
        return SegmentClock(n_samples=n_samples, explicit=True, reset_reason=problem)
    read = reader_of_times(recording, segment)
    if read is None:  # a regular clock needs no look
        t_start_s = _t_start_s(recording, segment)
        return SegmentClock(n_samples=n_samples, explicit=False, checked=False, t_start_s=t_start_s)
    rate_hz = float(recording.get_sampling_frequency())
    return check_times(read, n_samples, n_samples, rate_hz, reset_because=left_behind)


def _t_start_s(recording: BaseRecording, segment: int) -> float:
    """Return when a regular clock begins; of a Zarr NWB file, that is an array of one value."""
    return float(np.ravel(recording.get_start_time(segment))[0])


def _left_behind(recording: BaseRecording, segment: int) -> str | None:
    """Return why a job cannot hold the times that a segment has in memory, or None if it can."""
    alone = _opened_alone(recording, segment)
    if alone is not None and recording.has_time_vector(segment):
        return f"a stream that is opened alone leaves its timestamps behind; {alone}"
    if has_times_set_by_hand(recording):
        return "they were set by hand, and a job holds no time vector"
    return None


def _opened_alone(recording: BaseRecording, segment: int) -> str | None:
    reasons = recording.get_annotation(OPENED_ALONE)
    known = isinstance(reasons, list) and segment < len(reasons)  # it may come from a JSON file
    return str(reasons[segment]) if known and reasons[segment] else None


def reader_of_times(recording: BaseRecording, segment: int) -> ReadTimes | None:
    """Return what reads the times of a segment of a recording; None if its clock is regular."""
    vector = recording.segments[segment].get_times_kwargs()["time_vector"]
    if vector is not None:
        return times_reader(vector)
    if not recording.has_time_vector(segment):
        return None
    return lambda start, stop: np.asarray(  # a slice of a recording that has a vector
        recording.get_times(segment_index=segment, start_frame=start, end_frame=stop)
    )


def _lost_samples(counter: NpyFile) -> list[Discontinuity]:
    """Return the breaks in an acquisition's sample counter; reads its ends if there are none."""
    n = len(counter)
    if n < 2 or int(np.diff(counter.ends().astype(np.int64))[0]) == n - 1:
        return []
    found: list[Discontinuity] = []
    for start in range(0, n - 1, CHUNK_SAMPLES):
        numbers = counter.read(start, min(start + CHUNK_SAMPLES + 1, n))
        steps = np.diff(numbers)
        for i in np.flatnonzero(steps != 1)[: MAX_LISTED - len(found)]:
            at = start + int(i) + 1
            found.append(Discontinuity(sample=at, lost=int(steps[i]) - 1))
    return found


def clock_warnings(report: TimestampReport) -> list[str]:
    """Return what a person should know about a clock, in sentences."""
    warnings = [report.message] if report.verdict == "reset" else []
    for i, clock in enumerate(report.segments):
        if clock.lost_samples:
            n = sum(d.lost or 0 for d in clock.lost_samples)
            places = len(clock.lost_samples)
            warnings.append(f"segment {i + 1}: the sample counter jumps at {places} places ({n})")
    return warnings
