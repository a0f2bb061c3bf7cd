"""What an entry of the data root looks like from outside: names, sizes, dates. Nothing is opened.

Two looks are equal if nothing has changed; the question is asked every minute for ten thousand
session folders, hence strings, one hash for each entry and no other work. The set of names and
the sizes are what counts; dates only add to that: a file system may keep them to two seconds, and
``rsync -a`` sets them back.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

from dispatch_assets.errors import DataRootError

MAX_DEPTH = 16
MAX_LISTED = 4_096
"""Entries of one folder whose sizes are asked for; of a larger one the date and number count."""
MAX_FILES = 100_000
"""Files of one entry of the data root; beyond, only the dates of folders count."""

_ENDINGS = (".part", ".partial", ".filepart", ".crdownload")
# rsync copies to .NAME.XXXXXX and renames; of six random letters and digits few are all lower case
_RSYNC = re.compile(r"\.(.+)\.(?=[a-z]*[A-Z0-9])[A-Za-z0-9]{6}", re.DOTALL)

_ODD = re.compile("/[.]|" + "|".join(f"[.]{e[1:]}(?=/|$)" for e in _ENDINGS))


class Look(NamedTuple):
    """What an entry looks like.

    Attributes
    ----------
    digest
        16 hexadecimal digits: its names below the entry, sizes and dates.
    n_files, size_bytes
        Files that were counted, and how large they are together.
    unfinished
        A file that a copying program will rename when it is complete; empty if there is none.
    problem
        Why a part of it cannot be looked at, as a clause; empty if all can.
    """

    digest: str
    n_files: int
    size_bytes: int
    unfinished: str
    problem: str


def looks(root: str | os.PathLike[str], only: Collection[str] = ()) -> dict[str, Look]:
    """Look at every entry of a folder, those with hidden names left out as `discovery` does.

    Parameters
    ----------
    root
        The folder.
    only
        Names to look at; empty: all. Those that are not there are left out.

    Returns
    -------
    dict of str to Look
        By name.

    Raises
    ------
    DataRootError
        If it is missing, cannot be listed, or nothing lies in it.
    """
    folder = os.path.normpath(Path(root).absolute())
    try:
        with os.scandir(folder) as entries:
            names = [e.name for e in entries if not e.name.startswith(".")]
    except FileNotFoundError as e:
        raise DataRootError("the data folder does not exist", folder, "Is the disk mounted?") from e
    except (OSError, ValueError) as e:
        why = getattr(e, "strerror", None) or e
        raise DataRootError(f"cannot be listed ({why})", folder, "Check its permissions") from e
    if not names:
        raise DataRootError("the data folder is empty", folder, "Is the disk mounted?")
    wanted = names if not only else [n for n in names if n in only]
    found = {name: look(f"{folder}{os.sep}{name}") for name in sorted(wanted)}
    return {name: seen for name, seen in found.items() if seen is not None}


def look(path: str) -> Look | None:
    """Look at one entry: a file, or a folder with all that is in it.

    A link is followed if it is the entry itself. Links below it are followed to files, never to
    folders: what changes behind those is not seen.

    Returns
    -------
    Look or None
        None if it is not there (any more).
    """
    try:
        status = os.stat(path)  # noqa: PTH116 - no objects for paths, in all of this module
    except FileNotFoundError:
        return None
    except OSError as e:
        return _Walk().result(f"cannot be looked at ({e.strerror})")
    walk = _Walk()
    if stat.S_ISDIR(status.st_mode):
        walk.folder(path, "", MAX_DEPTH, in_zarr=False)
    else:
        walk.add("", status)
    return walk.result()


class _Walk:
    """One walk through one entry."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.n_files = self.size_bytes = 0
        self.unfinished = self.problem = ""

    def add(self, name: str, status: os.stat_result) -> None:
        self.n_files += 1
        self.size_bytes += status.st_size
        self.lines.append(f"{name}\0{status.st_size}\0{status.st_mtime_ns}")

    def folder(self, path: str, below: str, depth: int, *, in_zarr: bool) -> None:
        """Add the files of a folder, and of those in it; `below` is its name, with a slash."""
        try:
            with os.scandir(path) as entries:
                found = list(entries)
        except FileNotFoundError:
            return  # it vanished, and the next look will be another one
        except OSError as e:
            self.problem = self.problem or f"{path} cannot be listed ({e.strerror})"
            self.lines.append(f"{below}\0unreadable")
            return
        if len(found) > MAX_LISTED:
            self._date(path, f"{below}\0{len(found)}")
            return
        names = [e.name for e in found]
        if _ODD.search("/".join(["", *names])):
            in_zarr = in_zarr or ".zgroup" in names
            self._note_unfinished(path, set(names))
        folders = self._files(found, below)
        # which of them come before MAX_FILES must not vary
        for entry in folders if len(folders) < 2 else sorted(folders, key=lambda e: e.name):
            inside = f"{below}{entry.name}/"
            if depth == 0 or self.n_files > MAX_FILES or (in_zarr and _is_array(entry.path)):
                self._date(entry.path, inside)
            else:
                self.lines.append(inside)
                self.folder(entry.path, inside, depth - 1, in_zarr=in_zarr)

    def _files(self, found: list[os.DirEntry[str]], below: str) -> list[os.DirEntry[str]]:
        """Add the files among what a folder holds, and return the folders."""
        folders, lines, n_bytes = [], self.lines, 0
        for entry in found:  # this runs a hundred thousand times a tick
            try:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry)
                    continue
                if entry.is_symlink():
                    if entry.is_dir():
                        lines.append(f"{below}{entry.name}\0link")
                        continue
                    status = _status_of_link(entry)
                else:
                    status = entry.stat()
            except OSError as e:  # gone between two calls, or a link into a place that is closed
                lines.append(f"{below}{entry.name}\0{e.errno}")
                continue
            n_bytes += status.st_size
            lines.append(f"{below}{entry.name}\0{status.st_size}\0{status.st_mtime_ns}")
        self.n_files += len(found) - len(folders)
        self.size_bytes += n_bytes
        return folders

    def _date(self, path: str, name: str) -> None:
        try:
            self.lines.append(f"{name}\0{os.stat(path).st_mtime_ns}")  # noqa: PTH116
        except OSError as e:
            self.lines.append(f"{name}\0{e.errno}")

    def _note_unfinished(self, path: str, names: Collection[str]) -> None:
        for name in names:
            rsync = _RSYNC.fullmatch(name)
            target = rsync[1] if rsync else name.rpartition(".")[0]
            # beside the whole file it is a leftover, or an update whose end will be seen
            if (rsync or name.endswith(_ENDINGS)) and target not in names:
                self.unfinished = min(filter(None, (self.unfinished, f"{path}{os.sep}{name}")))

    def result(self, problem: str = "") -> Look:
        self.lines.sort()
        text = "\n".join([problem, *self.lines]).encode("utf-8", "surrogateescape")
        digest = hashlib.blake2b(text, digest_size=8).hexdigest()
        about = self.unfinished, problem or self.problem
        return Look(digest, self.n_files, self.size_bytes, *about)


def _status_of_link(entry: os.DirEntry[str]) -> os.stat_result:
    """Return the status of what a link leads to, or of the link if that is missing."""
    try:
        return entry.stat()
    except OSError:
        return entry.stat(follow_symlinks=False)


def _is_array(folder: str) -> bool:
    """Say whether a folder in a Zarr store holds an array: its chunks are not listed."""
    try:
        os.stat(f"{folder}/.zarray")  # noqa: PTH116
    except OSError:
        return False
    return True
