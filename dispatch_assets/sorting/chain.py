"""The chain: which steps there are, and how they run one after another in one process."""

from __future__ import annotations

import hashlib
import json
import resource
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from pydantic import JsonValue

from dispatch_assets.errors import (
    DispatchError,
    ParameterError,
    RefusedError,
    SorterError,
    StepError,
    StoreError,
)
from dispatch_assets.sorting.attempt import attempt_folder, publish, published, record_failure
from dispatch_assets.sorting.nwb.step import STEP as UNITS_NWB
from dispatch_assets.sorting.preprocessing.step import STEP as PREPROCESSED
from dispatch_assets.sorting.progress import bars_as_lines
from dispatch_assets.sorting.report.step import STEP as UNITS_REPORT
from dispatch_assets.sorting.results import StepFailure, StepResult
from dispatch_assets.sorting.sorters.step import STEP as SORTING
from dispatch_assets.sorting.step import Step, StepContext, StepOutcome, job_hash
from dispatch_assets.sorting.units.step import STEP as UNITS

STEPS: Mapping[str, Step] = {
    step.name: step for step in (PREPROCESSED, SORTING, UNITS, UNITS_REPORT, UNITS_NWB)
}
"""Every step by name, in the order in which they run."""


class StepFailed(Exception):
    """A step failed; those before it are published. ``failure`` is what is known about it."""

    def __init__(self, failure: StepFailure) -> None:
        super().__init__(failure)
        self.failure = failure

    def __str__(self) -> str:
        return self.failure.message


def in_order(names: Iterable[str]) -> list[Step]:
    """Return the steps called `names` in the order of the chain.

    Raises
    ------
    ParameterError
        If there is no such step.
    """
    wanted = set(names)
    if unknown := sorted(wanted - set(STEPS)):
        remedy = f"There are: {', '.join(STEPS)}"
        raise ParameterError("is no step", ", ".join(unknown), remedy)
    return [step for name, step in STEPS.items() if name in wanted]


def run_steps(
    steps: Iterable[Step], context: StepContext, attempt: str, *, only_due: bool = False
) -> Iterator[StepResult]:
    """Run steps one after another; each is published before the next one begins.

    What can be found out about the later steps without data is checked before the first one runs.

    Parameters
    ----------
    steps
        Steps in the order of the chain.
    context
        What they are given.
    attempt
        Name of this attempt, unique among all attempts at this job.
    only_due
        Leave alone what is published already and follows from the same inputs.

    Yields
    ------
    StepResult
        One per step, once it is published.

    Raises
    ------
    StepFailed
        If a step fails; the reason is written down beside the results, too.
    """
    steps = list(steps)
    for step in steps:
        with _recording_failures(step, context, attempt):
            step.check(context)
    for step in steps:
        with _recording_failures(step, context, attempt):
            due = not (only_due and _is_up_to_date(step, context))
            result = _run(step, context, attempt) if due else context.result_of(step.name)
        if not due:
            context.log(f"{step.name}: up to date")
        yield result


@contextmanager
def _recording_failures(step: Step, context: StepContext, attempt: str) -> Iterator[None]:
    try:
        yield
    except DispatchError as e:
        failure = _failure(step, context, attempt, e)
        record_failure(context.results, failure)
        raise StepFailed(failure) from e


def _run(step: Step, context: StepContext, attempt: str) -> StepResult:
    started, cpu_before_s = _now(), _cpu_s()
    made_from = inputs_hash(step, context)
    context.log(f"{step.name}: {context.job.job_key}")
    with attempt_folder(context.results, step.name, attempt) as folder:
        with bars_as_lines(context.log, step.name):
            outcome = step.run(context, folder)
        result = _result(step, context, outcome).model_copy(
            update={
                "attempt": attempt,
                "inputs_hash": made_from,
                "started_at": started,
                "finished_at": _now(),
                "cpu_s": round(_cpu_s() - cpu_before_s, 2),
            }
        )
        publish(folder, result)
    context.log(f"{step.name}: done, {result.cpu_s:.0f} CPU s")
    return result


def _result(step: Step, context: StepContext, outcome: StepOutcome) -> StepResult:
    from dispatch_assets.jobs import software_versions

    job = context.job
    return StepResult(
        step=step.name,
        attempt="",
        job_key=job.job_key,
        session_name=job.session_name,
        recording_name=job.recording_name,
        fingerprint=job.fingerprint,
        job_hash=job_hash(job),
        inputs_hash="",
        follows_from=_needs(step, context),
        seed=context.params.seed,
        parameters=_sections(step, context),
        versions={**software_versions(), **outcome.versions},
        started_at="",
        finished_at="",
        cpu_s=0,
        peak_rss_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        n_jobs=context.n_jobs,
        facts=outcome.facts,
        tables=outcome.tables,
        figures=outcome.figures,
        files=outcome.files,
        checks=outcome.checks,
        warnings=outcome.warnings,
    )


def _sections(step: Step, context: StepContext) -> dict[str, JsonValue]:
    values = context.params.model_dump(mode="json")
    return {name: values[name] for name in step.sections}


def inputs_hash(step: Step, context: StepContext) -> str:
    """Return a hash of all that a result follows from."""
    follows_from = {
        "step": [step.name, step.code_version],
        "job": job_hash(context.job),
        "also": step.also_reads(context),
        "parameters": _sections(step, context),
        "seed": context.params.seed,
        "needs": _needs(step, context),
    }
    return hashlib.sha256(json.dumps(follows_from, sort_keys=True).encode()).hexdigest()[:32]


def _is_up_to_date(step: Step, context: StepContext) -> bool:
    try:
        return context.result_of(step.name).inputs_hash == inputs_hash(step, context)
    except (StepError, StoreError):  # there is none yet, or it is damaged
        return False


def _needs(step: Step, context: StepContext) -> dict[str, str]:
    return {name: context.result_of(name).inputs_hash for name in step.needs}


def _failure(step: Step, context: StepContext, attempt: str, error: DispatchError) -> StepFailure:
    return StepFailure(
        step=step.name,
        attempt=attempt,
        job_key=context.job.job_key,
        failed_at=_now(),
        refused=isinstance(error, RefusedError),
        reason=error.reason if isinstance(error, RefusedError) else "",
        message=str(error),
        trace=error.trace if isinstance(error, SorterError) else "",
    )


def results_of(results: Path) -> dict[str, StepResult]:
    """Return the published results of a job by step, in the order of the chain."""
    return {name: published(results, name) for name in STEPS if (results / name).exists()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _cpu_s() -> float:
    both = (resource.getrusage(w) for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in both)
