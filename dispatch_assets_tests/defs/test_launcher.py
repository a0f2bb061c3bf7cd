"""Whether a run's process still lives: asked of real processes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import dagster as dg
import pytest
from dagster._core.events import EngineEventData
from dagster._core.launcher import WorkerStatus

from dispatch_assets.defs.launcher import CheckedRunLauncher

LAUNCHER = {"module": "dispatch_assets.defs.launcher", "class": "CheckedRunLauncher"}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test(overrides={"run_launcher": LAUNCHER}) as instance:
        yield instance


def run_in(instance: dg.DagsterInstance, pid: int) -> dg.DagsterRun:
    """Return a run that has told which process it runs in."""
    run = dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    instance.report_engine_event("Started process", run, EngineEventData.in_process(pid))
    return run


def health(instance: dg.DagsterInstance, run: dg.DagsterRun) -> WorkerStatus:
    launcher = instance.run_launcher
    assert isinstance(launcher, CheckedRunLauncher)
    assert launcher.supports_check_run_worker_health
    return launcher.check_run_worker_health(run).status


def test_process_that_lives_and_then_is_killed(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        run = run_in(instance, worker.pid)
        assert health(instance, run) is WorkerStatus.RUNNING
        worker.kill()
        worker.wait()
        assert health(instance, run) is WorkerStatus.FAILED


def test_killed_process_that_nobody_has_waited_for(instance: dg.DagsterInstance) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as worker:
        run = run_in(instance, worker.pid)
        worker.kill()
        os.waitid(os.P_PID, worker.pid, os.WEXITED | os.WNOWAIT)
        assert health(instance, run) is WorkerStatus.FAILED


def test_another_process_with_the_same_number(instance: dg.DagsterInstance) -> None:
    assert health(instance, run_in(instance, 1)) is WorkerStatus.FAILED


def test_run_that_has_told_nothing(instance: dg.DagsterInstance) -> None:
    run = dg.DagsterRun(job_name="job", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    assert health(instance, run) is WorkerStatus.FAILED
