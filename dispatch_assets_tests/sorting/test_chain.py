"""How steps run one after another, what is known of them afterwards, and what they follow from."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.errors import ParameterError, RefusedError, SorterError, StepError
from dispatch_assets.sorting.attempt import last_failure, published
from dispatch_assets.sorting.chain import STEPS, StepFailed, in_order, results_of, run_steps
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.sorting.results import Check, Refusal, StepResult
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    UNITS,
    Step,
    StepContext,
    StepOutcome,
)
from dispatch_assets_tests.sorting.lab import Known, context_of

Run = Callable[[StepContext, Path], StepOutcome]
OTHER_JOBS: list[dict[str, Any]] = [
    {"job_key": "other"},
    {"fingerprint": "other"},
    {"skip_times": True},
    {"recording_dict": {"of": "the first minute"}},
]


@pytest.fixture
def context(known: Known, tmp_path: Path) -> StepContext:
    return context_of(known, tmp_path / "results")


def write(context: StepContext, folder: Path) -> StepOutcome:
    (folder / "file").write_text("x")
    check = Check(name="c", passed=True, message="It is.")
    return StepOutcome(facts={"n": 1}, files={"file": "file"}, checks=[check], warnings=["w"])


def fails(error: Exception) -> Run:
    def run(context: StepContext, folder: Path) -> StepOutcome:
        (folder / "half").write_text("x")
        raise error

    return run


def step(name: str, run: Run = write, **changes: Any) -> Step:
    return replace(STEPS[name], run=run, check=lambda context: None, **changes)


def once(context: StepContext, *steps: Step, attempt: str = "a1") -> list[StepResult]:
    return list(run_steps(steps, context, attempt))


def upstream(context: StepContext) -> None:
    once(context, step(PREPROCESSED), step(SORTING))


# order


def test_steps_stand_in_the_order_of_the_chain() -> None:
    names = list(STEPS)
    assert [s.name for s in in_order(reversed(names))] == names
    assert [s.name for s in in_order([UNITS, PREPROCESSED, UNITS])] == [PREPROCESSED, UNITS]
    for i, one in enumerate(STEPS.values()):
        assert set(one.needs) <= set(names[:i]), one.name


def test_no_such_step() -> None:
    with pytest.raises(ParameterError, match="spikes"):
        in_order([UNITS, "spikes"])


# results


def test_a_step_is_published_before_the_next_one_begins(context: StepContext) -> None:
    seen: list[str] = []

    def look(context: StepContext, folder: Path) -> StepOutcome:
        seen.append(context.result_of(PREPROCESSED).attempt)
        return StepOutcome()

    results = once(context, step(PREPROCESSED), step(SORTING, look))
    assert [r.step for r in results] == [PREPROCESSED, SORTING]
    assert seen == ["a1"]
    assert results_of(context.results) == {r.step: r for r in results}


def test_a_result_says_what_it_is(context: StepContext) -> None:
    (result,) = once(context, step(PREPROCESSED))
    job = context.job
    assert (result.job_key, result.fingerprint) == (job.job_key, job.fingerprint)
    assert (result.facts, result.files, result.warnings) == ({"n": 1}, {"file": "file"}, ["w"])
    assert result.checks[0].passed
    assert set(result.parameters) == set(STEPS[PREPROCESSED].sections)
    assert result.peak_rss_mb > 1
    assert result.started_at <= result.finished_at
    assert "spikeinterface" in result.versions
    assert published(context.results, PREPROCESSED) == result


def test_an_earlier_step_that_is_missing(context: StepContext) -> None:
    with pytest.raises(StepFailed, match="`preprocessed` has no result yet"):
        once(context, step(SORTING))


# failures


def test_a_failed_step_is_on_record_until_it_succeeds(context: StepContext) -> None:
    error = RefusedError("it is flat", "r", "Leave it", Refusal.ALL_ZERO)
    with pytest.raises(StepFailed) as failed:
        once(context, step(PREPROCESSED), step(SORTING, fails(error)))
    last = last_failure(context.results, SORTING)
    assert last == failed.value.failure
    assert (last.refused, last.reason, last.message) == (True, "all_zero", str(error))
    assert list(results_of(context.results)) == [PREPROCESSED]
    assert not [p for p in context.results.iterdir() if p.is_dir() and p.name.startswith(".")]
    once(context, step(SORTING))
    assert last_failure(context.results, SORTING) is None


def test_a_sorters_own_trace_is_on_record(context: StepContext) -> None:
    error = SorterError("it gave up", "sc2", "", "Traceback: no spikes")
    with pytest.raises(StepFailed) as failed:
        once(context, step(PREPROCESSED, fails(error)))
    assert failed.value.failure.trace == "Traceback: no spikes"
    assert not failed.value.failure.refused


def test_a_failure_leaves_the_earlier_result(context: StepContext) -> None:
    once(context, step(PREPROCESSED))
    with pytest.raises(StepFailed):
        once(context, step(PREPROCESSED, fails(StepError("no"))), attempt="a2")
    assert published(context.results, PREPROCESSED).attempt == "a1"


def test_an_error_of_ours_is_no_reason_and_leaves_nothing(context: StepContext) -> None:
    with pytest.raises(ZeroDivisionError):
        once(context, step(PREPROCESSED, fails(ZeroDivisionError())))
    assert last_failure(context.results, PREPROCESSED) is None
    assert not (context.results / PREPROCESSED).exists()
    assert not [p for p in context.results.iterdir() if p.is_dir()]


def test_what_can_be_known_before_is_checked_before_the_first_step(context: StepContext) -> None:
    def refuse(context: StepContext) -> None:
        raise ParameterError("is unknown", "curation.x")

    later = replace(step(SORTING), check=refuse)
    with pytest.raises(StepFailed, match=r"curation\.x"):
        once(context, step(PREPROCESSED), later)
    assert results_of(context.results) == {}


# what a result follows from


def test_the_same_again_has_the_same_hash(context: StepContext) -> None:
    (one,) = once(context, step(PREPROCESSED))
    (other,) = once(replace(context, n_jobs=7, data_folder=Path("/elsewhere")), step(PREPROCESSED))
    assert one.inputs_hash == other.inputs_hash


def with_params(context: StepContext, params: dict[str, Any]) -> StepContext:
    return replace(context, params=parse_sorting_params(params)[0])


@pytest.mark.parametrize(
    ("params", "changes"),
    [
        ({"postprocessing": {"min_spikes": 31}}, True),
        ({"curation": {"qc_thresholds": {}}}, True),
        ({"seed": 1}, True),
        ({"nwb": {"backend": "zarr"}}, False),
        ({"spikesorting": {"sorter": "simple"}}, False),  # it counts through the step before
    ],
)
def test_parameters_that_a_step_uses(
    context: StepContext, params: dict[str, Any], changes: bool
) -> None:
    context = with_params(context, {})
    upstream(context)
    (before,) = once(context, step(UNITS))
    (after,) = once(with_params(context, params), step(UNITS))
    assert (before.inputs_hash != after.inputs_hash) is changes


def test_it_follows_from_the_steps_before(context: StepContext) -> None:
    upstream(context)
    (before,) = once(context, step(UNITS))
    (sorting,) = once(context, step(SORTING, code_version="other"))
    (after,) = once(context, step(UNITS))
    assert before.inputs_hash != after.inputs_hash
    assert after.follows_from[SORTING] == sorting.inputs_hash
    assert set(after.follows_from) == {PREPROCESSED, SORTING}


def test_it_follows_from_the_code(context: StepContext) -> None:
    (before,) = once(context, step(PREPROCESSED))
    (after,) = once(context, step(PREPROCESSED, code_version="other"))
    assert before.inputs_hash != after.inputs_hash


@pytest.mark.parametrize("change", OTHER_JOBS)
def test_it_follows_from_the_recording(context: StepContext, change: dict[str, Any]) -> None:
    (before,) = once(context, step(PREPROCESSED))
    job = context.job.model_copy(update=change)
    (after,) = once(replace(context, job=job), step(PREPROCESSED))
    assert before.inputs_hash != after.inputs_hash


@pytest.mark.parametrize("change", OTHER_JOBS)
def test_the_result_of_another_recording_is_refused(
    context: StepContext, change: dict[str, Any]
) -> None:
    once(context, step(PREPROCESSED))
    job = context.job.model_copy(update=change)
    other = replace(context, job=job)
    with pytest.raises(RefusedError) as refused:
        other.result_of(PREPROCESSED)
    assert refused.value.reason == Refusal.CHANGED
    with pytest.raises(StepFailed) as failed:
        once(other, step(SORTING))
    assert failed.value.failure.reason == "changed"
    assert not (context.results / SORTING).exists()


def test_what_was_made_from_a_result_that_has_been_replaced_is_refused(
    context: StepContext,
) -> None:
    upstream(context)
    once(context, step(UNITS))
    once(context, step(PREPROCESSED, code_version="other"))
    for name in (SORTING, UNITS):
        with pytest.raises(RefusedError, match="made from an earlier result of `") as refused:
            context.result_of(name)
        assert refused.value.reason == Refusal.CHANGED
    with pytest.raises(StepFailed, match="Run the step `sorting` again"):
        once(context, step(UNITS))
    due = list(run_steps([step(SORTING), step(UNITS)], context, "a2", only_due=True))
    assert [result.attempt for result in due] == ["a2", "a2"]
    assert context.result_of(UNITS).attempt == "a2"


def test_it_follows_from_what_else_it_reads(context: StepContext) -> None:
    hashes = [
        once(context, step(PREPROCESSED, also_reads=lambda context, said=said: said))[0].inputs_hash
        for said in ("a mouse", "a rat")
    ]
    assert len(set(hashes)) == 2


def test_results_are_plain_json(context: StepContext) -> None:
    once(context, step(PREPROCESSED))
    values = json.loads((context.results / PREPROCESSED / "result.json").read_text())
    assert values["step"] == PREPROCESSED
