"""Attempts at a step: each works in a private folder, published by rename, whole or not at all.

::

    <results>/<step>/                   the published result, with result.json in it
    <results>/<step>.failed.json        why the last attempt failed, if it did
    <results>/.<step>-<attempt>/        an attempt at work
    <results>/.<step>-<attempt>.old/    the result that is just being replaced

An attempt holds a lock in its folder as long as its process lives: what a killed process left
behind is recognised by its free lock, and cleared away by the next attempt. Private folders stand
at the depth of the published one, so that relative paths in them stay true. Folders are made, put
in place and cleared away by one process at a time: the one that holds ``<results>/.lock``.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from dispatch_assets.errors import NamingError, StepError, StoreError
from dispatch_assets.models import dump_json
from dispatch_assets.sorting.results import RESULT_FILE, StepFailure, StepResult

_LOCK = ".lock"
_OLD = ".old"


@contextmanager
def attempt_folder(results: Path, step: str, attempt: str) -> Iterator[Path]:
    """Yield a new private folder; whatever is still in it afterwards is deleted.

    Raises
    ------
    NamingError
        If `attempt` cannot be part of a folder's name.
    StoreError
        If the folder cannot be made.
    """
    if (
        not attempt
        or attempt.startswith(".")
        or attempt.endswith(_OLD)
        or not all(c.isalnum() or c in "-_." for c in attempt)
    ):
        raise NamingError("cannot name an attempt", repr(attempt), "Use letters, digits and -_")
    folder = results / f".{step}-{attempt}"
    with _storing(folder, "cannot be made"):
        results.mkdir(parents=True, exist_ok=True)
        with _alone_in(results):  # nobody clears it away before it is locked
            _clear_leftovers(results, step)
            folder.mkdir()
            lock = (folder / _LOCK).open("w")
            fcntl.flock(lock, fcntl.LOCK_EX)
    with lock:
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, result: StepResult) -> Path:
    """Make a finished attempt the result of its step, and return where it now stands.

    Raises
    ------
    StoreError
        If it cannot be written; the earlier result is then still there.
    """
    target = folder.parent / result.step
    old = folder.parent / f"{folder.name}{_OLD}"
    with _storing(target, "cannot be published"):
        (folder / RESULT_FILE).write_text(dump_json(result.model_dump(mode="json")))
        _sync_tree(folder)
        with _alone_in(folder.parent):
            (folder / _LOCK).unlink()
            if target.exists():
                target.rename(old)
            try:
                folder.rename(target)
            except OSError:
                if old.exists():
                    old.rename(target)
                raise
            _sync(folder.parent)
            (folder.parent / f"{result.step}.failed.json").unlink(missing_ok=True)
    shutil.rmtree(old, ignore_errors=True)
    return target


def record_failure(results: Path, failure: StepFailure) -> None:
    """Write down why an attempt failed; the step's published result stays as it was."""
    file = results / f"{failure.step}.failed.json"
    temporary = results / f".{failure.step}-{failure.attempt}.failed.json"
    with _storing(file, "cannot be written"):
        results.mkdir(parents=True, exist_ok=True)
        temporary.write_text(dump_json(failure.model_dump(mode="json")))
        temporary.replace(file)


def published(results: Path, step: str) -> StepResult:
    """Return the published result of a step.

    Raises
    ------
    StepError
        If there is none.
    StoreError
        If it is damaged.
    """
    file = results / step / RESULT_FILE
    try:
        return StepResult.model_validate_json(_read(results, step))
    except FileNotFoundError as e:
        remedy = f"Run the step `{step}` first"
        raise StepError(f"the step `{step}` has no result yet", results, remedy) from e
    except (OSError, ValidationError) as e:
        raise StoreError("cannot be read", file, f"Run the step `{step}` again") from e


def last_failure(results: Path, step: str) -> StepFailure | None:
    """Return why the last attempt at a step failed, None if it did not or left no word."""
    try:
        return StepFailure.model_validate_json((results / f"{step}.failed.json").read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def attempts(results: Path) -> dict[str, bool]:
    """Return the steps that have an unfinished attempt, and whether its process lives here.

    One whose process does not was killed; what it left behind is cleared away by the next attempt.
    A process on another machine counts as dead where the disk does not carry its lock over.
    """
    found: dict[str, bool] = {}
    for lock in results.glob(f".*-*/{_LOCK}"):
        step = lock.parent.name[1:].partition("-")[0]
        found[step] = found.get(step, False) or is_at_work(lock.parent)
    return found


def is_at_work(folder: Path) -> bool:
    """Return whether the process of the attempt that has this private folder lives."""
    try:
        return _is_held(folder / _LOCK)
    except OSError:  # of another user, or on a disk without locks: nobody can know
        return True


def _read(results: Path, step: str) -> bytes:
    file = results / step / RESULT_FILE
    try:
        return file.read_bytes()
    except FileNotFoundError:
        if not (results / _LOCK).exists():
            raise
    with _alone_in(results):  # it was being replaced, or a process was killed at that
        _put_back_replaced(results, step)
        return file.read_bytes()


def _put_back_replaced(results: Path, step: str) -> None:
    """Undo half a replacement: its process was killed between the two renames."""
    target = results / step
    if target.exists():
        return
    for old in sorted(results.glob(f".{step}-*{_OLD}")):
        with _storing(target, "cannot be put back"):
            old.rename(target)
        return


def _clear_leftovers(results: Path, step: str) -> None:
    _put_back_replaced(results, step)
    for folder in results.glob(f".{step}-*"):
        if folder.is_dir() and not _is_held(folder / _LOCK):
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _alone_in(results: Path) -> Iterator[None]:
    with (results / _LOCK).open("w") as gate:
        fcntl.flock(gate, fcntl.LOCK_EX)
        yield


def _is_held(lock: Path) -> bool:
    try:
        with lock.open("r+") as f:  # NFS locks files only that are open for writing
            fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _sync_tree(folder: Path) -> None:
    for path, _, files in os.walk(folder):
        for name in files:
            _sync(Path(path, name))
        _sync(Path(path))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _storing(where: Path, what: str) -> Iterator[None]:
    try:
        yield
    except OSError as e:
        reason = f"{what} ({e.strerror or e})"
        raise StoreError(reason, where, "Check free space and permissions") from e
