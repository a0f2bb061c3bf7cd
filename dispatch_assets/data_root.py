"""The entries of a data root: which are sessions, and in which format."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from dispatch_assets.entries import stray_entry
from dispatch_assets.errors import DataRootError, DispatchError, ParameterError
from dispatch_assets.formats import by_name
from dispatch_assets.input_format import InputFormat
from dispatch_assets.models import InventoryEntry, SettingsFound
from dispatch_assets.naming import natural_key
from dispatch_assets.params import AUTO, SETTINGS_NAME, SPIKEINTERFACE, DispatchParams
from dispatch_assets.recognition import (
    detected,
    is_session_itself,
    refuse_part_of_session,
    unrecognised,
)
from dispatch_assets.settings_files import SettingsFiles
from dispatch_assets.settings_wishes import (
    excluded_stray,
    formats_wanted,
    is_broken,
    is_forced,
    misplaced,
    reads_anything,
    said_by,
)
from dispatch_assets.transient import why_unread


class Found(NamedTuple):
    """A session before it has a name of its own."""

    input_format: InputFormat
    name: str
    path: Path
    evidence: str
    settings: SettingsFound | None


def search(
    root: Path,
    wanted: tuple[InputFormat, ...],
    params: DispatchParams,
    only: Collection[str],
    files: SettingsFiles,
) -> tuple[list[Found], list[InventoryEntry]]:
    """Look at every entry of a data root.

    Parameters
    ----------
    root
        Absolute path of a folder of sessions, or of one session.
    wanted
        The formats to try, most specific first.
    params
        Its `nwb_files`, if there are any, are the sessions.
    only
        Names in `root` to look at; empty means all.
    files
        Settings of single sessions.

    Returns
    -------
    found : list of Found
        The sessions, in natural order of their paths.
    others : list of InventoryEntry
        What to say of entries that are none.

    Raises
    ------
    DataRootError
        If `root` cannot be listed, or is a file of a session.
    ParameterError
        If a file of `nwb_files` does not exist.
    """
    if params.nwb_files:
        return _named_files(params.nwb_files, root, files), []
    entries, others = _places(root, wanted, only, files)
    found: list[Found] = []
    for entry in entries:
        settings = files.of_entry(entry)
        try:
            sessions = _sessions_of(entry, formats_wanted(settings, wanted), settings, files)
            if not sessions:
                others.append(excluded_stray(entry, settings) or unrecognised(entry, wanted))
        except (DispatchError, OSError) as e:
            name = wanted[0].name if len(wanted) == 1 else AUTO
            others.append(stray_entry(entry, name, why_unread(e), str(e)))
            continue
        found += sessions
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
    with answering(root):
        names = [p.name for p in root.iterdir()]
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
        absolute = absolute_path(path)
        settings = files.of_entry(absolute)
        found.append(Found(nwb, nwb.session_name(absolute), absolute, str(absolute), settings))
    return found


@contextmanager
def answering(root: Path) -> Iterator[None]:
    """Say of which data root it is if a disk or share gives no answer while the block runs.

    Raises
    ------
    DataRootError
        In the place of an OSError.
    """
    try:
        yield
    except DataRootError:  # is an OSError, too
        raise
    except OSError as e:
        why = e.strerror if e.filename in (None, root, str(root)) else e
        if isinstance(e, PermissionError):
            what, remedy = f"cannot be looked into ({why})", "Check its permissions"
        else:
            what, remedy = f"gives no answer ({why})", "Is the disk, or the share, still mounted?"
        raise DataRootError(what, root, remedy) from e


def absolute_path(path: str | os.PathLike[str]) -> Path:
    """Return an absolute path without ``..``, in which links keep their names."""
    return Path(os.path.normpath(Path(path).absolute()))


def is_empty(data_folder: str | os.PathLike[str]) -> bool:
    """Return whether nothing lies in a data folder.

    Raises
    ------
    DataRootError
        If it cannot be listed.
    """
    root = absolute_path(data_folder)
    with answering(root):
        return not root.is_file() and not _entries(root)
