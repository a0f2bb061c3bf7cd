"""What a step of the chain leaves behind: its facts for people, its identity for later steps."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

RESULT_FILE = "result.json"
RESULT_MESSAGE = "step_result"  # key of a result among the messages to whoever launched a step


class Refusal(StrEnum):
    """Why a recording is not sorted."""

    TOO_SHORT = "too_short"
    ALL_ZERO = "all_zero"
    NO_GAINS = "no_gains"
    NO_LOCATIONS = "no_locations"
    NOT_FINITE = "not_finite"
    TOO_FEW_CHANNELS = "too_few_channels"
    BAD_CHANNELS = "bad_channels"
    UNSUITED = "unsuited"  # this recording with these parameters: the message says which
    CHANGED = "changed"  # the job or an earlier step is of another version of the recording


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Check(_Frozen):
    """One thing that was verified about a result."""

    name: str = Field(description="What was checked, as an identifier.")
    passed: bool
    message: str = Field(description="The verdict as a sentence.")
    severity: Literal["WARN", "ERROR"] = Field(
        default="WARN", description="ERROR stops the steps that follow."
    )


class StepResult(_Frozen):
    """A published result; stands as ``result.json`` in the step's folder.

    Paths are relative to that folder.
    """

    schema_version: int = 1
    step: str
    attempt: str = Field(description="Which attempt published it.")
    job_key: str
    session_name: str
    recording_name: str
    fingerprint: str = Field(description="Identity of the raw files, from the job.")
    job_hash: str = Field(
        default="", description="Hash of how the job reads them: see `sorting.step.job_hash`."
    )
    inputs_hash: str = Field(
        description="Hash of what it follows from: job, parameters, earlier steps, code. Same "
        "hash, same result."
    )
    follows_from: dict[str, str] = Field(
        description="The inputs_hash of each earlier step that it was made from."
    )
    seed: int = Field(description="Seed of every random choice.")
    parameters: dict[str, JsonValue] = Field(description="The sections of parameters it used.")
    versions: dict[str, str] = Field(description="Versions of the software that made it.")
    started_at: str = Field(description="UTC, ISO 8601.")
    finished_at: str = Field(description="UTC, ISO 8601.")
    cpu_s: float = Field(description="CPU seconds, child processes included.")
    peak_rss_mb: float = Field(description="Largest resident memory of the process so far, in MB.")
    n_jobs: int = Field(description="Parallel workers it was allowed.")
    facts: dict[str, str | int | float | bool | None] = Field(
        default_factory=dict, description="Numbers and words that a person looks at first."
    )
    tables: dict[str, list[dict[str, str | int | float | bool | None]]] = Field(
        default_factory=dict, description="Rows of equal columns, by title."
    )
    figures: dict[str, str] = Field(default_factory=dict, description="PNG files, by title.")
    files: dict[str, str] = Field(default_factory=dict, description="Files and folders, by title.")
    checks: list[Check] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list, description="What a person should know.")


class StepFailure(_Frozen):
    """Why the last attempt at a step failed; stands as ``<step>.failed.json`` beside the steps."""

    step: str
    attempt: str
    job_key: str
    failed_at: str = Field(description="UTC, ISO 8601.")
    refused: bool = Field(description="Whether the recording is unfit, rather than the run broken.")
    reason: str = Field(default="", description="A `Refusal`, or empty.")
    message: str = Field(description="What went wrong, with the remedy.")
    trace: str = Field(default="", description="The sorter's own error trace, if it has one.")
