"""The job of a group: its recordings one behind the other, and the way back to their clocks."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.clock_anchors import anchors
from dispatch_assets.clocks import clock_warnings, reader_of_times
from dispatch_assets.errors import ParameterError, StreamError
from dispatch_assets.group_members import Member
from dispatch_assets.groups import GroupPlan
from dispatch_assets.jobs import AS_IN_THE_INVENTORY, JobBuilder, software_versions, zero_warnings
from dispatch_assets.models import SegmentClock, SortingJob, TimestampReport
from dispatch_assets.reading import reading
from dispatch_assets.recording_json import recording_to_dict
from dispatch_assets.sample_map import ConcatenatedSegment, own_times, sample_map

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

_CLOCK = (
    "The recordings follow one another on a regular clock that begins at 0; `concatenated` leads "
    "back to the clock of each."
)


def build_group_job(plan: GroupPlan) -> SortingJob:
    """Build the job of a group.

    Raises
    ------
    StreamError
        If it is none, or a member cannot be opened or its times cannot be read.
    """
    if not plan.members:
        (entry,) = plan.inventory.entries
        raise StreamError(entry.message, reason=str(entry.reason))
    from spikeinterface.core import concatenate_recordings

    (entry,), session = plan.inventory.jobs, plan.inventory.session
    parts, own_clocks, about = zip(*map(_opened, plan.members), strict=True)
    segments, warnings = [*chain(*own_clocks)], [*chain(*about)]

    with reading(session.name):
        whole = concatenate_recordings(list(parts))
        described = recording_to_dict(whole, Path(session.data_folder))
        warnings += zero_warnings(whole)
    n_samples, rate_hz = int(whole.get_num_samples()), float(whole.get_sampling_frequency())
    clock = SegmentClock(n_samples=n_samples, explicit=False, checked=False, t_start_s=0.0)
    return SortingJob(
        **entry.model_dump(include=AS_IN_THE_INVENTORY),
        recording_dict=described,
        skip_times=False,
        duration=round(n_samples / rate_hz, 2),
        input_folder=None,
        debug=plan.params.debug,
        multi_input=plan.params.multi_session,
        n_channels=whole.get_num_channels(),
        n_samples=[n_samples],
        sampling_frequency_hz=rate_hz,
        data_folder=session.data_folder,
        timestamps=TimestampReport(verdict="regular", message=_CLOCK, segments=[clock]),
        warnings=warnings,
        parameters_hash=plan.inventory.parameters_hash,
        versions=software_versions(),
        concatenated=sample_map(segments),
    )


def _opened(member: Member) -> tuple[BaseRecording, list[ConcatenatedSegment], list[str]]:
    """Return what a member adds to the concatenation, where its times are, and what is odd."""
    with reading(member.key):
        part, report, whole = JobBuilder(member.plan).open(member.job)
        segments = [
            _own_clock(member.key, whole, i, clock, part.get_num_samples(i))
            for i, clock in enumerate(report.segments)
        ]
    about = [*member.job.source.warnings, *clock_warnings(report)]
    if any(s.clock == "unknown" for s in segments):
        about.append("times of its own cannot be recovered")
    return part, segments, [f"{member.key}: {text}" for text in about]


def _own_clock(
    key: str, recording: BaseRecording, segment: int, clock: SegmentClock, n_samples: int
) -> ConcatenatedSegment:
    place = ConcatenatedSegment(
        job_key=key,
        segment=segment,
        first_sample=0,  # `sample_map` says where
        n_samples=n_samples,
        sampling_frequency_hz=float(recording.get_sampling_frequency()),
        clock="unknown",
    )
    if clock.reset_reason is not None and not clock.clock_anchors:
        return place
    read = reader_of_times(recording, segment)
    if read is None:
        t_start_s = float(np.ravel(recording.get_start_time(segment))[0])
        return place.model_copy(update={"clock": "regular", "t_start_s": t_start_s})
    return _anchored(place, *anchors(read, n_samples))


def _anchored(
    place: ConcatenatedSegment, found: list[tuple[int, float]], max_error_ms: float | None
) -> ConcatenatedSegment:
    if not found:
        return place
    about = {"clock": "anchors", "anchors": found, "max_error_ms": max_error_ms}
    first = found[0][1] if found[0][0] == 0 else None
    return place.model_copy(update={**about, "t_start_s": first})


def original_times(
    job: SortingJob, samples: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Map samples of a sorted group back to the clock of each recording.

    Parameters
    ----------
    job
        The job of a group.
    samples
        Sample indices in its recording, shape (n,).

    Returns
    -------
    member : numpy.ndarray
        Which entry of `SortingJob.concatenated` each sample lies in, int64, shape (n,).
    time_s : numpy.ndarray
        Its time on that recording's own clock in seconds, float64, shape (n,); NaN where that
        cannot be recovered.

    Raises
    ------
    ParameterError
        If the job is not that of a group, or a sample lies outside of its recording.
    """
    if job.concatenated is None:
        raise ParameterError("is the job of one recording, not of a group", job.job_key)
    return own_times(job.concatenated, samples)
