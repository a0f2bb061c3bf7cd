"""The job files of a store, and why there is none.

::

    <store>/sorting_jobs/job_<key>.json     one `models.SortingJob` per recording
    <store>/not_dispatched/job_<key>.json   why one could not be built lately
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePath

from pydantic import BaseModel, ConfigDict, Field

from dispatch_assets import naming
from dispatch_assets.errors import StoreError
from dispatch_assets.models import SortingJob, dump_json
from dispatch_assets.store import JsonFolder, below, parsed


class JobFailure(BaseModel):
    """Why a job could not be built."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_key: str
    failed_at: str = Field(description="UTC, ISO 8601.")
    message: str = Field(description="What is wrong and what to do, in one sentence or two.")


class JobFiles:
    """The job files, one per partition; their content is exactly ``SortingJob.to_json()``.

    Parameters
    ----------
    store
        Folder or URL of the store.
    """

    def __init__(self, store: str) -> None:
        self._folder = JsonFolder(below(store, "sorting_jobs"))
        self._failures = JsonFolder(below(store, "not_dispatched"))

    def path(self, key: str) -> str:
        """Return the path or URL of a job's file."""
        return str(self._folder.path(_job_stem(key)))

    def keys(self) -> set[str]:
        """Return the keys of all jobs that have a file."""
        prefix = _job_stem("")
        return {n.removeprefix(prefix) for n in self._folder.names() if n.startswith(prefix)}

    def write(self, job: SortingJob) -> str:
        """Write a job, whole or not at all, and return its path or URL."""
        return str(self._folder.write(_job_stem(job.job_key), job.to_json()))

    def record_failure(self, key: str, why: str) -> None:
        """Write down why a job could not be built; its earlier file stays as it is."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        failure = JobFailure(job_key=key, failed_at=at, message=why)
        self._failures.write(_job_stem(key), dump_json(failure.model_dump(mode="json")))

    def failed_keys(self) -> set[str]:
        """Return the keys of all jobs that could not be built some time; since then, some were."""
        prefix = _job_stem("")
        return {n.removeprefix(prefix) for n in self._failures.names() if n.startswith(prefix)}

    def last_failure(self, key: str) -> JobFailure:
        """Return why a job could not be built.

        Raises
        ------
        StoreError
            If nothing was written down, or it is damaged.
        """
        return parsed(self._failures, _job_stem(key), JobFailure)

    def content(self, key: str) -> bytes:
        """Return the bytes of a job's file, whatever they are.

        Raises
        ------
        StoreError
            If it is missing or cannot be read.
        """
        return self._folder.read_bytes(_job_stem(key))

    def is_made_from(self, key: str, fingerprint: str | None, parameters_hash: str) -> bool:
        """Return whether a job's file is there and says that it was made from these."""
        try:
            job = self._folder.read(_job_stem(key))
        except StoreError:
            return False  # missing or damaged: it has to be written
        made_from = isinstance(job, dict) and (job.get("fingerprint"), job.get("parameters_hash"))
        return made_from == (fingerprint, parameters_hash)

    def read(self, key: str) -> SortingJob:
        """Return a job.

        Raises
        ------
        StoreError
            If its file is missing, damaged or not a job.
        """
        return parsed(self._folder, _job_stem(key), SortingJob)


def _job_stem(key: str) -> str:
    return PurePath(naming.job_file_name(key)).stem
