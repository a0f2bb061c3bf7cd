"""What is said about a fleet: sessions, their recordings, the steps of each. Plain data."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dispatch_assets.watch.states import State

SCHEMA_VERSION = 1


class RecordingState(StrEnum):
    """How far a recording has come; the first ones need a person."""

    DAMAGED = "damaged"
    FAULTY = "faulty"
    FAILED = "failed"
    REFUSED = "refused"
    KILLED = "killed"
    NO_JOB = "no job"
    OUT_OF_DATE = "out of date"
    RUNNING = "running"
    DISPATCHED = "dispatched"
    PARTLY = "partly sorted"
    DONE = "done"
    VANISHED = "vanished"


ABOUT_RECORDINGS = {
    RecordingState.DAMAGED: "a file of the store or of the results cannot be read",
    RecordingState.FAULTY: "the raw data cannot be dispatched",
    RecordingState.FAILED: "the last attempt at a step of sorting failed",
    RecordingState.REFUSED: "not fit for sorting with these parameters",
    RecordingState.KILLED: "the last attempt at a step of sorting was killed",
    RecordingState.NO_JOB: "found; its job is not written yet",
    RecordingState.OUT_OF_DATE: "a job or result follows from older data or other parameters",
    RecordingState.RUNNING: "a step of sorting is running on this machine",
    RecordingState.DISPATCHED: "its job is written; nothing of it is sorted",
    RecordingState.PARTLY: "some steps of sorting are done",
    RecordingState.DONE: "every step of sorting is done",
    RecordingState.VANISHED: "its raw data are gone; job and results are kept",
}
NEEDS_A_PERSON = frozenset(
    {
        RecordingState.DAMAGED,
        RecordingState.FAULTY,
        RecordingState.FAILED,
        RecordingState.REFUSED,
        RecordingState.KILLED,
    }
)

JobState = Literal["written", "out of date", "missing", "faulty", "damaged", "vanished"]
StepState = Literal["done", "out of date", "running", "failed", "killed", "damaged", "none"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Frozen):
    """What went wrong last."""

    where: str = Field(description="The step, the file or the stream concerned.")
    message: str = Field(description="What went wrong, with the remedy.")
    at: str = Field(default="", description="When, UTC, ISO 8601; empty if nobody wrote it down.")


class StepStatus(_Frozen):
    """One step of the sorting chain of one recording."""

    step: str = Field(description="Name of the step.")
    state: StepState
    at: str = Field(default="", description="When it ended, UTC, ISO 8601.")
    why: str = Field(default="", description="Why it is not done, as a sentence with the remedy.")
    refused: bool = Field(
        default=False, description="Whether the recording is unfit, rather than the run broken."
    )
    cpu_s: float | None = Field(default=None, description="CPU seconds of the published result.")


class RecordingStatus(_Frozen):
    """One recording, or one stream that should have become one."""

    job_key: str | None = Field(description="Key of its job; null if it cannot have one.")
    recording_name: str = Field(description="Its name, or where in the session the stream is.")
    probe_names: list[str] = Field(default_factory=list)
    n_channels: int | None = None
    duration_s: float | None = Field(default=None, description="Duration in seconds.")
    state: RecordingState
    job: JobState
    steps: list[StepStatus] = Field(
        default_factory=list, description="Every step of the chain, in order; empty without a job."
    )
    last_error: Problem | None = None
    next_step: str = Field(description="What a person or the automation should do next.")
    needs_attention: bool = Field(description="Whether a person has to do something.")
    units: dict[str, int] | None = Field(
        default=None, description="Number of units found, by label; null if not sorted yet."
    )
    results: str | None = Field(default=None, description="Folder of its results, if there is one.")
    files: dict[str, str] = Field(
        default_factory=dict,
        description="What to look at, as paths within `results`: report, nwb, overview.",
    )

    @property
    def step(self) -> StepStatus | None:
        """The furthest step that anything is known about."""
        known = [s for s in self.steps if s.state != "none"]
        return known[-1] if known else None


class SessionStatus(_Frozen):
    """One session, or one entry of the data root that is none yet."""

    session_name: str
    state: State
    since: str = Field(description="When it came into this state, UTC; empty if not known.")
    why: str = Field(description="What the state rests on, with the remedy if it needs one.")
    input_format: str = Field(default="", description="Input format; empty until inventoried.")
    path: str = Field(default="", description="Its path; empty until inventoried.")
    n_left_out: int = Field(default=0, description="Streams that are no recordings, as expected.")
    recordings: list[RecordingStatus] = Field(default_factory=list)
    last_error: Problem | None = Field(
        default=None, description="What is wrong with the session as a whole."
    )
    next_step: str = Field(description="What to do about the session as a whole; often nothing.")
    needs_attention: bool = Field(description="Whether it, or a recording in it, needs a person.")


class FleetStatus(_Frozen):
    """Everything in a store."""

    schema_version: int = SCHEMA_VERSION
    made_at: str = Field(description="When this was looked at, UTC, ISO 8601.")
    data: str = Field(description="The data root; empty if it was not looked at.")
    store: str = Field(description="Folder or URL of the store.")
    results: str = Field(description="Folder of the results of sorting; empty if there is none.")
    watched: bool = Field(
        description="Whether the memory of the sensor new_sessions could be read; without it, no "
        "entry is known to be settled or to have been copying for long."
    )
    steps: list[str] = Field(description="Names of the steps of the sorting chain, in order.")
    n_sessions: dict[str, int] = Field(description="Number of sessions by state.")
    n_recordings: dict[str, int] = Field(description="Number of recordings by state.")
    n_need_attention: int = Field(description="Sessions that need a person.")
    sessions: list[SessionStatus]
    problems: list[Problem] = Field(
        default_factory=list, description="What is wrong with the store as a whole."
    )

    @property
    def exit_status(self) -> int:
        """0 if nothing needs a person, else 1."""
        return 1 if self.n_need_attention or self.problems else 0
