"""Checks: every stream has a place in the inventory, and every job can be opened."""

import dagster as dg

from dispatch_assets.defs.batch import Outcome
from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.files import JobFiles
from dispatch_assets.defs.metadata import failures_metadata, not_jobs_table
from dispatch_assets.defs.resources import Store
from dispatch_assets.errors import DispatchError
from dispatch_assets.input_format import reading
from dispatch_assets.models import SortingJob
from dispatch_assets.recording_json import check_trusted

JOB_LOADS = dg.AssetCheckSpec(
    "job_loads",
    asset="sorting_jobs",
    blocking=True,
    description="The file that was written is a sorting job, and SpikeInterface opens its "
    "recordings.",
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
    sentence = f"{len(failed)} of {len(entries)} streams, segments or entries need attention."
    return dg.AssetCheckResult(
        passed=not failed,
        severity=dg.AssetCheckSeverity.WARN,  # their siblings are fine
        description=sentence if failed else f"All {len(entries)} are accounted for.",
        metadata={"failed": not_jobs_table(failed), "sessions": len(inventories)},
    )


class CheckedJobs:
    """Opens jobs as their consumers will, and remembers which cannot be opened.

    Parameters
    ----------
    files
        Where the jobs were written.
    """

    def __init__(self, files: JobFiles) -> None:
        self._files = files
        self._failures: dict[str, str] = {}
        self.n = 0

    def add(self, outcome: Outcome) -> None:
        """Check the file of a job that has been written."""
        self.n += 1
        try:
            _open(self._files.read(outcome.key), outcome.data_folder, self._files.path(outcome.key))
        except DispatchError as e:
            self._failures[outcome.key] = str(e)

    def result(self) -> dg.AssetCheckResult:
        """Return the verdict on all jobs checked."""
        n_bad = len(self._failures)
        return dg.AssetCheckResult(
            check_name=JOB_LOADS.name,
            passed=not n_bad,
            description=f"{self.n - n_bad} of {self.n} jobs open.",
            metadata={"checked": self.n, **failures_metadata(self._failures)},
        )


def _open(job: SortingJob, data_folder: str, path: str) -> None:
    import spikeinterface

    for described in (job.recording_dict, job.recording_lfp_dict):
        if described is None:
            continue
        check_trusted(described, path)
        with reading(path, "Materialize it again, or report this"):
            recording = spikeinterface.load(described, base_folder=data_folder)
            recording.get_num_samples(0)
