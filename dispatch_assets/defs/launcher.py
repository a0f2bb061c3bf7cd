"""Launches runs as Dagster does by default, and can tell whether their processes still live.

Dagster's own launcher cannot: after a power cut, or when a code server is killed, its runs would
stay "started" and keep their place in a pool until `max_runtime_seconds` is over. With this one,
which `dagster.yaml` names, run monitoring finds out within a minute and launches them again.
"""

from typing import Any

import psutil
from dagster import DagsterEventType, DagsterRun
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.launcher import CheckRunHealthResult, DefaultRunLauncher, WorkerStatus
from dagster._grpc.types import CanCancelExecutionRequest, CanCancelExecutionResult
from dagster._serdes import deserialize_value

START_S = 60.0
"""A worker says so within so many seconds of its start; another process may have its number."""


class CheckedRunLauncher(DefaultRunLauncher):
    """Dagster's default launcher, whose workers' health can be asked for."""

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether run monitoring may ask; it may."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether a run's process still lives.

        Its code server knows. If that is gone, or is another one by now, the process may still
        have survived it on this machine.
        """
        if self._is_known_to_its_server(run) or self._is_alive_here(run):
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        why = "its process has died: killed, or out of memory, or the machine was restarted"
        return CheckRunHealthResult(WorkerStatus.FAILED, why)

    def _is_known_to_its_server(self, run: DagsterRun) -> bool:
        untyped: Any = self
        client = untyped._get_grpc_client_for_termination(run.run_id)
        if client is None:
            return False
        try:
            answer = client.can_cancel_execution(CanCancelExecutionRequest(run_id=run.run_id))
        except DagsterUserCodeUnreachableError:
            return False
        return deserialize_value(answer, CanCancelExecutionResult).can_cancel

    def _is_alive_here(self, run: DagsterRun) -> bool:
        events = self._instance.all_logs(run.run_id, of_type=DagsterEventType.ENGINE_EVENT)
        for event in events:
            metadata = event.get_dagster_event().engine_event_data.metadata
            if "pid" in metadata and _is_alive(int(str(metadata["pid"].value)), event.timestamp):
                return True
        return False


def _is_alive(pid: int, told_at: float) -> bool:
    """Return whether a process lives that was started shortly before it told its number."""
    try:
        process = psutil.Process(pid)
        is_dead = process.status() == psutil.STATUS_ZOMBIE
        return not is_dead and 0 <= told_at - process.create_time() + 1 <= START_S
    except psutil.Error:
        return False
