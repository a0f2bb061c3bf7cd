"""The parameters of dispatch, once: CLI flags, ``--params`` JSON, Dagster resource, JSON schema.

Names and meanings are those of the Allen Institute's ``job_dispatch`` section, so that its params
files work unchanged. Every parameter has one default, whichever way it is given.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dispatch_assets.errors import ParameterError, count, did_you_mean

AUTO = "auto"
_LEGACY_CONCATENATE = "concatenate"  # older AIND params files: the opposite of split_segments


class DispatchParams(BaseModel):
    """What decides which jobs exist, and what they contain."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    input: str = Field(
        default=AUTO,
        description="Input format of the sessions: aind, spikeglx, openephys, nwb, spikeinterface; "
        "or auto, which detects it for each session.",
    )
    split_segments: bool = Field(
        default=True,
        description="One job per segment (recording, trigger); off: one multi-segment job.",
    )
    split_groups: bool = Field(
        default=True, description="One job per channel group (shank); off: one job per probe."
    )
    debug: bool = Field(default=False, description="Clip every segment to debug_duration.")
    debug_duration: float = Field(
        default=30.0, gt=0, allow_inf_nan=False, description="Length of debug clips, in seconds."
    )
    skip_timestamps_check: bool = Field(
        default=False, description="Keep timestamps as they are, without looking at them."
    )
    multi_session: bool = Field(
        default=False,
        description="Allow several sessions; recording names then begin with the session's name.",
    )
    min_recording_duration: float = Field(
        default=-1.0,
        allow_inf_nan=False,
        description="Leave out recordings shorter than this, in seconds; -1 keeps all.",
    )
    nwb_files: list[str] = Field(
        default=[],
        description="NWB files to dispatch, separated by commas; empty: all in the data folder.",
    )
    spikeinterface_info: dict[str, Any] = Field(
        default={},
        description="How to read with SpikeInterface: reader_type, reader_kwargs, "
        "keep_stream_substrings or skip_stream_substrings, probe_paths, session_names.",
    )
    sessions: list[str] = Field(
        default=[], description="Names of the sessions to dispatch; empty: all of them."
    )

    @field_validator("nwb_files", "sessions", mode="before")
    @classmethod
    def _split_at_commas(cls, value: object) -> object:
        if isinstance(value, str):
            value = value.split(",")
        if value is None:
            return []
        if isinstance(value, list | tuple) and all(isinstance(v, str) for v in value):
            return [v.strip() for v in value if v.strip()]
        return value

    @field_validator("spikeinterface_info", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        if value is None or value == "":
            return {}
        return load_json_argument(value, "spikeinterface_info") if isinstance(value, str) else value

    @field_validator("min_recording_duration")
    @classmethod
    def _minus_one_or_positive(cls, value: float) -> float:
        if value < 0 and value != -1:
            raise ValueError("must be -1 (off) or at least 0")
        return value

    @model_validator(mode="after")
    def _spikeinterface_has_info(self) -> DispatchParams:
        try:
            SpikeInterfaceInfo.model_validate(self.spikeinterface_info)
        except ValidationError as e:
            raise ValueError(f"spikeinterface_info: {_sentences(e)}") from e
        if self.input == "spikeinterface" and not self.spikeinterface_info.get("reader_type"):
            raise ValueError(
                "input 'spikeinterface' needs spikeinterface_info with a reader_type, "
                'for example {"reader_type": "spikeinterface"}'
            )
        return self

    @property
    def reader(self) -> SpikeInterfaceInfo:
        """The validated form of `spikeinterface_info`."""
        return SpikeInterfaceInfo.model_validate(self.spikeinterface_info)

    def hash(self) -> str:
        """Return a short hash of every parameter that shapes a job (not: which sessions)."""
        data = self.model_dump(mode="json", exclude={"sessions"})
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]


