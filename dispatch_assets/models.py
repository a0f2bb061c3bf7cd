"""The values that cross module borders: sessions, inventory entries, sorting jobs.

Plain data; nothing here opens a file. `SortingJob` is a contract with the Allen Institute's
downstream steps: fields that they read keep their names, types and meaning (``duration`` is in
seconds although its name does not say so).
"""

from __future__ import annotations

import json
import re
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from dispatch_assets.sample_map import ConcatenatedSegment

SCHEMA_VERSION = 1


class Reason(StrEnum):
    """Why a stream, a segment or a session did not become a job."""

    LFP_BAND = "lfp_band"
    SYNC_STREAM = "sync_stream"
    AUXILIARY_STREAM = "auxiliary_stream"
    FILTERED_OUT = "filtered_out"
    TOO_SHORT = "too_short"
    EMPTY = "empty"
    NOT_RECOGNISED = "not_recognised"
    NO_PROBE = "no_probe"
    TRUNCATED = "truncated"
    MISSING_FILE = "missing_file"
    UNREADABLE = "unreadable"
    NO_ANSWER = "no_answer"
    NOT_A_RECORDING = "not_a_recording"
    REFUSED = "refused"
    DUPLICATE_NAME = "duplicate_name"
    BAD_SETTINGS = "bad_settings"
    EXCLUDED = "excluded"
    BAD_GROUP = "bad_group"


EXPECTED_REASONS = frozenset(
    {
        Reason.LFP_BAND,
        Reason.SYNC_STREAM,
        Reason.AUXILIARY_STREAM,
        Reason.FILTERED_OUT,
        Reason.TOO_SHORT,
        Reason.EMPTY,
        Reason.NOT_RECOGNISED,
        Reason.NOT_A_RECORDING,
        Reason.EXCLUDED,
    }
)
"""Reasons that are as the user wants them; every other one is a fault and sets the exit status."""


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SettingsFound(_Frozen):
    """A file with settings of one session, as it was when the session was looked at."""

    file: str = Field(description="Absolute path of the file.")
    values: dict[str, JsonValue] = Field(default_factory=dict, description="What it says.")
    problem: str = Field(default="", description="Why it cannot be used; empty if it can.")
    folder: str = Field(
        default="", description="The settings folder, in which its paths may lead; empty: none."
    )
    unused: str = Field(
        default="", description="Another file for the same session, which is not read."
    )


class Session(_Frozen):
    """One session: a folder or a file of one acquisition, in one input format."""

    name: str = Field(description="Session name; unique within its data folder.")
    path: str = Field(description="Absolute path of the session's folder or file.")
    data_folder: str = Field(description="Absolute path of the data folder it was found in.")
    input_format: str = Field(description="Name of the input format that reads it.")
    input_folder: str | None = Field(
        default=None, description="The session's entry in the data folder, as consumers expect it."
    )
    evidence: str = Field(default="", description="The file that decided the input format.")
    settings: SettingsFound | None = Field(
        default=None, description="Settings of this session alone; null if it has none."
    )


class Discontinuity(_Frozen):
    """One place where consecutive timestamps are not one sampling period apart."""

    sample: int = Field(description="Index of the first sample after the break.")
    time_s: float | None = Field(
        default=None, description="Time of the sample before the break, in seconds."
    )
    step_ms: float | None = Field(default=None, description="Step between both samples, in ms.")
    lost: int | None = Field(
        default=None, description="Samples that the acquisition's counter skipped here."
    )


class SegmentClock(_Frozen):
    """What was found out about the times of one segment."""

    n_samples: int = Field(description="Number of samples of the segment.")
    explicit: bool = Field(description="Whether the segment has a time vector of its own.")
    checked: bool = Field(default=True, description="Whether the time vector was read.")
    reset_reason: str | None = Field(
        default=None, description="Why the times are reset to a regular clock; null if kept."
    )
    t_start_s: float | None = Field(default=None, description="First timestamp, in seconds.")
    t_end_s: float | None = Field(default=None, description="Last timestamp, in seconds.")
    n_negative_steps: int = Field(default=0, description="Steps back by more than 0.2 ms.")
    n_zero_steps: int = Field(default=0, description="Steps of zero length.")
    n_not_finite: int = Field(default=0, description="Timestamps that are NaN or infinite.")
    max_step_ms: float | None = Field(
        default=None, description="Largest absolute step between two samples, in ms."
    )
    n_discontinuities: int = Field(default=0, description="Number of breaks in the clock.")
    discontinuities: list[Discontinuity] = Field(
        default_factory=list, description="The first thousand breaks, one by one."
    )
    clock_anchors: list[tuple[int, float]] = Field(
        default_factory=list,
        description="(sample, original time in s), to recover a clock that was reset by linear "
        "interpolation; empty where the times were kept.",
    )
    lost_samples: list[Discontinuity] = Field(
        default_factory=list,
        description="Breaks in the acquisition's own sample counter (samples that were lost).",
    )


class TimestampReport(_Frozen):
    """Verdict on the times of a job, and what it rests on."""

    verdict: Literal["regular", "kept", "reset", "not_checked"] = Field(
        description="regular: no time vector; kept or reset: checked; not_checked: on request."
    )
    message: str = Field(description="The verdict in one sentence.")
    segments: list[SegmentClock] = Field(description="One entry per segment of the job.")


class RawFile(_Frozen):
    """One raw file of a recording, or a folder of them; what its identity rests on."""

    size_bytes: int = Field(description="Size in bytes; of a folder, all of its files together.")
    n_files: int = Field(default=1, description="Number of files, if it is a folder.")
    content: str = Field(description="Hash of sampled content, and of names in a folder.")


