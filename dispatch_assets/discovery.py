"""From a data folder to its sessions, each with a name of its own and its settings."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch_assets.data_root import Found, absolute_path, answering, search
from dispatch_assets.errors import DataRootError, ParameterError
from dispatch_assets.formats import FORMATS
from dispatch_assets.input_format import Evidence
from dispatch_assets.models import InventoryEntry, Session
from dispatch_assets.params import SPIKEINTERFACE, DispatchParams
from dispatch_assets.recognition import detected
from dispatch_assets.session_names import unique_names
from dispatch_assets.settings_files import SettingsFiles
from dispatch_assets.settings_wishes import formats_for, formats_wanted, is_forced, unused_settings
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
        If the folder is missing, cannot be listed or gives no answer, or is a file of a session.
    ParameterError
        If the input format, a named session, SpikeInterface's reader or the folder of settings
        does not exist.
    """
    root = absolute_path(data_folder)
    with answering(root):
        return _discover(root, Path(data_folder), params, only)


def _discover(
    root: Path, data_folder: Path, params: DispatchParams, only: Collection[str]
) -> Discovery:
    if not root.exists():
        raise DataRootError("the data folder does not exist", root, "Is the disk mounted?")
    files = SettingsFiles(params.settings_folder, root)
    wanted = formats_for(params.input)
    if params.input == SPIKEINTERFACE:  # it says what the sessions are, not the folder
        described = reader_sessions(root, params)
        found = [Found(wanted[0], n, p, "", files.inside(p)) for n, p in described]
        others: list[InventoryEntry] = []
    else:
        found, others = search(root, wanted, params, only, files)
    alone = root.is_file() or is_zarr(root)
    if alone:
        root, data_folder = root.parent, data_folder.parent
    sessions = [_as_settled(s, files) for s in _named_apart(found, root, data_folder)]
    if sessions and not (only or params.nwb_files):
        others += unused_settings(files, [s.name for s in sessions])
    scanned = "" if alone or params.sessions or params.nwb_files else str(root)
    return Discovery(_selected(sessions, params), tuple(others), scanned)


def evidence(path: str | os.PathLike[str]) -> list[tuple[str, Evidence]]:
    """Return what every format says about a path, most specific format first.

    Raises
    ------
    DataRootError
        If the path does not exist, or gives no answer.
    """
    root = absolute_path(path)
    with answering(root):
        if not root.exists():
            raise DataRootError(
                "does not exist", root, "Check the spelling, and that it is mounted"
            )
        return [(f.name, detected(f, root)) for f in FORMATS]


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
