"""Copy and damage sessions, and make folders behave as another disk's might."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest


def copy(source: Path, target: Path) -> Path:
    """Copy a file or a folder to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        return Path(shutil.copy(source, target))
    return Path(shutil.copytree(source, target))


def flip_byte(file: Path, position: int) -> None:
    """Invert one byte; doing it again restores the file."""
    with file.open("r+b") as f:
        f.seek(position)
        (byte,) = f.read(1)
        f.seek(position)
        f.write(bytes([byte ^ 0xFF]))


def spoil(file: Path, damage: str) -> None:
    """Replace a file's content, or remove it."""
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"garbage \xff\x00" if damage == "garbage" else b"")


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and date of everything in a folder."""
    stats = {str(p.relative_to(folder)): p.stat() for p in sorted(folder.rglob("*"))}
    return {name: (s.st_size, s.st_mtime_ns) for name, s in stats.items()}


class ReadOnly(AbstractContextManager[None]):
    """Take away write permission from a folder and everything in it, for a while."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder, *folder.rglob("*")]

    def __enter__(self) -> None:
        for path in self.paths:
            path.chmod(0o555 if path.is_dir() else 0o444)

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        for path in self.paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def reverse_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make folders list in reverse order, as another file system might."""
    listdir, scandir = os.listdir, os.scandir

    class Reversed:
        def __init__(self, path: Any = ".") -> None:
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda e: e.name, reverse=True))

        def __iter__(self) -> Iterator[Any]:
            return self.entries

        def __next__(self) -> Any:
            return next(self.entries)

        def __enter__(self) -> Reversed:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def close(self) -> None:
            pass

    def reversed_listdir(path: Any = ".") -> list[Any]:
        return sorted(listdir(path), reverse=True)

    monkeypatch.setattr(os, "scandir", Reversed)
    monkeypatch.setattr(os, "listdir", reversed_listdir)
