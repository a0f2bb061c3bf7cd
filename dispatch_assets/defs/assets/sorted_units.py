"""From jobs to sorted, checked and exported units: one command runs all steps of a run.

Steps and recordings share one process, since each new one compiles the same numba code again.
Where the sorter needs a GPU, sorting has an asset op of its own, so that only it waits
for one.

A run of several partitions takes them one after the other. It logs the materializations itself,
as `sorting_jobs` does and for the same reasons; a recording that is refused fails alone.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from dispatch_assets.batch import data_version
from dispatch_assets.defs.assets import OWNERS, sorting_jobs
from dispatch_assets.defs.events import materialization, newest_event
from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.launch import Command, launch
from dispatch_assets.defs.metadata import failures_metadata
from dispatch_assets.defs.partitions import SORTING_JOBS
from dispatch_assets.defs.resources import Store
from dispatch_assets.defs.sorting_metadata import (
    check_name,
    check_result,
    failure_metadata,
    step_metadata,
)
from dispatch_assets.defs.sorting_resources import (
    Compute,
    Results,
    SortingParamsResource,
    runs_at_a_time,
)
from dispatch_assets.sorting.chain import STEPS
from dispatch_assets.sorting.results import StepFailure, StepResult
from dispatch_assets.sorting.step import SORTING, Step

GROUP = "sorting"
AUTOMATED = "dispatch/automated"
"""Tag of runs that automation asks for: what is up to date is not made again."""
MAX_RETRIES_OF_KILLED = 1
WAIT_AFTER_KILL_S = 60  # for memory to become free
CPU_POOL, GPU_POOL = "sorting", "gpu"
KINDS = {
    "preprocessed": {"spikeinterface"},
    "sorting": {"spikeinterface"},
    "units": {"spikeinterface"},
    "units_report": {"html"},
    "units_nwb": {"nwb"},
}

_JOB = sorting_jobs.KEY.to_user_string()

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult]


def sorting_assets(*, gpu: bool) -> list[dg.AssetsDefinition]:
    """Return the assets of the chain.

    Parameters
    ----------
    gpu
        Whether the sorter needs a GPU.
    """
    names = list(STEPS)
    if not gpu:
        return [_chain("sorted_units", names, CPU_POOL)]
    at = names.index(SORTING)
    return [
        _chain("before_sorting", names[:at], CPU_POOL),
        _chain("gpu_sorting", [SORTING], GPU_POOL),
        _chain("after_sorting", names[at + 1 :], CPU_POOL),
    ]


def _chain(name: str, steps: Sequence[str], pool: str) -> dg.AssetsDefinition:
    @dg.multi_asset(
        name=name,
        specs=[_spec(STEPS[step]) for step in steps],
        check_specs=[_check_spec(step) for step in steps],
        partitions_def=SORTING_JOBS,
        backfill_policy=dg.BackfillPolicy.multi_run(),
        can_subset=True,
        pool=pool,
    )
    def chain(
        context: dg.AssetExecutionContext,
        store: Store,
        results: Results,
        sorting_params: SortingParamsResource,
        compute: Compute,
    ) -> Events:
        chosen = {key.to_user_string() for key in context.selected_asset_keys}
        selected = [step for step in steps if step in chosen]
        words = [*compute.command(gpu=pool == GPU_POOL), *selected]
        words += ["--params", json.dumps(sorting_params.plain().model_dump(mode="json"))]
        words += compute.n_jobs_argument(runs_at_a_time(context.instance, pool))
        with as_failure(context):
            # an automated run, or a second try, does not make again what stands there
            only_due = context.run.tags.get(AUTOMATED) == "true" or context.retry_number > 0
            command = Command(words, selected, results.folder(), only_due)
        yield from _make(context, store, command)

    return chain


def _make(context: dg.AssetExecutionContext, store: Store, command: Command) -> Events:
    """Run the command for the run's partitions; yield what it made, then the checks, or fail."""
    done: dict[str, list[StepResult]] = {step: [] for step in command.steps}
    failures: list[StepFailure] = []
    with as_failure(context):
        versions = {key: _job_version(store, key) for key in context.partition_keys}
        jobs = {key: store.jobs().path(key) for key in versions}
        for launched in launch(context, command, jobs):
            for result in launched.results:
                yield _event(context, result, command.results, versions[launched.key])
                done[result.step].append(result)
            if launched.failure is not None:
                failures.append(launched.failure.model_copy(update={"job_key": launched.key}))
    wanted = {check.asset_key.to_user_string() for check in context.selected_asset_check_keys}
    yield from (check_result(step, found) for step, found in done.items() if step in wanted)
    if failures:
        raise _failure(context, failures, command.results)


def _spec(step: Step) -> dg.AssetSpec:
    return dg.AssetSpec(
        step.name,
        deps=step.needs or [sorting_jobs.KEY],
        description=f"{step.about[:1].upper()}{step.about[1:]}.",
        group_name=GROUP,
        owners=OWNERS,
        kinds=KINDS[step.name],
        tags={"dispatch/layer": "sort"},
        code_version=step.code_version,
        automation_condition=dg.AutomationCondition.eager(),
        skippable=True,  # a refused recording has no result; a run of many logs its own events
    )


def _check_spec(step: str) -> dg.AssetCheckSpec:
    about = "What the step itself verified about its result."
    return dg.AssetCheckSpec(check_name(step), asset=step, description=about)


def _job_version(store: Store, key: str) -> str:
    job = store.jobs().read(key)
    return data_version(key, job.fingerprint, job.parameters_hash)


def _event(
    context: dg.AssetExecutionContext, result: StepResult, results: Path, job_version: str
) -> dg.MaterializeResult[Any] | dg.AssetMaterialization:
    metadata = step_metadata(result, results / result.job_key / result.step)
    if len(context.partition_keys) == 1:
        version = dg.DataVersion(result.inputs_hash)
        return dg.MaterializeResult(asset_key=result.step, data_version=version, metadata=metadata)
    return materialization(
        dg.AssetKey(result.step),
        result.job_key,
        data_version=result.inputs_hash,
        code_version=STEPS[result.step].code_version,
        follows_from={
            dg.AssetKey(name): (version, newest_event(context.instance, dg.AssetKey(name)))
            for name, version in (result.follows_from or {_JOB: job_version}).items()
        },
        metadata=metadata,
    )


def _failure(
    context: dg.AssetExecutionContext, failures: Sequence[StepFailure], results: Path
) -> dg.Failure | dg.RetryRequested:
    """Return why steps failed; a process that was killed without a word gets a second chance."""
    only = failures[0] if len(context.partition_keys) == 1 else None
    if only is None:
        listed = {f.job_key: f"{f.step}: {f.message}" for f in failures}
        lines = "\n".join(f"- {key}: {why}" for key, why in listed.items())
        return dg.Failure(
            description=f"{len(failures)} of {len(context.partition_keys)} recordings failed.\n"
            f"{lines}",
            metadata=failures_metadata(listed),
            allow_retries=False,
        )
    if not only.failed_at and context.retry_number < MAX_RETRIES_OF_KILLED:
        context.log.warning(only.message)
        return dg.RetryRequested(MAX_RETRIES_OF_KILLED, WAIT_AFTER_KILL_S)
    return dg.Failure(
        description=f"{only.step}: {only.message}",
        metadata=failure_metadata(only, results / only.job_key),
        allow_retries=False,
    )
