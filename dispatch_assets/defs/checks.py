"""Checks: every stream has a place in the inventory, and every job can be opened."""

import dagster as dg

from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.metadata import failures_metadata, not_jobs_table
from dispatch_assets.defs.resources import Store
from dispatch_assets.errors import DispatchError, count
from dispatch_assets.models import SortingJob
from dispatch_assets.reading import reading
from dispatch_assets.recording_json import check_trusted

JOB_LOADS = dg.AssetCheckSpec(
    "job_loads",
    asset="sorting_jobs",
    blocking=True,
    description="What is written is a sorting job, and SpikeInterface opens its recordings. A job "
    "that does not open is never written.",
)


@dg.asset_check(
    asset="session_inventory",
    blocking=False,
    description="Every stream of every session is a job, or was left out for an expected reason. "
    "Fails if one is damaged, unreadable or lacks its probe; the others are dispatched "
    "nevertheless.",
)
def every_stream_accounted_for(store: Store) -> dg.AssetCheckResult:
    """Look through all inventories, not only through those of the last run."""
    with as_failure():
        shards = store.shards()
        inventories = shards.present()
        entries = [*(e for i in inventories for e in i.entries), *shards.not_sessions()]
    failed = [e for e in entries if e.status == "failed"]
    things = "stream, segment or entry needs", "streams, segments or entries need"
    sentence = f"{len(failed):,} of {count(len(entries), *things)} attention."
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,  # their siblings are fine
        description=sentence if failed else f"{_all(len(entries))} accounted for.",
        metadata={"failed": not_jobs_table(failed), "sessions": len(inventories)},
    )


def _all(n: int) -> str:
    return "The only one is" if n == 1 else f"All {n:,} are"


class CheckedJobs:
    """Opens jobs as their consumers will, and remembers which cannot be opened."""

    def __init__(self) -> None:
        self._n = 0
        self._failures: dict[str, str] = {}

    def add(self, job: SortingJob, data_folder: str) -> str | None:
        """Check a job that is about to be written; return why it does not open, None if it does."""
        self._n += 1
        try:
            _open(job.to_json(), job.job_key, data_folder)
        except DispatchError as e:
            self._failures[job.job_key] = str(e)
        return self._failures.get(job.job_key)

    def result(self) -> dg.AssetCheckResult:
        """Return the verdict on all jobs checked."""
        n_bad = len(self._failures)
        return dg.AssetCheckResult(
            check_name=JOB_LOADS.name,
            passed=not n_bad,
            description=f"{self._n - n_bad:,} of {count(self._n, 'job opens', 'jobs open')}.",
            metadata={"checked": self._n, **failures_metadata(self._failures)},
        )


def _open(text: str, key: str, data_folder: str) -> None:
    import spikeinterface

    with reading(key, "Please report this: the job is not written"):
        job = SortingJob.model_validate_json(text)
        for described in (job.recording_dict, job.recording_lfp_dict):
            if described is not None:
                check_trusted(described, key)
                spikeinterface.load(described, base_folder=data_folder).get_num_samples(0)
