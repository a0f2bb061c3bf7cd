"""From a data folder to its sessions: which entries are sessions, in which format, called what."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.entries import stray_entry
from dispatch_assets.errors import DataRootError, DispatchError, ParameterError
from dispatch_assets.formats import FORMATS, by_name
from dispatch_assets.input_format import Evidence, InputFormat
from dispatch_assets.models import InventoryEntry, Reason, Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import AUTO, DispatchParams
from dispatch_assets.si_readers import reader_sessions
from dispatch_assets.zarr_store import is_zarr

_NEEDS_PARAMETERS = "spikeinterface"  # sessions come from spikeinterface_info, not from the folder
_IN_SESSIONS = (".bin", ".cbin", ".dat", ".meta", ".npy", ".oebin", ".raw", ".xml")
_MAX_DEPTH = 4  # of such a file in the smallest folder that is recognised as its session


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


def discover(data_folder: str | os.PathLike[str], params: DispatchParams) -> Discovery:
    """Find the sessions in a data folder.

    Parameters
    ----------
    data_folder
        Folder of session folders (or NWB files); or one session itself. What stands in one
        file, or one Zarr store, is described relative to the folder that it lies in.
    params
        Which input format to expect, which sessions to keep.

    Raises
    ------
    DataRootError
        If the folder is missing or cannot be listed, or is a file of a session.
    ParameterError
        If the input format, a named session or SpikeInterface's reader does not exist.
    """
    root = _absolute(data_folder)
    if not root.exists():
        raise DataRootError("the data folder does not exist", root, "Is the disk mounted?")
    wanted = FORMATS if params.input == AUTO else (by_name(params.input),)
    if params.input == _NEEDS_PARAMETERS:
        found = [(wanted[0], name, path, "") for name, path in reader_sessions(root, params)]
        others: list[InventoryEntry] = []
    else:
        found, others = _scan(root, wanted, params)
    alone = root.is_file() or is_zarr(root)
    if alone:
        root, data_folder = root.parent, Path(data_folder).parent
    sessions = _named_apart(found, root, Path(data_folder))
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
    return [(f.name, _detect(f, root)) for f in FORMATS]


def _absolute(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without ``..``, in which links keep their names."""
    return Path(os.path.normpath(Path(path).absolute()))


Found = tuple[InputFormat, str, Path, str]


def _scan(
    root: Path, wanted: tuple[InputFormat, ...], params: DispatchParams
) -> tuple[list[Found], list[InventoryEntry]]:
    if params.nwb_files:
        return _named_files(params.nwb_files, root), []
    if root.is_file():
        _refuse_part_of_session(root, wanted)
    if root.is_file() or any(_is_session_itself(f, root) for f in wanted):
        entries = [root]
    else:
        entries = _entries(root)
    found: list[Found] = []
    others: list[InventoryEntry] = []
    for entry in entries:
        matches = [(f, e) for f in wanted if (e := _detect(f, entry)).found]
        if not matches:
            others.append(_unrecognised(entry, wanted))
            continue
        try:
            found += _sessions_of(entry, *matches[0])
        except (DispatchError, OSError) as e:
            others.append(stray_entry(entry, matches[0][0].name, Reason.UNREADABLE, str(e)))
    return found, others


def _entries(root: Path) -> list[Path]:
    try:
        entries = [p for p in root.iterdir() if not p.name.startswith(".")]
    except OSError as e:
        remedy = "Check its permissions"
        raise DataRootError(f"cannot be listed ({e.strerror})", root, remedy) from e
    return sorted(entries, key=lambda p: natural_key(p.name))


def _is_session_itself(input_format: InputFormat, root: Path) -> bool:
    verdict = _detect(input_format, root)
    return verdict.found and not verdict.nested


def _refuse_part_of_session(file: Path, wanted: tuple[InputFormat, ...]) -> None:
    """Name the session folder to somebody who gives one of its files."""
    session = None
    for i, folder in enumerate(file.parents if file.suffix in _IN_SESSIONS else ()):
        if any(_is_session_itself(f, folder) for f in wanted):
            session = folder
        elif session is not None or i == _MAX_DEPTH:  # looking into folders far up takes time
            break
    if session is not None:
        raise DataRootError("is one file of a session", file, f"Give the session folder: {session}")


