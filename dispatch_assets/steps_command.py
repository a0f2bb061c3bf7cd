"""``dispatch-assets run``: steps of the sorting chain as a command, alone or under Dagster Pipes.

Under Pipes (Dagster sets ``DAGSTER_PIPES_CONTEXT``) lines and results go to Dagster, and a step
that failed for a reason of its own ends the command with status 0: a failing process would lose
the results of the steps before it. (Its reason is written down beside the results.)
"""

from __future__ import annotations

import os
import signal
import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from dispatch_assets.errors import DispatchError, ParameterError

if TYPE_CHECKING:
    from dispatch_assets.sorting.params import SortingParams
    from dispatch_assets.sorting.results import StepFailure, StepResult
    from dispatch_assets.sorting.step import Step

PIPES = "DAGSTER_PIPES_CONTEXT"
ALL = "all"
_THREAD_LIMITS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)


def run(parser: ArgumentParser, arguments: list[str]) -> int:
    """Run steps of the chain."""
    options = _options(parser, arguments)
    n_jobs = _n_jobs(options.n_jobs)
    os.environ.update({name: str(n_jobs) for name in _THREAD_LIMITS})  # read by their imports
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave like on Ctrl-C: tidily
    from dispatch_assets.sorting.chain import STEPS, in_order

    steps = list(STEPS.values()) if options.steps == [ALL] else in_order(options.steps)
    params, left_aside = _params(options)
    with _reporter() as reporter:
        for note in left_aside:
            reporter.log(note)
        done = [_run_job(path, options, steps, params, n_jobs, reporter) for path in options.job]
        return 0 if all(done) or reporter.tells_failures else 1


def _run_job(
    path: str,
    options: Namespace,
    steps: list[Step],
    params: SortingParams,
    n_jobs: int,
    reporter: _Reporter,
) -> bool:
    """Run the steps of one job; what fails fails alone."""
    from dispatch_assets.sorting.chain import StepFailed, run_steps
    from dispatch_assets.sorting.source import read_job
    from dispatch_assets.sorting.step import StepContext

    try:
        job = read_job(path)
    except DispatchError as e:
        if len(options.job) == 1:
            raise
        reporter.log(str(e))
        return False
    out = Path(options.out).absolute()
    context = StepContext(
        job=job,
        data_folder=Path(options.data or job.data_folder),
        results=out if len(options.job) == 1 else out / job.job_key,
        params=params,
        n_jobs=n_jobs,
        log=reporter.log,
    )
    try:
        attempt = options.attempt or uuid.uuid4().hex[:12]
        for result in run_steps(steps, context, attempt, only_due=options.only_due):
            reporter.result(result)
    except StepFailed as e:
        reporter.failure(e.failure)
        return False
    return True


def _options(parser: ArgumentParser, arguments: list[str]) -> Namespace:
    add = parser.add_argument
    add("steps", nargs="+", metavar="STEP", help=f"steps of the chain, or `{ALL}`")
    add("--job", required=True, nargs="+", metavar="JOB", help="job files, one per recording")
    out = "folder for the results; of several jobs, each has a folder of its own in it"
    add("--out", required=True, metavar="DIR", help=out)
    add("--data", metavar="DATA", help="where the data are now, if not where the job says")
    add("--params", metavar="JSON", help="a JSON file or string; an AIND params file works")
    add("--sorter", metavar="NAME", help="which sorter, whatever --params says")
    add("--seed", type=int, metavar="N", help="seed of every random choice")
    add("--n-jobs", type=int, metavar="N", help="parallel workers (default: all cores)")
    only_due = "leave alone what is there already and follows from the same inputs"
    add("--only-due", action="store_true", help=only_due)
    add("--attempt", metavar="ID", help="name of this attempt (default: made up)")
    return parser.parse_args(arguments)


def _n_jobs(wanted: int | None) -> int:
    if wanted is None:
        return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    if wanted < 1:
        raise ParameterError(f"must be at least 1 (got {wanted})", "--n-jobs")
    return wanted


def _params(options: Namespace) -> tuple[SortingParams, list[str]]:
    from dispatch_assets.params import load_json_argument
    from dispatch_assets.sorting.params import parse_sorting_params

    values: Any = load_json_argument(options.params, "params") if options.params else {}
    if not isinstance(values, dict):
        raise ParameterError("must be a JSON object", "--params")
    values = dict(values)
    if options.sorter is not None:
        section = values.get("spikesorting", {})
        if not isinstance(section, dict):
            raise ParameterError("must be a JSON object", "--params spikesorting")
        values["spikesorting"] = {**section, "sorter": options.sorter}
    if options.seed is not None:
        values["seed"] = options.seed
    return parse_sorting_params(values)


class _Reporter(Protocol):
    """Where lines and results go."""

    tells_failures: bool  # whether failures are told otherwise than by the exit status

    def log(self, line: str) -> None: ...

    def result(self, result: StepResult) -> None: ...

    def failure(self, failure: StepFailure) -> None: ...


class _Terminal:
    tells_failures = False

    def log(self, line: str) -> None:
        print(line, file=sys.stderr, flush=True)

    def result(self, result: StepResult) -> None:
        print(f"{result.step} of {result.job_key}")
        for name, value in result.facts.items():
            print(f"  {name}: {value}")
        for warning in result.warnings:
            print(f"  warning: {warning}")
        sys.stdout.flush()

    def failure(self, failure: StepFailure) -> None:
        print(f"{failure.step} failed: {failure.message}", file=sys.stderr, flush=True)


class _Pipes:
    tells_failures = True

    def __init__(self, context: Any) -> None:  # noqa: ANN401 - dagster_pipes has few types
        self.context = context

    def log(self, line: str) -> None:
        self.context.log.info(line)

    def result(self, result: StepResult) -> None:
        from dispatch_assets.sorting.results import RESULT_MESSAGE

        self.context.report_custom_message({RESULT_MESSAGE: result.model_dump(mode="json")})

    def failure(self, failure: StepFailure) -> None:
        self.context.log.error(f"{failure.job_key}: {failure.step} failed: {failure.message}")


@contextmanager
def _reporter() -> Iterator[_Reporter]:
    if PIPES not in os.environ:
        yield _Terminal()
        return
    from dagster_pipes import open_dagster_pipes

    _end_with_parent()
    with open_dagster_pipes() as context:
        try:
            yield _Pipes(context)
        except DispatchError as e:
            context.log.error(str(e))
            raise


def _end_with_parent() -> None:
    """Ask Linux to stop this process when the one that launched it dies."""
    if sys.platform != "linux":
        return
    import ctypes

    set_parent_death_signal = 1  # PR_SET_PDEATHSIG, see prctl(2)
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)
