"""``sorting_jobs``: one JSON file per recording, ready for preprocessing and sorting.

A run of one partition is an asset run like any other. A run of many partitions writes each job as
soon as it is built and logs the materialization itself: Dagster would give all partitions of a
run one common data version, and would count all of them as failed if one fails. So one bad
recording fails its own partition only; it ends the run red, after all others are done.

Such a run has no output in Dagster's sense, so assets downstream belong in runs of their own. They
are put there by every backfill and by automation, unless they too are `single_run`.
"""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from dispatch_assets.batch import CODE_VERSION, Outcome, build, data_version
from dispatch_assets.defs.assets import GROUP, OWNERS, recordings
from dispatch_assets.defs.checks import JOB_LOADS, CheckedJobs
from dispatch_assets.defs.events import materialization, newest_event
from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.metadata import failures_metadata, job_metadata
from dispatch_assets.defs.partitions import SORTING_JOBS
from dispatch_assets.defs.resources import DispatchParamsResource, Store
from dispatch_assets.errors import DispatchError, count
from dispatch_assets.models import SortingJob

KEY = dg.AssetKey("sorting_jobs")
IO_MANAGER = "sorting_job_files"
_FAILURES = "failures"

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult]

NEW_OR_CHANGED = dg.AutomationCondition.eager().without(
    ~dg.AutomationCondition.any_deps_missing()  # most new recordings are never reported
)


@dg.asset(
    description="One sorting job per recording: which recording to sort, how to open it, and "
    "whether its clock can be trusted. Written as `job_<key>.json`.",
    deps=[recordings.KEY],
    partitions_def=SORTING_JOBS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    automation_condition=NEW_OR_CHANGED,
    check_specs=[JOB_LOADS],
    io_manager_key=IO_MANAGER,
    output_required=False,  # see the module's docstring
    group_name=GROUP,
    owners=OWNERS,
    kinds={"json", "spikeinterface"},
    tags={"dispatch/layer": "plan"},
    pool="dispatch",
    code_version=CODE_VERSION,
)
def sorting_jobs(
    context: dg.AssetExecutionContext, store: Store, dispatch_params: DispatchParamsResource
) -> Events:
    """Open each session once, and write the jobs of all its partitions in this run."""
    keys = [context.partition_key] if context.has_partition_key else context.partition_keys
    with as_failure(context):
        outcomes = build(keys, store.shards(), dispatch_params.plain())
        if len(keys) == 1:
            yield from _one(next(outcomes), store)
        else:
            yield from _many(context, outcomes, store)


def _one(outcome: Outcome, store: Store) -> Events:
    if isinstance(outcome.job, DispatchError):
        store.jobs().record_failure(outcome.key, str(outcome.job))
        raise outcome.job
    job, checked = outcome.job, CheckedJobs()
    why_not = checked.add(job, outcome.data_folder)
    if why_not is None:
        yield dg.MaterializeResult(
            value=job,
            data_version=dg.DataVersion(_version(job)),
            metadata=job_metadata(job, store.jobs().path(job.job_key)),
        )
    yield checked.result()
    if why_not is not None:
        store.jobs().record_failure(outcome.key, why_not)
        raise dg.Failure(description=why_not, allow_retries=False)


def _many(context: dg.AssetExecutionContext, outcomes: Iterator[Outcome], store: Store) -> Events:
    files, checked = store.jobs(), CheckedJobs()
    seen = newest_event(context.instance, recordings.KEY)
    n_written, failures = 0, dict[str, str]()
    for outcome in outcomes:
        job = outcome.job
        if isinstance(job, DispatchError):
            failures[outcome.key] = str(job)
        elif why_not := checked.add(job, outcome.data_folder):
            failures[outcome.key] = why_not
        else:
            yield _materialization(job, files.write(job), seen)
            n_written += 1
    yield checked.result()
    for key, why in failures.items():
        files.record_failure(key, why)
    if failures:
        raise _failure(failures, n_written)


def _materialization(job: SortingJob, path: str, seen: int) -> dg.AssetMaterialization:
    return materialization(
        KEY,
        job.job_key,
        data_version=_version(job),
        code_version=CODE_VERSION,
        follows_from={recordings.KEY: (job.fingerprint, seen)},
        metadata=job_metadata(job, path),
    )


def _version(job: SortingJob) -> str:
    return data_version(job.job_key, job.fingerprint, job.parameters_hash)


def _failure(failures: dict[str, str], n_written: int) -> dg.Failure:
    listed = "\n".join(f"- {key}: {why}" for key, why in failures.items())
    return dg.Failure(
        description=f"{len(failures):,} of {count(len(failures) + n_written, 'recording')} could "
        f"not be dispatched; {count(n_written, 'job')} written.\n{listed}",
        metadata={**failures_metadata(failures), _FAILURES: dg.MetadataValue.json(failures)},
        allow_retries=False,
    )


def failures_of(failure: dg.Failure) -> dict[str, str]:
    """Return why single partitions of a run failed, by key; empty if the run failed as a whole."""
    listed = failure.metadata.get(_FAILURES)
    if not isinstance(listed, dg.JsonMetadataValue) or not isinstance(listed.data, dict):
        return {}
    return {str(key): str(why) for key, why in listed.data.items()}
