"""The state of one recording, its last error and what to do next."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.errors import StoreError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import InventoryEntry, Reason
from dispatch_assets.report import place
from dispatch_assets.shards import Tombstone
from dispatch_assets.status.glances import Damaged, glance_at_job
from dispatch_assets.status.models import (
    NEEDS_A_PERSON,
    JobState,
    Problem,
    RecordingState,
    RecordingStatus,
    StepStatus,
)
from dispatch_assets.status.steps import Sorted, Wanted, look_at_steps, nothing_sorted

_COPY = "copy again from the rig"
_FOR_FAULTS = {
    Reason.TRUNCATED: _COPY,
    Reason.MISSING_FILE: _COPY,
    Reason.NO_PROBE: "give a probe file",
    Reason.UNREADABLE: "copy again or get reader",
    Reason.NO_ANSWER: "look at disk or share",
    Reason.REFUSED: "ask who made the file",
    Reason.DUPLICATE_NAME: "rename one of them",
    Reason.BAD_SETTINGS: "mend its settings",
}
_SORTED_STATES = {
    "damaged": RecordingState.DAMAGED,
    "failed": RecordingState.FAILED,
    "killed": RecordingState.KILLED,
    "running": RecordingState.RUNNING,
    "out of date": RecordingState.OUT_OF_DATE,
}
"""What a step's state makes of a recording, the gravest first."""


@dataclass(frozen=True)
class Places:
    """Where jobs and results are, and which there are.

    Attributes
    ----------
    jobs
        The job files.
    keys
        Keys of all jobs that have a file.
    results
        Folder of the results, None if there is none.
    failed_keys
        Keys of all jobs that could not be built some time.
    sorted_keys
        Keys of all jobs that have a folder of results.
    wanted
        What results should have been made with.
    """

    jobs: JobFiles
    keys: Collection[str]
    failed_keys: Collection[str]
    results: Path | None
    sorted_keys: Collection[str]
    wanted: Wanted

    def folder(self, key: str) -> Path | None:
        """Return the folder of a job's results, None if there is none."""
        return self.results / key if self.results and key in self.sorted_keys else None


def fault_status(entry: InventoryEntry) -> RecordingStatus:
    """Return the status of a stream, or of a whole session, that cannot be dispatched."""
    where = place(entry)
    advice = _FOR_FAULTS.get(entry.reason, "see the error") if entry.reason else "see the error"
    return RecordingStatus(
        job_key=None,
        recording_name=where or "(whole session)",
        probe_names=entry.probe_names,
        n_channels=entry.n_channels,
        duration_s=entry.duration_s,
        state=RecordingState.FAULTY,
        job="faulty",
        last_error=Problem(where=where, message=entry.message or str(entry.reason)),
        next_step=advice,
        needs_attention=True,
    )


def recording_status(
    entry: InventoryEntry, parameters_hash: str, stone: Tombstone | None, places: Places
) -> RecordingStatus:
    """Return the status of a recording.

    Parameters
    ----------
    entry
        What the inventory says about it.
    parameters_hash
        Hash of the parameters that its job should be made with.
    stone
        Its tombstone, if it has vanished.
    places
        Where its job and results are.
    """
    key, fingerprint = str(entry.job_key), str(entry.fingerprint)
    folder = places.folder(key)
    done = look_at_steps(folder, key, fingerprint, places.wanted) if folder else nothing_sorted()
    job: JobState
    if stone is not None:
        job, error = "vanished", None
    else:
        job, error = _job(key, (fingerprint, parameters_hash), places)
    state, error, next_step = _verdict(job, error, done, stone)
    return RecordingStatus(
        job_key=key,
        recording_name=str(entry.recording_name),
        probe_names=list(dict.fromkeys(entry.probe_names)),
        n_channels=entry.n_channels,
        duration_s=entry.duration_s,
        state=state,
        job=job,
        steps=done.steps,
        last_error=error,
        next_step=next_step,
        needs_attention=state in NEEDS_A_PERSON,
        units=done.units,
        results=str(folder) if folder else None,
        files=done.files,
    )


def _job(key: str, made_from: tuple[str, str], places: Places) -> tuple[JobState, Problem | None]:
    state: JobState = "missing"
    if key in places.keys:
        job = glance_at_job(places.jobs, key)
        if isinstance(job, Damaged):
            return "damaged", Problem(where="job", message=job.message)
        if job == made_from:
            return "written", None
        state = "out of date"
    if key not in places.failed_keys:
        return state, None
    try:
        failure = places.jobs.last_failure(key)
    except StoreError as e:
        return "faulty", Problem(where="job", message=str(e))
    return "faulty", Problem(where="job", message=failure.message, at=failure.failed_at)


_WITHOUT_JOB: dict[JobState, tuple[RecordingState, str]] = {
    "damaged": (RecordingState.DAMAGED, "materialize sorting_jobs"),
    "faulty": (RecordingState.FAULTY, "mend, run sorting_jobs"),
    "missing": (RecordingState.NO_JOB, "materialize sorting_jobs"),
}


def _verdict(
    job: JobState, error: Problem | None, done: Sorted, stone: Tombstone | None
) -> tuple[RecordingState, Problem | None, str]:
    """Return state, last error and next step."""
    if stone is not None:
        now = f"nothing: is now {stone.renamed_to}" if stone.renamed_to else ""
        return RecordingState.VANISHED, None, now or "nothing, or bring back"
    if job in _WITHOUT_JOB:
        state, next_step = _WITHOUT_JOB[job]
        return state, error, next_step
    for step_state, state in _SORTED_STATES.items():
        step = next((s for s in done.steps if s.state == step_state), None)
        if step is not None and (state in NEEDS_A_PERSON or job == "written"):
            return _about(step, state)
    if job == "out of date":
        return RecordingState.OUT_OF_DATE, None, "materialize sorting_jobs"
    state, next_step = _progress(done)
    return state, None, next_step


def _progress(done: Sorted) -> tuple[RecordingState, str]:
    missing = [s.step for s in done.steps if s.state == "none"]
    if not missing:
        return RecordingState.DONE, "look at report"
    state = RecordingState.PARTLY if len(missing) < len(done.steps) else RecordingState.DISPATCHED
    return state, f"run {missing[0]}"


def _about(step: StepStatus, state: RecordingState) -> tuple[RecordingState, Problem | None, str]:
    error = Problem(where=step.step, message=step.why, at=step.at) if step.why else None
    if state == RecordingState.RUNNING:
        return state, None, f"wait for {step.step}"
    if state == RecordingState.FAILED and step.refused:
        return RecordingState.REFUSED, error, "exclude, or adapt params"
    if state == RecordingState.FAILED:
        return state, error, f"mend, run {step.step}"
    return state, error, f"run {step.step} again"
