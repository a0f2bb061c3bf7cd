"""The parameters of dispatch, once: CLI flags, ``--params`` JSON, Dagster resource, JSON schema.

Names and meanings are those of the Allen Institute's ``job_dispatch`` section, so that its params
files work unchanged. Every parameter has one default, whichever way it is given.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from dispatch_assets.complaints import MAX_DEPTH, is_nested, sentences
from dispatch_assets.errors import ParameterError, count

AUTO = "auto"
SPIKEINTERFACE = "spikeinterface"
SETTINGS_NAME = "dispatch.json"
"""Name of the file in a session's folder that holds settings of that session, and no data."""
NOT_IN_JOBS = ("sessions", "settings_folder", "groups")
"""Parameters that say which sessions there are and where to look, not what their jobs hold."""
_GROUP_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_\-]{0,59}")
_LEGACY_CONCATENATE = "concatenate"  # older AIND params files: the opposite of split_segments


class RecordingParams(BaseModel):
    """What may differ from session to session: how its recordings are read and divided."""

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
    skip_timestamps_check: bool = Field(
        default=False, description="Keep timestamps as they are, without looking at them."
    )
    min_recording_duration: float = Field(
        default=-1.0,
        allow_inf_nan=False,
        description="Leave out recordings shorter than this, in seconds; -1 keeps all.",
    )
    spikeinterface_info: dict[str, Any] = Field(
        default={},
        description="How to read with SpikeInterface: reader_type, reader_kwargs, "
        "keep_stream_substrings or skip_stream_substrings, probe_paths, session_names.",
    )

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
    def _spikeinterface_has_info(self) -> Self:
        try:
            SpikeInterfaceInfo.model_validate(self.spikeinterface_info)
        except ValidationError as e:
            raise ValueError(f"spikeinterface_info: {sentences(e, known_names())}") from e
        if self.input == SPIKEINTERFACE and not self.spikeinterface_info.get("reader_type"):
            raise ValueError(
                "input 'spikeinterface' needs spikeinterface_info with a reader_type, "
                'for example {"reader_type": "spikeinterface"}'
            )
        return self


class DispatchParams(RecordingParams):
    """What decides which jobs exist, and what they contain."""

    debug: bool = Field(default=False, description="Clip every segment to debug_duration.")
    debug_duration: float = Field(
        default=30.0, gt=0, allow_inf_nan=False, description="Length of debug clips, in seconds."
    )
    multi_session: bool = Field(
        default=False,
        description="Allow several sessions; recording names then begin with the session's name.",
    )
    nwb_files: list[str] = Field(
        default=[],
        description="NWB files to dispatch, separated by commas; empty: all in the data folder.",
    )
    sessions: list[str] = Field(
        default=[], description="Names of the sessions to dispatch; empty: all of them."
    )
    settings_folder: str = Field(
        default="",
        description="Folder of settings of single sessions, <session>.json each, for data folders "
        "that cannot be written to; a dispatch.json in the session's own folder needs none.",
    )

    groups: dict[str, Any] = Field(
        default={},
        description="Recordings of one probe to be concatenated and sorted together, beside each "
        "by itself: for every name of a group, the keys of their jobs in order.",
    )

    @field_validator("groups", mode="before")
    @classmethod
    def _read_groups(cls, value: object) -> object:
        if value is None or value == "":
            return {}
        return load_json_argument(value, "groups") if isinstance(value, str) else value

    @field_validator("groups")
    @classmethod
    def _names_and_keys(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name, members in value.items():
            if not _GROUP_NAME.fullmatch(name):
                raise ValueError(
                    f"{name[:80]!r} cannot name a group: use at most 60 of A-Za-z0-9_-"
                )
            if not isinstance(members, list) or not all(isinstance(m, str) for m in members):
                raise ValueError(f"{name}: must be a list of job keys")
        if len({name.casefold() for name in value}) < len(value):
            raise ValueError("names must differ in more than their letter case")
        return value

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

    @property
    def reader(self) -> SpikeInterfaceInfo:
        """The validated form of `spikeinterface_info`."""
        return SpikeInterfaceInfo.model_validate(self.spikeinterface_info)

    def hash(self, instead: Mapping[str, Any] | None = None) -> str:
        """Return a short hash of every parameter that shapes a job (not: which sessions).

        Parameters
        ----------
        instead
            What holds in the place of some parameters, and beside them, for one session.
        """
        data = self.model_dump(mode="json", exclude=set(NOT_IN_JOBS)) | dict(instead or {})
        return hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()[:16]

    def changed(self) -> dict[str, Any]:
        """Return those parameters that shape a job and are not at their defaults."""
        return self.model_dump(mode="json", exclude=set(NOT_IN_JOBS), exclude_defaults=True)


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


def known_names() -> list[str]:
    """Return the names of all parameters, for suggestions."""
    return [*DispatchParams.model_fields, *SpikeInterfaceInfo.model_fields]


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
    except (ValueError, RecursionError) as e:
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
    if is_nested(section):
        raise ParameterError(f"are nested more than {MAX_DEPTH} levels deep", "the parameters")
    section = dict(section)
    if _LEGACY_CONCATENATE in section:
        concatenate = section.pop(_LEGACY_CONCATENATE)
        section.setdefault("split_segments", not _as_bool(concatenate))
    try:
        return DispatchParams.model_validate(section)
    except ValidationError as e:
        raise ParameterError(sentences(e, known_names())) from e


def _as_bool(value: object) -> bool:
    from pydantic import TypeAdapter

    try:
        return TypeAdapter(bool).validate_python(value)
    except ValidationError as e:
        raise ParameterError(f"{value!r} is not true or false", _LEGACY_CONCATENATE) from e
