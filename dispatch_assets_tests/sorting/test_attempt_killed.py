"""Attempts whose process is killed: what stands published, and who clears away the rest."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.attempt import (
    attempt_folder,
    published,
)
from dispatch_assets_tests.sorting.attempt_lab import (
    STEP,
    leftovers,
    make,
    payload,
)

_PROCESS = """
    import os, sys, time
    from pathlib import Path
    from dispatch_assets.sorting import attempt as attempts
    from dispatch_assets_tests.sorting.attempt_lab import STEP, result

    results, until = Path(sys.argv[1]), sys.argv[2]

    def stop(where):
        if where == until:
            print("there", flush=True)
            time.sleep(600)

    rename = Path.rename
    def slow_rename(path, target):
        if Path(target).name == STEP:
            stop("between")
        done = rename(path, target)
        if Path(target).name == STEP:
            stop("published")
        return done
    Path.rename = slow_rename

    with attempts.attempt_folder(results, STEP, "killed") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "payload").write_text("half")
        stop("middle")
        (folder / "deep" / "payload").write_text("killed")
        attempts.publish(folder, result("killed"))
"""


@contextmanager
def process(results: Path, until: str) -> Iterator[subprocess.Popen[str]]:
    """Run an attempt in a process of its own, until it stands still at `until`."""
    command = [sys.executable, "-c", textwrap.dedent(_PROCESS), str(results), until]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            assert running.stdout.readline() == "there\n"
            yield running
        finally:
            os.kill(running.pid, signal.SIGKILL)


def kill(results: Path, until: str) -> None:
    with process(results, until):
        pass


@pytest.mark.parametrize(
    ("until", "first"), [("middle", None), ("between", None), ("published", "killed")]
)
def test_killed_at_a_first_result(tmp_path: Path, until: str, first: str | None) -> None:
    kill(tmp_path, until)
    if first is None:
        assert not (tmp_path / STEP).exists()
        with pytest.raises(StepError):
            published(tmp_path, STEP)
    else:
        assert published(tmp_path, STEP).attempt == payload(tmp_path) == first
    make(tmp_path, "next")
    assert published(tmp_path, STEP).attempt == payload(tmp_path) == "next"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize(
    ("until", "then"), [("middle", "a1"), ("between", "a1"), ("published", "killed")]
)
def test_killed_at_a_replacement(tmp_path: Path, until: str, then: str) -> None:
    make(tmp_path, "a1")
    kill(tmp_path, until)
    assert published(tmp_path, STEP).attempt == payload(tmp_path) == then
    with attempt_folder(tmp_path, STEP, "next"):
        assert leftovers(tmp_path) == [f".{STEP}-next"]
    assert published(tmp_path, STEP).attempt == payload(tmp_path) == then


def test_the_next_attempt_waits_for_no_one_but_clears_the_dead(tmp_path: Path) -> None:
    with process(tmp_path, "middle"):
        make(tmp_path, "meanwhile")
        assert leftovers(tmp_path) == [f".{STEP}-killed"]  # it is at work still
    with attempt_folder(tmp_path, STEP, "next"):
        assert leftovers(tmp_path) == [f".{STEP}-next"]
    assert published(tmp_path, STEP).attempt == "meanwhile"
