"""System calls that fail as they do on a share that gives no answer."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_silent: list[str] = []
_hooked: list[bool] = []  # a hook cannot be taken away again; without silent paths it does nothing


def _fail(event: str, arguments: tuple[object, ...]) -> None:
    if _silent and event in ("open", "os.listdir", "os.scandir"):
        path = arguments[0]
        if isinstance(path, str | bytes | os.PathLike):
            name = os.fsdecode(path)
            if any(name == s or name.startswith(f"{s}{os.sep}") for s in _silent):
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)


@contextmanager
def silence(*paths: Path) -> Iterator[None]:
    """Let nothing be read at or below some paths."""
    if not _hooked:
        sys.addaudithook(_fail)
        _hooked.append(True)
    _silent[:] = map(str, paths)
    try:
        yield
    finally:
        _silent.clear()