class InventoryEntry(_Frozen):
    """One job that can be written, or one stream, segment or file that cannot, and why."""

    status: Literal["job", "skipped", "failed"] = Field(
        description="job: can be sorted; skipped: left out as expected; failed: a fault."
    )
    session_name: str
    input_format: str
    block: str = ""
    stream: str = ""
    job_key: str | None = Field(default=None, description="Key of the job; null if there is none.")
    recording_name: str | None = Field(default=None, description="Name as consumers spell it.")
    segment: int | None = Field(
        default=None, description="Zero-based segment; null if segments stay together."
    )
    group: str | None = Field(
        default=None, description="Channel group (shank); null if groups stay together."
    )
    reason: Reason | None = Field(default=None, description="Why there is no job.")
    message: str = Field(default="", description="The reason as a sentence with its remedy.")
    n_channels: int | None = None
    n_samples: list[int] = Field(default_factory=list, description="Samples per segment.")
    sampling_frequency_hz: float | None = None
    duration_s: float | None = Field(default=None, description="Samples divided by the rate.")
    probe_names: list[str] = Field(default_factory=list)
    has_lfp: bool = Field(default=False, description="Whether an LFP recording goes with it.")
    fingerprint: str | None = Field(default=None, description="Identity of the raw files.")
    size_bytes: int = Field(default=0, description="Size of the raw files, in bytes.")
    members: list[str] = Field(
        default_factory=list,
        description="Keys of the recordings that are concatenated, in order; empty for one alone.",
    )
    raw_files: dict[str, RawFile] = Field(
        default_factory=dict, description="The raw files by name relative to the session."
    )


class Inventory(_Frozen):
    """Everything found in one session."""

    schema_version: int = SCHEMA_VERSION
    session: Session
    parameters_hash: str = Field(description="Hash of the parameters it was made with.")
    parameters: dict[str, JsonValue] = Field(
        default_factory=dict, description="Those parameters, without those at their defaults."
    )
    entries: list[InventoryEntry]

    @property
    def jobs(self) -> list[InventoryEntry]:
        """Entries that are jobs."""
        return [e for e in self.entries if e.status == "job"]

    @property
    def failures(self) -> list[InventoryEntry]:
        """Entries that are faults."""
        return [e for e in self.entries if e.status == "failed"]


_OPTIONAL = ("recording_lfp_dict", "probe_dict", "concatenated")
RecordingDict = Annotated[
    dict[str, JsonValue], Field(description="SpikeInterface's own description of a recording.")
]


class SortingJob(BaseModel):
    """One recording to sort: the JSON that is handed to preprocessing and sorting steps.

    Load the recording with ``spikeinterface.load(job["recording_dict"], base_folder=DATA)``.
    """

    model_config = ConfigDict(extra="forbid")

    session_name: str = Field(description="Session name.")
    recording_name: str = Field(description="Unique name; consumers make folder names of it.")
    recording_dict: RecordingDict
    skip_times: bool = Field(description="Whether consumers have to reset the recording's times.")
    duration: float = Field(description="Duration in seconds, rounded to 2 decimals.")
    input_folder: str | None = Field(
        description="The session's entry in the data folder; null for nwb and spikeinterface."
    )
    debug: bool = Field(description="Whether the recording was clipped for debugging.")
    recording_lfp_dict: RecordingDict | None = Field(
        default=None, description="The LFP recording of the same channels; absent if there is none."
    )
    probe_dict: dict[str, JsonValue] | None = Field(
        default=None, description="The whole probe (nwb only), in probeinterface's JSON form."
    )
    multi_input: bool = Field(description="Whether several sessions are dispatched together.")
    # Fields of our own follow; upstream's consumers do not look at them.
    schema_version: int = Field(default=SCHEMA_VERSION, description="Version of this schema.")
    job_key: str = Field(description="Stable, unique key: <session>~~<recording>.")
    input_format: str = Field(description="Input format that read the session.")
    block: str = Field(description="Block name.")
    stream: str = Field(description="Stream name.")
    segment: int | None = Field(description="Zero-based segment; null if all are in this job.")
    group: str | None = Field(description="Channel group; null if all are in this job.")
    n_channels: int = Field(description="Number of channels.")
    n_samples: list[int] = Field(description="Samples per segment, after any debug clip.")
    sampling_frequency_hz: float = Field(description="Sampling frequency in Hz.")
    probe_names: list[str] = Field(description="Names of the probes the channels lie on.")
    data_folder: str = Field(
        description="Absolute path of the base folder of recording_dict when this was written."
    )
    fingerprint: str = Field(description="Identity of the raw files; independent of file dates.")
    timestamps: TimestampReport = Field(description="Verdict on the recording's times.")
    warnings: list[str] = Field(default_factory=list, description="What a person should know.")
    parameters_hash: str = Field(description="Hash of the parameters that shaped this job.")
    versions: dict[str, str] = Field(description="Versions of the software that wrote this job.")
    concatenated: list[ConcatenatedSegment] | None = Field(
        default=None,
        description="What a group of recordings consists of, and the way from its samples back to "
        "the clock of each; absent from the job of one recording.",
    )

    def to_json(self) -> str:
        """Return the JSON text: compact, without absent optional parts, never NaN.

        Raises
        ------
        ValueError
            If a number in it is not finite (NaN is not JSON).
        """
        absent = {f for f in _OPTIONAL if getattr(self, f) is None}
        return dump_json(self.model_dump(mode="json", exclude=absent))


def dump_json(value: object) -> str:
    """Return compact JSON text that every JSON parser accepts, ending in a newline.

    Bytes of file names that are no UTF-8 are escaped, and come back when Python reads the text.
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", lambda m: f"\\u{ord(m.group()):04x}", text) + "\n"