def _detect(input_format: InputFormat, path: Path) -> Evidence:
    try:
        return input_format.detect(path)
    except (DispatchError, OSError) as e:
        return Evidence(False, None, str(e))


def _sessions_of(entry: Path, input_format: InputFormat, verdict: Evidence) -> list[Found]:
    decided = str(verdict.file or "")
    return [
        (input_format, input_format.session_name(path), path, decided)
        for path in input_format.session_paths(entry)
    ]


def _named_files(files: list[str], root: Path) -> list[Found]:
    nwb = by_name("nwb")
    found: list[Found] = []
    for name in files:
        path = next((p for p in (Path(name), root / name) if p.exists()), None)
        if path is None:
            remedy = "Paths are relative to the current folder, or to the data folder"
            raise ParameterError("does not exist", f"nwb_files {name!r}", remedy)
        absolute = _absolute(path)
        found.append((nwb, nwb.session_name(absolute), absolute, str(absolute)))
    return found


def _unrecognised(entry: Path, wanted: tuple[InputFormat, ...]) -> InventoryEntry:
    name = wanted[0].name if len(wanted) == 1 else AUTO
    if entry.suffix in (".pkl", ".pickle"):
        message = f"{entry}: a pickle; nothing is unpickled, ever."
        return stray_entry(entry, name, Reason.REFUSED, message)
    for input_format in wanted:
        try:
            file = input_format.remains(entry)
        except OSError as e:
            message = f"{entry}: cannot be looked through ({e.strerror}). Check its permissions."
            return stray_entry(entry, name, Reason.UNREADABLE, message)
        if file is not None:
            what = f"belongs to a session of format {input_format.name}, which is not recognised"
            why = _detect(input_format, entry).why
            remedy = "Copy it again from the rig, or move it out of the data folder"
            message = f"{file}: {what} ({why}). {remedy}."
            return stray_entry(entry, input_format.name, Reason.UNREADABLE, message)
    reasons = "; ".join(f"{f.name}: {_detect(f, entry).why}" for f in wanted)
    return stray_entry(entry, name, Reason.NOT_RECOGNISED, reasons)


def _named_apart(found: list[Found], root: Path, given: Path) -> list[Session]:
    """Make sessions; those that would share a name get their folder's name in front."""
    sessions = []
    for (input_format, _, path, decided), name in zip(found, _names(found, root), strict=True):
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
            )
        )
    return sessions


def _names(found: list[Found], root: Path) -> list[str]:
    """Return a name for each session that no other one has, ignoring letter case."""
    spellings = [[name, *_longer_names(name, path, root)] for _, name, path, _ in found]
    taken = [Counter(names[i].casefold() for names in spellings) for i in range(3)]
    chosen = [
        next((n for i, n in enumerate(names) if taken[i][n.casefold()] == 1), names[-1])
        for names in spellings
    ]
    clashes = Counter(name.casefold() for name in chosen)
    return [
        n if clashes[n.casefold()] == 1 else f"{n}-{_digest(os.path.relpath(path, root))}"
        for n, (_, _, path, _) in zip(chosen, found, strict=True)
    ]


def _digest(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]


def _longer_names(name: str, path: Path, root: Path) -> tuple[str, str]:
    """Return the name with its folders in front, and the whole path in the data folder."""
    relative = path.relative_to(root) if path.is_relative_to(root) else path.relative_to("/")
    folder = "-".join(relative.parent.parts)
    return (f"{folder}-{name}" if folder else path.name), "-".join(relative.parts)


def _selected(sessions: list[Session], params: DispatchParams) -> tuple[Session, ...]:
    if not params.sessions:
        return tuple(sessions)
    unknown = sorted(set(params.sessions) - {s.name for s in sessions})
    if unknown:
        what = f"no session is called {', '.join(map(repr, unknown))}"
        remedy = f"There are: {', '.join(s.name for s in sessions) or 'none'}"
        raise ParameterError(what, "sessions", remedy)
    return tuple(s for s in sessions if s.name in params.sessions)
