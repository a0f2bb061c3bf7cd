"""Copies of session folders as they arrive from a rig: slowly, in parts, or not to the end."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

N_PARTS = 3  # in which a file arrives


def slowly(source: Path, target: Path, *, metadata_last: bool = False) -> Iterator[Path]:
    """Copy a session folder; yield after every part of a file.

    Dates are those of the source, as ``rsync -a`` and ``cp -a`` set them.

    Parameters
    ----------
    source, target
        The session folder, and what it becomes.
    metadata_last
        Whether small files come after large ones.
    """
    files = sorted(p for p in source.rglob("*") if p.is_file())
    if metadata_last:
        files.sort(key=lambda p: -p.stat().st_size)
    for file in files:
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        content = file.read_bytes()
        for k in range(1, N_PARTS + 1):
            copied.write_bytes(content[: len(content) * k // N_PARTS])
            yield copied
        shutil.copystat(file, copied)


def at_once(source: Path, target: Path) -> None:
    """Copy a session folder to the end."""
    for _ in slowly(source, target):
        pass


def as_rsync(source: Path, target: Path) -> Iterator[Path]:
    """Copy as ``rsync -a`` does: each file under a hidden name that is changed at its end."""
    for file in sorted(p for p in source.rglob("*") if p.is_file()):
        copied = target / file.relative_to(source)
        copied.parent.mkdir(parents=True, exist_ok=True)
        hidden = copied.with_name(f".{copied.name}.aB3xYz")
        content = file.read_bytes()
        for k in range(1, N_PARTS + 1):
            hidden.write_bytes(content[: len(content) * k // N_PARTS])
            yield hidden
        shutil.copystat(file, hidden)
        hidden.replace(copied)
