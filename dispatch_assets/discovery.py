"""From a data folder to its sessions: which entries are sessions, in which format, called what."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from dispatch_assets.entries import stray_entry
from dispatch_assets.errors import DataRootError, DispatchError, ParameterError
from dispatch_assets.formats import FORMATS, by_name
from dispatch_assets.input_format import Evidence, InputFormat
from dispatch_assets.models import InventoryEntry, Reason, Session, SettingsFound
from dispatch_assets.naming import natural_key
from dispatch_assets.params import AUTO, SETTINGS_NAME, SPIKEINTERFACE, DispatchParams
from dispatch_assets.recognition import (
    detected,
    is_session_itself,
    refuse_part_of_session,
    unrecognised,
)
from dispatch_assets.session_names import unique_names
from dispatch_assets.settings_files import SettingsFiles
from dispatch_assets.settings_wishes import (
    excluded_stray,
    formats_for,
    formats_wanted,
    is_broken,
    is_forced,
    misplaced,
    reads_anything,
    said_by,
    unused_settings,
)
from dispatch_assets.si_readers import reader_sessions
from dispatch_assets.zarr_store import is_zarr


@dataclass(frozen=True)
class Discovery:
    """What a data folder holds.

    Attributes
    ----------
    sessions
        The sessions, in natural order of their paths.
    others
        Entries that are no session, each with the reason.
    scanned
        Absolute path of the data folder if all of it was looked at, else empty.
    """

    sessions: tuple[Session, ...]
    others: tuple[InventoryEntry, ...]
    scanned: str


def discover(
    data_folder: str | os.PathLike[str], params: DispatchParams, only: Collection[str] = ()
) -> Discovery:
    """Find the sessions in a data folder.

    Parameters
    ----------
    data_folder
        Folder of session folders (or NWB files); or one session itself. What stands in one
        file, or one Zarr store, is described relative to the folder that it lies in.
    params
        Which input format to expect, which sessions to keep.
    only
        Names in the data folder to look at; empty means all. Names of sessions are then told
        apart among these only.

    Raises
    ------
    DataRootError
        If the folder is missing or cannot be listed, or is a file of a session.
    ParameterError
        If the input format, a named session, SpikeInterface's reader or the folder of settings
        does not exist.
    """
    root = _absolute(data_folder)
    if not root.exists():
        raise DataRootError("the data folder does not exist", root, "Is the disk mounted?")
    files = SettingsFiles(params.settings_folder, root)
    wanted = formats_for(params.input)
    if params.input == SPIKEINTERFACE:  # it says what the sessions are, not the folder
        described = reader_sessions(root, params)
        found = [Found(wanted[0], n, p, "", files.inside(p)) for n, p in described]
        others: list[InventoryEntry] = []
    else:
        found, others = _scan(root, wanted, params, only, files)
    alone = root.is_file() or is_zarr(root)
    if alone:
        root, data_folder = root.parent, Path(data_folder).parent
    sessions = [_as_settled(s, files) for s in _named_apart(found, root, Path(data_folder))]
    if sessions and not (only or params.nwb_files):
        others += unused_settings(files, [s.name for s in sessions])
    scanned = "" if alone or params.sessions or params.nwb_files else str(root)
    return Discovery(_selected(sessions, params), tuple(others), scanned)


def evidence(path: str | os.PathLike[str]) -> list[tuple[str, Evidence]]:
    """Return what every format says about a path, most specific format first.

    Raises
    ------
    DataRootError
        If the path does not exist.
    """
    root = _absolute(path)
    if not root.exists():
        raise DataRootError("does not exist", root, "Check the spelling, and that it is mounted")
    return [(f.name, detected(f, root)) for f in FORMATS]


def is_empty(data_folder: str | os.PathLike[str]) -> bool:
    """Return whether nothing lies in a data folder.

    Raises
    ------
    DataRootError
        If it cannot be listed.
    """
    root = _absolute(data_folder)
    return not root.is_file() and not _entries(root)


def _absolute(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without ``..``, in which links keep their names."""
    return Path(os.path.normpath(Path(path).absolute()))


class Found(NamedTuple):
    """A session before it has a name of its own."""

    input_format: InputFormat
    name: str
    path: Path
    evidence: str
    settings: SettingsFound | None


def _scan(
    root: Path,
    wanted: tuple[InputFormat, ...],
    params: DispatchParams,
    only: Collection[str],
    files: SettingsFiles,
) -> tuple[list[Found], list[InventoryEntry]]:
    if params.nwb_files:
        return _named_files(params.nwb_files, root, files), []
    entries, others = _places(root, wanted, only, files)
    found: list[Found] = []
    for entry in entries:
        settings = files.of_entry(entry)
        try:
            sessions = _sessions_of(entry, formats_wanted(settings, wanted), settings, files)
        except (DispatchError, OSError) as e:
            name = wanted[0].name if len(wanted) == 1 else AUTO
            others.append(stray_entry(entry, name, Reason.UNREADABLE, str(e)))
            continue
        found += sessions
        if not sessions:
            others.append(excluded_stray(entry, settings) or unrecognised(entry, wanted))
    return found, others


