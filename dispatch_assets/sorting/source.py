"""From a job's JSON to its recording."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from dispatch_assets.errors import DispatchError, RefusedError, StepError, StoreError
from dispatch_assets.models import SortingJob
from dispatch_assets.recording_json import check_trusted
from dispatch_assets.sorting.results import Refusal

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseRecordingSegment


def read_job(path: str | os.PathLike[str]) -> SortingJob:
    """Read a job file from a local disk or any fsspec URL.

    Raises
    ------
    StoreError
        If it is missing, damaged or not a job.
    """
    from upath import UPath

    try:
        return SortingJob.model_validate_json(UPath(path).read_bytes())
    except (OSError, ValidationError) as e:
        reason = e.strerror if isinstance(e, OSError) else "it is not a job of this version"
        raise StoreError(f"cannot be read ({reason})", path, "Dispatch the session again") from e


def load_recording(job: SortingJob, data_folder: Path) -> BaseRecording:
    """Open the recording of a job, on the clock that the job decided on.

    Parameters
    ----------
    job
        The job.
    data_folder
        Folder that its paths are relative to.

    Raises
    ------
    UntrustedDataError
        If the job names a class that is not SpikeInterface's own.
    RefusedError
        If the recording has other channels or another length than the job says.
    StepError
        If the raw files cannot be opened.
    """
    from spikeinterface import load

    check_trusted(job.recording_dict, job.job_key)
    try:
        recording = _on_its_clock(
            load(dict(job.recording_dict), base_folder=data_folder), reset=job.skip_times
        )
    except DispatchError:
        raise
    except Exception as e:  # whatever a reader of SpikeInterface raises
        what = f"its recording cannot be opened ({type(e).__name__}: {e})"
        remedy = f"Is its data still in {data_folder}? Else dispatch the session again"
        raise StepError(what, job.job_key, remedy) from e
    _check_unchanged(recording, job)
    return recording


def _on_its_clock(recording: BaseRecording, *, reset: bool) -> BaseRecording:
    """Return the recording with times that are its own, so that they survive what follows.

    In SpikeInterface 0.105.3 segments of frame slices and of preprocessors answer with the times
    of their parent, whatever is set on themselves: resetting them changes nothing, and a slice of
    the channels of a frame slice forgets a time vector. A slice of all channels has its own times.
    """
    if reset:
        recording.reset_times()
    strangers = [i for i, s in enumerate(recording.segments) if not _has_own_clock(s)]
    if not strangers:
        return recording
    owner = recording.select_channels(recording.channel_ids)
    if reset:
        owner.reset_times()
    else:
        for i in strangers:
            owner.set_times(recording.get_times(segment_index=i), segment_index=i)
    return owner


def _has_own_clock(segment: BaseRecordingSegment) -> bool:
    from spikeinterface.core.time_series import TimeSeriesSegment

    own_times = TimeSeriesSegment.get_times
    n = segment.get_num_samples()
    return all(
        own_times(segment, i, i + 1)[0] == segment.get_times(i, i + 1)[0]
        for i in {0, n - 1}
        if 0 <= i < n
    )


def _check_unchanged(recording: BaseRecording, job: SortingJob) -> None:
    n_samples = [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
    found, expected = (recording.get_num_channels(), n_samples), (job.n_channels, job.n_samples)
    if found != expected:
        what = (
            f"its data have changed: {found[0]} channels and {found[1]} samples per segment, "
            f"where the job has {expected[0]} and {expected[1]}"
        )
        raise RefusedError(what, job.job_key, "Dispatch the session again", Refusal.CHANGED)
