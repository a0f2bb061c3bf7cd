"""The parameters that hold for one session: those of all, with its own settings in their place.

Paths in settings are relative to the session's folder, or to the settings folder, and stay there:
settings are data that came with the session, and data lead nowhere else.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from pydantic import ValidationError

from dispatch_assets import zarr_store
from dispatch_assets.complaints import sentences
from dispatch_assets.errors import SettingsError, StreamError
from dispatch_assets.models import Session
from dispatch_assets.params import SPIKEINTERFACE, DispatchParams
from dispatch_assets.session_settings import (
    REMEDY,
    WHICH_STREAMS,
    SessionSettings,
    settings_names,
    settings_of,
)

MAX_PROBE_BYTES = 2**26

ProbeFiles = Path | dict[str, Path] | None


@dataclass(frozen=True)
class SessionParams:
    """What holds for one session.

    Attributes
    ----------
    params
        The parameters, with the session's own in the place of those of all sessions; paths in
        the session's own are absolute.
    hash
        Hash of what shapes the session's jobs. That of `DispatchParams.hash` if the session's
        settings change nothing about them.
    changed
        What is not at its default, by name, as it was written.
    settings
        The session's own settings, or None.
    probe_files
        Probe files to attach, where the format does not do it itself: one, or one per stream.
    """

    params: DispatchParams
    hash: str
    changed: dict[str, Any]
    settings: SessionSettings | None = None
    probe_files: ProbeFiles = None

    @property
    def reads_with_reader(self) -> bool:
        """Whether a reader of SpikeInterface reads the session, and attaches its probe."""
        info = self.params.reader
        return self.params.input == SPIKEINTERFACE and info.reader_type != SPIKEINTERFACE


def session_params(session: Session, params: DispatchParams) -> SessionParams:
    """Return the parameters that hold for a session.

    Parameters
    ----------
    session
        The session, with its settings as they were when it was discovered.
    params
        The parameters of all sessions.

    Raises
    ------
    SettingsError
        If its settings make no sense, or name a file that is not there or not the session's.
    """
    if session.settings is None:
        return SessionParams(params, params.hash(), params.changed())
    settings = settings_of(session.settings)
    if settings.exclude is not None:
        return SessionParams(params, params.hash(), _changed(params, settings, {}), settings)
    paths = _Paths(session)
    shaping = settings.shaping
    probe_files = paths.of_probes(settings.probe_paths)
    digests = _digests(probe_files, paths)
    instead = shaping | ({"probe_files": digests} if digests else {})
    own = {name: v for name, v in shaping.items() if name in DispatchParams.model_fields}
    if "spikeinterface_info" in own:
        own["spikeinterface_info"] = _info(session, settings, paths)
    try:
        merged = DispatchParams.model_validate(params.model_dump() | own)
    except ValidationError as e:
        raise SettingsError(sentences(e, settings_names()), paths.file, REMEDY) from e
    changed = _changed(params, settings, digests)
    found = SessionParams(merged, params.hash(instead), changed, settings, probe_files)
    if found.reads_with_reader and probe_files is not None:
        return _read_with_probes(found, session)
    return found


def _changed(
    params: DispatchParams, settings: SessionSettings, digests: dict[str, str]
) -> dict[str, Any]:
    defaults = DispatchParams().model_dump(mode="json")
    said = settings.shaping | settings.model_dump(
        mode="json", exclude_unset=True, include=set(WHICH_STREAMS)
    )
    said |= {"probe_files": digests} if digests else {}
    values = params.changed() | said
    return {k: v for k, v in values.items() if k not in defaults or v != defaults[k]}


def _info(session: Session, settings: SessionSettings, paths: _Paths) -> dict[str, Any]:
    """Return how to read the session with SpikeInterface, with absolute paths."""
    info = dict(settings.spikeinterface_info)
    if isinstance(info.get("reader_kwargs"), dict):
        info["reader_kwargs"] = paths.of_reader(info["reader_kwargs"])
        info["session_names"] = [session.name]
    if "probe_paths" in info:
        info["probe_paths"] = _as_text(paths.of_probes(info["probe_paths"]))
    return info


def _read_with_probes(found: SessionParams, session: Session) -> SessionParams:
    """Hand the probe files to the reader; where all sessions share one, narrow it down to this."""
    info = dict(found.params.spikeinterface_info)
    names, kwargs = info.get("session_names") or [], info.get("reader_kwargs")
    if isinstance(kwargs, list):
        names = names or [f"session{i}" for i in range(len(kwargs))]
        info["reader_kwargs"] = kwargs[names.index(session.name)]
    info |= {"session_names": [session.name], "probe_paths": _as_text(found.probe_files)}
    params = found.params.model_copy(update={"spikeinterface_info": info})
    return SessionParams(params, found.hash, found.changed, found.settings)


def _as_text(files: ProbeFiles) -> str | dict[str, str] | None:
    if isinstance(files, dict):
        return {stream: str(file) for stream, file in files.items()}
    return None if files is None else str(files)


class _Paths:
    """Finds what settings name, and refuses what lies elsewhere."""

    def __init__(self, session: Session) -> None:
        assert session.settings is not None  # noqa: S101 - whoever asks has looked
        self.file = session.settings.file
        self._session = Path(session.path)
        self._roots = [self._session]
        if session.settings.folder:
            self._roots.append(Path(session.settings.folder))

    def of_probes(self, given: object) -> ProbeFiles:
        """Return the probe files that settings name."""
        if isinstance(given, dict):
            return {s: self.find(str(p), f"probe_paths of {s}") for s, p in given.items()}
        if given is None:
            return None
        if not isinstance(given, str):
            what = "probe_paths: name one probe file, or one for each stream"
            raise SettingsError(what, self.file, REMEDY)
        return self.find(given, "probe_paths")

    def of_reader(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return a reader's arguments with absolute paths."""
        return {name: self._argument(name, value) for name, value in kwargs.items()}

    def _argument(self, name: str, value: object) -> object:
        if isinstance(value, list):
            return [self._argument(name, v) for v in value]
        if isinstance(value, dict):
            return {k: self._argument(f"{name}.{k}", v) for k, v in value.items()}
        if not isinstance(value, str):
            return value
        if "path" not in name:
            return self._harmless(name, value)
        found = self.find(value, name)
        if zarr_store.is_zarr(found):
            try:
                zarr_store.check_store(found)
            except StreamError as e:
                raise SettingsError(f"{name}: {e}", self.file, REMEDY) from e
        return str(found)

    def _harmless(self, name: str, value: str) -> str:
        """Refuse what could be a path in disguise: some readers have other names for them."""
        path = PurePath(value)
        if path.is_absolute() or ".." in path.parts or value.startswith("~") or "://" in value:
            what = f"{name}: {value[:200]!r} leads out of the session's folder"
            raise SettingsError(what, self.file, REMEDY)
        return value

    def find(self, given: str, name: str) -> Path:
        """Return a path, absolute, as it is spelled in the folder that it lies in."""
        leads_out = False
        for root in self._roots:
            base = root.parent if root.is_file() else root
            path = Path(os.path.normpath(base / given))
            if not os.path.exists(path):  # noqa: PTH110 - no name is too odd for this one
                continue
            if Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
                return path
            leads_out = True
        folders = " or ".join(map(str, self._roots))
        problem = "leads out of" if leads_out else "is not in"
        raise SettingsError(f"{name}: {given[:200]!r} {problem} {folders}", self.file, REMEDY)


def _digests(files: ProbeFiles, paths: _Paths) -> dict[str, str]:
    """Return a hash of what each probe file holds, by stream: another probe is another job."""
    named = files if isinstance(files, dict) else {} if files is None else {"": files}
    return {stream: _digest(file, paths) for stream, file in named.items()}


def _digest(file: Path, paths: _Paths) -> str:
    if not file.is_file():  # opening a pipe would wait for ever
        raise SettingsError(f"probe file {file} is no file", paths.file, REMEDY)
    try:
        with file.open("rb") as f:
            content = f.read(MAX_PROBE_BYTES + 1)
    except OSError as e:
        what = f"probe file {file} cannot be read ({e.strerror})"
        raise SettingsError(what, paths.file, REMEDY) from e
    if len(content) > MAX_PROBE_BYTES:
        raise SettingsError(f"probe file {file} is too large for one", paths.file, REMEDY)
    return hashlib.blake2b(content, digest_size=8).hexdigest()