class SpikeInterfaceInfo(BaseModel):
    """How to read sessions with one of SpikeInterface's readers."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reader_type: str | None = Field(
        default=None,
        description="A SpikeInterface reader such as 'intan', or 'spikeinterface' for folders, "
        "Zarr stores and JSON files that SpikeInterface itself has written.",
    )
    reader_kwargs: dict[str, Any] | list[dict[str, Any]] | None = Field(
        default=None, description="Arguments of the reader; a list of them for several sessions."
    )
    keep_stream_substrings: list[str] = Field(
        default=[], description="Dispatch only streams whose name contains one of these."
    )
    skip_stream_substrings: list[str] = Field(
        default=[], description="Leave out streams whose name contains one of these."
    )
    probe_paths: str | dict[str, str] | list[str | dict[str, str]] | None = Field(
        default=None,
        description="A probeinterface JSON file; or one per stream name; or a list, one a session.",
    )
    session_names: list[str] = Field(default=[], description="One name per session.")

    @field_validator(
        "keep_stream_substrings", "skip_stream_substrings", "session_names", mode="before"
    )
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return [] if value is None else [value] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _consistent(self) -> SpikeInterfaceInfo:
        if self.keep_stream_substrings and self.skip_stream_substrings:
            raise ValueError("give keep_stream_substrings or skip_stream_substrings, not both")
        if self.reader_type not in (None, "spikeinterface") and self.reader_kwargs is None:
            raise ValueError(f"reader_kwargs is needed for reader_type {self.reader_type!r}")
        if len({name.casefold() for name in self.session_names}) < len(self.session_names):
            raise ValueError("session_names must differ from one another")
        n_sessions = len(self.sessions_kwargs)
        for name, given in (
            ("session_names", self.session_names),
            ("probe_paths", self.probe_paths if isinstance(self.probe_paths, list) else []),
        ):
            if given and len(given) != n_sessions:
                n_given = count(len(given), "value")
                raise ValueError(f"{name} has {n_given} for {count(n_sessions, 'session')}")
        return self

    @property
    def sessions_kwargs(self) -> list[dict[str, Any]]:
        """Arguments of the reader, one dict per session."""
        kwargs = self.reader_kwargs
        return kwargs if isinstance(kwargs, list) else [kwargs] if kwargs is not None else []


def load_json_argument(text: str, parameter: str) -> object:
    """Return the JSON value that `text` is, or that the file named `text` holds.

    Raises
    ------
    ParameterError
        If it is neither.
    """
    source = text.strip()
    if not source.startswith(("{", "[")):
        try:
            source = Path(text).read_text(encoding="utf-8")
        except (OSError, ValueError) as e:
            why = f"is neither JSON nor a readable file ({e.__class__.__name__})"
            raise ParameterError(f"{text[:200]!r} {why}", parameter) from e
    try:
        return json.loads(source)
    except ValueError as e:
        raise ParameterError(f"is not valid JSON ({e})", parameter, "Check the quotes") from e


def parse_params(values: dict[str, Any]) -> DispatchParams:
    """Validate parameters and turn every complaint into one sentence.

    Parameters
    ----------
    values
        Parameters by name; the whole of an AIND params file is accepted as well, of which the
        section ``job_dispatch`` is used.

    Raises
    ------
    ParameterError
        Naming each parameter that is unknown, of the wrong type, or contradicts another one.
    """
    section = values.get("job_dispatch", values)
    if not isinstance(section, dict):
        raise ParameterError("must be a JSON object", "job_dispatch")
    section = dict(section)
    if _LEGACY_CONCATENATE in section:
        concatenate = section.pop(_LEGACY_CONCATENATE)
        section.setdefault("split_segments", not _as_bool(concatenate))
    try:
        return DispatchParams.model_validate(section)
    except ValidationError as e:
        raise ParameterError(_sentences(e)) from e


def _as_bool(value: object) -> bool:
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError as e:
        raise ParameterError(f"{value!r} is not true or false", _LEGACY_CONCATENATE) from e


def _sentences(e: ValidationError) -> str:
    return "; ".join(_complaint(dict(x)) for x in e.errors())


def _complaint(error: dict[str, Any]) -> str:
    name = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown parameter{_suggestion(str(error['loc'][-1]))}"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if isinstance(given, dict | BaseModel) else f" (got {given!r})"
    return f"{name}: {message}{shown}" if name else message


def _suggestion(name: str) -> str:
    known = [*DispatchParams.model_fields, *SpikeInterfaceInfo.model_fields]
    guess = did_you_mean(name, known)
    return f", {guess}" if guess else f"; known: {', '.join(known[:11])}"
