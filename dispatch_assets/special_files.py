"""Pipes, sockets and devices among the files of a session: whoever opens one may wait for ever."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason


def refuse_special_files(session: Path) -> None:
    """Refuse a session in which something is neither a file nor a folder nor a link to one.

    No reader looks before it opens a file; ``rsync -a`` copies such things along.

    Parameters
    ----------
    session
        Its file or folder. Links to folders are not followed.

    Raises
    ------
    StreamError
        Naming the first one that was found.
    """
    found = str(session) if _is_special(str(session)) else _first_in(str(session))
    if found is not None:
        what = "is a pipe, a socket or a device; opening it could take for ever"
        raise StreamError(what, found, "Move it out of the session", Reason.REFUSED)


def _first_in(folder: str) -> str | None:
    folders = [folder]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:  # what a listing itself tells of most files needs no stat
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif not entry.is_file(follow_symlinks=False) and _is_special(entry.path):
                        return entry.path
        except (OSError, ValueError):  # no folder, or a closed one: its reader says so
            continue
    return None


def _is_special(path: str) -> bool:
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - no objects for paths: there may be many
    except (OSError, ValueError):
        return False  # a link to nowhere
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)