def _places(
    root: Path, wanted: tuple[InputFormat, ...], only: Collection[str], files: SettingsFiles
) -> tuple[list[Path], list[InventoryEntry]]:
    """Return the paths that may be sessions, and what to say of settings that concern none."""
    if root.is_file():
        refuse_part_of_session(root, wanted)
        return [root], []
    own = files.inside(root)
    # asking that of a folder of ten thousand sessions takes seconds: not for a few named ones
    may_be_one = not only or root.name in only
    formats = formats_wanted(own, wanted) if may_be_one else ()
    if reads_anything(own) or any(is_session_itself(f, root) for f in formats):
        return [root], []
    entries = [e for e in _entries(root) if e != files.folder and (not only or e.name in only)]
    return entries, misplaced(own, root)


def _entries(root: Path) -> list[Path]:
    try:
        names = [p.name for p in root.iterdir()]
    except OSError as e:
        remedy = "Check its permissions"
        raise DataRootError(f"cannot be listed ({e.strerror})", root, remedy) from e
    names = [n for n in names if not n.startswith(".") and n != SETTINGS_NAME]
    return [root / name for name in sorted(names, key=natural_key)]


def _sessions_of(
    entry: Path,
    formats: tuple[InputFormat, ...],
    settings: SettingsFound | None,
    files: SettingsFiles,
) -> list[Found]:
    """Return the sessions that an entry is, or holds; none if no format knows it.

    Raises
    ------
    DispatchError, OSError
        If it cannot be looked into.
    """
    matches = ((f, e) for f in formats if (e := detected(f, entry)).found)
    input_format, verdict = next(matches, (None, None))
    if input_format is None or verdict is None:
        meant = formats[0] if is_forced(settings) else by_name(SPIKEINTERFACE)
        is_meant = is_forced(settings) or is_broken(settings)
        name = meant.session_name(entry)
        return [Found(meant, name, entry, said_by(settings), settings)] if is_meant else []
    if reads_anything(settings):
        name = input_format.session_name(entry)
        return [Found(input_format, name, entry, said_by(settings), settings)]
    found = []
    for path in input_format.session_paths(entry):
        own = settings if path == entry else files.inside(path) or settings
        decided = str(verdict.file or "")
        found.append(Found(input_format, input_format.session_name(path), path, decided, own))
    return found


def _named_files(given: list[str], root: Path, files: SettingsFiles) -> list[Found]:
    nwb = by_name("nwb")
    found: list[Found] = []
    for name in given:
        path = next((p for p in (Path(name), root / name) if p.exists()), None)
        if path is None:
            remedy = "Paths are relative to the current folder, or to the data folder"
            raise ParameterError("does not exist", f"nwb_files {name!r}", remedy)
        absolute = _absolute(path)
        settings = files.of_entry(absolute)
        found.append(Found(nwb, nwb.session_name(absolute), absolute, str(absolute), settings))
    return found


def _named_apart(found: list[Found], root: Path, given: Path) -> list[Session]:
    """Make sessions; those that would share a name get their folder's name in front."""
    sessions = []
    names = unique_names([(f.name, f.path) for f in found], root)
    for (input_format, _, path, decided, settings), name in zip(found, names, strict=True):
        below = path != root and path.is_relative_to(root)
        entry = given / path.relative_to(root).parts[0] if below else given
        sessions.append(
            Session(
                name=name,
                path=str(path),
                data_folder=str(root),
                input_format=input_format.name,
                input_folder=str(entry) if input_format.has_input_folder else None,
                evidence=decided,
                settings=settings,
            )
        )
    return sessions


def _as_settled(session: Session, files: SettingsFiles) -> Session:
    """Return a session with the settings that go with its name, in the format that they say."""
    settings = files.of_session(session)
    if settings is None:
        return session
    update: dict[str, Any] = {"settings": settings}
    if is_forced(settings):
        (input_format,) = formats_wanted(settings, ())
        update["input_format"] = input_format.name
        if not input_format.has_input_folder:
            update["input_folder"] = None
    return session.model_copy(update=update)


def _selected(sessions: list[Session], params: DispatchParams) -> tuple[Session, ...]:
    if not params.sessions:
        return tuple(sessions)
    unknown = sorted(set(params.sessions) - {s.name for s in sessions})
    if unknown:
        what = f"no session is called {', '.join(map(repr, unknown))}"
        remedy = f"There are: {', '.join(s.name for s in sessions) or 'none'}"
        raise ParameterError(what, "sessions", remedy)
    return tuple(s for s in sessions if s.name in params.sessions)
