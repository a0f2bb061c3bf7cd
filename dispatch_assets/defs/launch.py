"""Launch steps of the chain as one command, and find out what it has really published."""

import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import dagster as dg
from dagster._core.errors import DagsterPipesExecutionError
from dagster._core.pipes.client import PipesClientCompletedInvocation

from dispatch_assets.errors import DispatchError, StoreError
from dispatch_assets.sorting.attempt import last_failure, published
from dispatch_assets.sorting.results import RESULT_MESSAGE, StepFailure, StepResult

END_WITHIN_S = 60
"""A command that is told to stop is killed after so many seconds."""
_EXCHANGE = ".pipes-"
_LEFT_BEHIND_S = 7 * 86_400
"""What a command has not written to for so long was left by a run that was killed."""


@dataclass(frozen=True)
class Launched:
    """What became of a recording.

    Attributes
    ----------
    key
        Key of its job.
    results
        What this attempt published, in the order of the chain.
    failure
        Why it stopped, None if every step is done.
    """

    key: str
    results: list[StepResult]
    failure: StepFailure | None


@dataclass(frozen=True)
class Command:
    """A command that runs steps of several recordings, one after the other.

    Attributes
    ----------
    words
        The command, the steps and whatever else is the same for all recordings.
    steps
        Names of the steps, in the order of the chain.
    results
        Folder below which each recording has its folder of results.
    only_due
        Whether results that follow from the same inputs are left as they are.
    """

    words: list[str]
    steps: list[str]
    results: Path
    only_due: bool = False

    def line(self, jobs: Mapping[str, str], attempt: str) -> list[str]:
        """Return the whole command line for jobs, given as key and path."""
        out = self.results / next(iter(jobs)) if len(jobs) == 1 else self.results
        words = [*self.words, *(["--only-due"] if self.only_due else [])]
        return [*words, "--out", str(out), "--attempt", attempt, "--job", *jobs.values()]


def launch(
    context: dg.AssetExecutionContext, command: Command, jobs: Mapping[str, str]
) -> Iterator[Launched]:
    """Run steps in one process, and believe only what this attempt has published.

    The exit status proves nothing: a cluster's launcher may return 0 when its node dies, and a
    step that has refused a recording is no failure of the process. A process that died takes one
    recording with it; those after it get a new process.

    Parameters
    ----------
    context
        The run's context; what the command reports reaches the run's log.
    command
        What to run.
    jobs
        Path of each recording's job, by key.

    Yields
    ------
    Launched
        One per recording.

    Raises
    ------
    StoreError
        If the folder of results cannot be written.
    """
    left = dict(jobs)
    while left:
        attempt = f"{context.run.run_id[:8]}-{uuid.uuid4().hex[:8]}"
        with _pipes(command.results) as pipes:
            told, ended = _run(context, pipes, command.line(left, attempt))
        for key in list(left):
            launched = _outcome(key, command, attempt, told, ended)
            yield launched
            del left[key]
            if launched.failure is not None and not launched.failure.failed_at:
                break  # it left no word: the process died with it


@contextmanager
def _pipes(results: Path) -> Iterator[dg.PipesSubprocessClient]:
    """Yield what launches a command, and talks with it by files in the folder of results.

    Dagster's own choice is the folder of temporary files, which a cluster's nodes do not share.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        _sweep(results)
        folder = tempfile.TemporaryDirectory(
            prefix=_EXCHANGE, dir=results, ignore_cleanup_errors=True
        )
    except OSError as e:
        what = f"cannot be written ({e.strerror})"
        raise StoreError(what, results, "Check free space and permissions") from e
    with folder as exchange:
        yield dg.PipesSubprocessClient(
            context_injector=dg.PipesFileContextInjector(str(Path(exchange, "context"))),
            message_reader=dg.PipesFileMessageReader(str(Path(exchange, "messages"))),
            termination_timeout_seconds=END_WITHIN_S,
        )


def _sweep(results: Path) -> None:
    for folder in results.glob(f"{_EXCHANGE}*"):
        with suppress(OSError):  # a run has just ended, or it is another user's
            written_s = max(p.stat().st_mtime for p in (folder, *folder.iterdir()))
            if time.time() - written_s > _LEFT_BEHIND_S:
                shutil.rmtree(folder)


def _run(
    context: dg.AssetExecutionContext, pipes: dg.PipesSubprocessClient, line: list[str]
) -> tuple[list[StepResult] | None, str]:
    """Return what the command told, None if that is lost, and how it ended if it ended badly."""
    own_events = cast("dg.AssetExecutionContext", _LogsItsOwnEvents(context))
    try:
        with warnings.catch_warnings():
            for kind in (dg.PreviewWarning, DeprecationWarning):  # Dagster's use of itself
                warnings.simplefilter("ignore", kind)
            return _told(pipes.run(context=own_events, command=line)), ""
    except DagsterPipesExecutionError as e:
        return None, str(e)


def _outcome(
    key: str, command: Command, attempt: str, told: list[StepResult] | None, ended: str
) -> Launched:
    folder = command.results / key
    done: list[StepResult] = []
    for step in command.steps:
        result = _published(folder, step)
        if result is None or not _is_believed(result, command, attempt, told):
            return Launched(key, done, _why_not(attempt, folder, step, ended))
        done.append(result)
    return Launched(key, done, None)


def _is_believed(
    result: StepResult, command: Command, attempt: str, told: list[StepResult] | None
) -> bool:
    """Return whether a published result is what this attempt made, or found to be up to date.

    What it made is known from the disk alone: the process may have died, and messages may come
    late or not at all where the disk is a share.
    """
    if result.attempt == attempt:
        return True
    return command.only_due and told is not None and result in told


class _LogsItsOwnEvents:
    """The context of a run that need not have an output for every asset.

    Pipes insists on one, but a run of many partitions logs an event for each of them instead.
    """

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._context = context

    def __getattr__(self, name: str) -> object:
        return getattr(self._context, name)

    def set_requires_typed_event_stream(self, *, error_message: str | None = None) -> None:
        """Do not insist; `error_message` is what Dagster would have said."""


def _told(invocation: PipesClientCompletedInvocation) -> list[StepResult]:
    """Return the results that the command reported through Pipes."""
    messages = invocation.get_custom_messages()
    return [StepResult.model_validate(m[RESULT_MESSAGE]) for m in messages if RESULT_MESSAGE in m]


def _published(results: Path, step: str) -> StepResult | None:
    try:
        return published(results, step)
    except DispatchError:
        return None  # none, or one that cannot be read: in any case not what was just published


def _why_not(attempt: str, results: Path, step: str, ended: str) -> StepFailure:
    failure = last_failure(results, step)
    if failure is not None and failure.attempt == attempt:
        return failure
    how = ended or "the command ended without a word"
    message = (
        f"`{step}` published nothing: {how}. It was killed, or its machine died; the output of "
        "this run may tell. Out of memory? Allow fewer workers (`n_jobs`). Then run it again."
    )
    return StepFailure(
        step=step, attempt=attempt, job_key="", failed_at="", refused=False, message=message
    )
