"""What a person may say about one session: ``dispatch.json`` in its folder, or a settings folder.

Knows what the words mean, and nothing of where sessions lie. Settings are data of the session:
they may choose among what is there, never lead out of it or have code run.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from dispatch_assets.complaints import sentences
from dispatch_assets.errors import ParameterError, SettingsError
from dispatch_assets.formats import by_name
from dispatch_assets.models import SettingsFound
from dispatch_assets.params import (
    AUTO,
    SPIKEINTERFACE,
    DispatchParams,
    RecordingParams,
    SpikeInterfaceInfo,
)

REMEDY = "Correct the file, or remove it; `dispatch-assets schema session_settings` lists what fits"
WHICH_STREAMS = frozenset({"streams", "exclude", "exclude_streams"})
"""Settings that say which jobs there are. What the others hold does not depend on them."""

_NOT_OF_ONE_SESSION = {
    "debug": "it is for trying out the whole pipeline",
    "debug_duration": "it is for trying out the whole pipeline",
    "multi_session": "how many sessions there are is for all of them",
    "nwb_files": "which files there are is for all sessions",
    "sessions": "which sessions to look at is for all of them; use exclude",
    "settings_folder": "the settings of a session lead to no others",
    "groups": "they span sessions",
}
# reader -> why its name in a session's settings is refused
_REFUSED_READERS = {
    "binaryfolder": "reader_type 'spikeinterface' reads it, and looks for pickles first",
    "ibl": "it reads from the network",
    "numpy": "it reads no files",
    "nwb": "input 'nwb' reads it, looks where its links lead, and takes probe_paths as well",
    "nwbtimeseries": "the links in its file may lead anywhere",
    "zarr": "reader_type 'spikeinterface' reads it, and looks for pickles first",
}
# these make a reader fetch, install or write something, or read what no other rule covers
_REFUSED_ARGUMENTS = frozenset(
    {
        "cache_folder",
        "file",
        "install_maxwell_plugin",
        "lsx_files",
        "one",
        "storage_options",
        "stream_cache_path",
        "stream_mode",
    }
)

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class StreamChoice(BaseModel):
    """Which streams of a session to dispatch, by parts of their names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keep: list[Text] = Field(
        default=[], description="Only streams whose name contains one of these; empty: all."
    )
    skip: list[Text] = Field(
        default=[], description="Leave out streams whose name contains one of these."
    )


class SessionSettings(RecordingParams):
    """Parameters of one session; what is not said is as for all sessions."""

    probe_paths: Text | dict[str, Text] | None = Field(
        default=None,
        description="A probeinterface JSON file, relative to the session's folder or the settings "
        "folder; or one per stream name.",
    )
    streams: StreamChoice = Field(
        default=StreamChoice(), description="Which of its streams to dispatch."
    )
    exclude: Text | None = Field(
        default=None, description="Why the whole session is not to be dispatched."
    )
    exclude_streams: dict[str, Text] = Field(
        default={},
        description="Why single streams are not to be dispatched, by stream: 'imec1' is imec1.ap "
        "and imec1.lf, not imec10.ap.",
    )

    @model_validator(mode="before")
    @classmethod
    def _of_one_session(cls, values: object) -> object:
        if isinstance(values, dict):
            of_all = DispatchParams.model_fields.keys() - RecordingParams.model_fields.keys()
            for name in sorted(of_all & values.keys()):
                why = _NOT_OF_ONE_SESSION.get(name, "it is for all sessions")
                raise ValueError(f"{name} cannot be set for one session: {why}")
        return values

    @field_validator("spikeinterface_info", mode="before")
    @classmethod
    def _read_json(cls, value: object) -> object:
        if isinstance(value, str):  # as a parameter, it may name a file
            raise ValueError("must be a JSON object")
        return {} if value is None else value

    @field_validator("exclude", mode="before")
    @classmethod
    def _with_a_reason(cls, value: object) -> object:
        if isinstance(value, bool) or value == "":
            raise ValueError('give the reason, as text, such as "animal lost the implant"')
        return value

    @field_validator("exclude_streams", "probe_paths")
    @classmethod
    def _named(cls, value: object) -> object:
        if isinstance(value, dict) and not all(name.strip() for name in value):
            raise ValueError("the name of a stream is empty")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> SessionSettings:
        if self.input != AUTO:
            try:
                by_name(self.input)
            except ParameterError as e:
                raise ValueError(str(e)) from e
        if self.spikeinterface_info:
            if self.input != SPIKEINTERFACE:
                raise ValueError(f"spikeinterface_info needs input {SPIKEINTERFACE!r} beside it")
            _check_reader(SpikeInterfaceInfo.model_validate(self.spikeinterface_info))
            if self.probe_paths is not None and "probe_paths" in self.spikeinterface_info:
                raise ValueError("probe_paths is given twice; leave it out of spikeinterface_info")
        return self

    @property
    def shaping(self) -> dict[str, Any]:
        """What was said that shapes jobs, as it was written."""
        return self.model_dump(mode="json", exclude_unset=True, exclude=set(WHICH_STREAMS))


def _check_reader(info: SpikeInterfaceInfo) -> None:
    if info.session_names or isinstance(info.reader_kwargs, list):
        raise ValueError("spikeinterface_info: these are the settings of one session, not several")
    why = _REFUSED_READERS.get(str(info.reader_type))
    if why:
        raise ValueError(f"reader_type {info.reader_type!r} is refused here: {why}")
    refused = sorted(_REFUSED_ARGUMENTS & (info.reader_kwargs or {}).keys())
    if refused:
        raise ValueError(f"reader_kwargs: {', '.join(refused)} cannot be set for one session alone")


def parse_settings(values: object, file: object) -> SessionSettings:
    """Validate settings and turn every complaint into one sentence.

    Parameters
    ----------
    values
        A JSON value.
    file
        Where it comes from, for the message.

    Raises
    ------
    SettingsError
        Naming everything in it that is unknown, of the wrong type, or contradicts the rest.
    """
    if not isinstance(values, dict):
        raise SettingsError("must hold a JSON object", file, REMEDY)
    try:
        return SessionSettings.model_validate(values)
    except ValidationError as e:
        raise SettingsError(sentences(e, settings_names()), file, REMEDY) from e


def settings_of(found: SettingsFound) -> SessionSettings:
    """Return the settings that a file holds.

    Raises
    ------
    SettingsError
        If they cannot be used.
    """
    if found.problem:
        raise SettingsError(found.problem, found.file, REMEDY)
    return parse_settings(found.values, found.file)


def settings_names() -> list[str]:
    """Return every name that may stand in settings, for suggestions."""
    models: tuple[type[BaseModel], ...] = (SessionSettings, StreamChoice, SpikeInterfaceInfo)
    return list(dict.fromkeys(name for model in models for name in model.model_fields))
