"""What came of a data folder, in the form in which tests ask for it."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from dispatch_assets.dispatch import Report, dispatch, plan
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams

Place = tuple[str, str, int | None]  # block, stream, segment


def planned(data: Path, **params: Any) -> Report:
    """Plan a data folder."""
    return plan(data, DispatchParams(**params))


def dispatched(data: Path, **params: Any) -> tuple[Report, dict[str, SortingJob]]:
    """Dispatch a data folder; return the report, and the jobs by recording name."""
    report = dispatch(data, data.with_name(f"{data.name}-results"), DispatchParams(**params))
    texts = [Path(path).read_text() for path in report.job_files.values()]
    jobs = [SortingJob.model_validate_json(text) for text in texts]
    return report, {job.recording_name: job for job in jobs}


def names(report: Report) -> list[str]:
    """Return the recording names of the jobs."""
    return [str(e.recording_name) for e in report.entries if e.status == "job"]


def reasons(report: Report, status: str = "failed") -> dict[Place, str]:
    """Return why each stream or segment of that status is no job."""
    found = [e for e in report.entries if e.status == status]
    assert all(e.message for e in found)
    by_place = {(e.block, e.stream, e.segment): str(e.reason) for e in found}
    assert len(by_place) == len(found), "a place is reported twice"
    return by_place


def loaded(job: SortingJob, data: Path) -> Any:
    """Load a job's recording as a consumer does."""
    return _load(job.recording_dict, data)


def loaded_lfp(job: SortingJob, data: Path) -> Any:
    """Load the LFP of a job as a consumer does."""
    return _load(job.recording_lfp_dict, data)


def _load(described: Any, data: Path) -> Any:
    from spikeinterface import load

    with warnings.catch_warnings():  # what consumers are told about odd data is not our matter
        warnings.simplefilter("ignore")
        return load(described, base_folder=data)


def sizes(recording: Any) -> list[int]:
    """Return the number of samples of each segment."""
    return [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
