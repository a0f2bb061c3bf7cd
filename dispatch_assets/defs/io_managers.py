"""Jobs between assets: one JSON file per partition."""

from collections.abc import Mapping

import dagster as dg

from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.resources import Store
from dispatch_assets.models import SortingJob


class SortingJobIOManager(dg.ConfigurableIOManager):
    """Writes each job to its own file, whole or not at all, locally or to any fsspec URL.

    A downstream asset of one partition gets a `SortingJob`, one of several partitions gets
    ``{key: SortingJob}``.
    """

    store: Store

    def handle_output(
        self, context: dg.OutputContext, obj: SortingJob | Mapping[str, SortingJob]
    ) -> None:
        """Write one file per partition of the run."""
        keys = list(context.asset_partition_keys)
        jobs = {keys[0]: obj} if isinstance(obj, SortingJob) else dict(obj)
        if set(jobs) != set(keys) or any(job.job_key != key for key, job in jobs.items()):
            message = (
                f"The partitions are {sorted(keys)}, but the jobs are those of {sorted(jobs)}."
            )
            raise dg.Failure(description=message, allow_retries=False)
        files = self.store.jobs()
        with as_failure():
            for job in jobs.values():
                files.write(job)

    def load_input(self, context: dg.InputContext) -> SortingJob | dict[str, SortingJob]:
        """Read the jobs of the run's partitions."""
        files = self.store.jobs()
        with as_failure():
            jobs = {key: files.read(key) for key in context.asset_partition_keys}
        return next(iter(jobs.values())) if len(jobs) == 1 else jobs
