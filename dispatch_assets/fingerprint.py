"""Identity of raw files: sizes, metadata and sampled content, never dates.

Reading a two-hour recording whole to identify it would take minutes, so big files are sampled:
their size, their first and last block, and blocks spread evenly between. Small files (metadata)
are read whole. Copying a session again changes nothing; other content does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason

BLOCK_BYTES = 4096
N_BLOCKS = 16
WHOLE_BYTES = 2**20  # up to this size a file is read whole
N_SAMPLED_FILES = 64  # files of one folder (a Zarr store) whose content is looked at


def fingerprint(paths: Iterable[Path], relative_to: Path) -> tuple[str, int]:
    """Identify a set of files and folders by content.

    Parameters
    ----------
    paths
        Files, or folders that stand for all files in them.
    relative_to
        Folder that the names are taken relative to, so that a renamed session stays the same.

    Returns
    -------
    digest : str
        32 hexadecimal digits.
    size_bytes : int
        Total size of the files.

    Raises
    ------
    StreamError
        If a file cannot be read.
    """
    digest, size_bytes = hashlib.blake2b(digest_size=16), 0
    for path in sorted(set(paths)):
        try:
            base = Path(os.path.relpath(path, relative_to)).as_posix()
            for file, sampled in _files(path):
                about = f"{base}{file.folder}{file.name}\0{file.size}\0"
                digest.update(about.encode("utf-8", "surrogateescape"))
                size_bytes += file.size
                if sampled:
                    _add_content(digest, Path(f"{path}{file.folder}{file.name}"), file.size)
        except OSError as e:
            what = f"cannot be read ({e.strerror or e})"
            remedy = "Check the file's permissions and the disk"
            raise StreamError(what, path, remedy, Reason.UNREADABLE) from e
    return digest.hexdigest(), size_bytes


class _File(NamedTuple):
    """A file in a folder; strings, as a Zarr store of two hours has ten thousand of them."""

    folder: str  # between slashes
    name: str
    size: int


def _files(path: Path) -> Iterator[tuple[_File, bool]]:
    """Yield each file and whether its content counts, in an order that does not vary."""
    if not path.is_dir():
        yield _File("", "", path.stat().st_size), True
        return
    # shorter names first: chunk 9.0 of an array comes before chunk 10.0
    files = sorted(_walk(path, "/"), key=lambda f: (f.folder, len(f.name), f.name))
    sampled = _sampled(files)
    for i, file in enumerate(files):
        yield file, i in sampled


def _sampled(files: list[_File]) -> set[int]:
    """Return which files count: metadata, some spread evenly, first and last of each array."""
    metadata = {i for i, file in enumerate(files) if file.name.startswith(".z")}
    arrays = {files[i].folder for i in metadata if files[i].name == ".zarray"}
    chunks = [i for i, f in enumerate(files) if f.folder in arrays and i not in metadata]
    first = {files[i].folder: i for i in reversed(chunks)}
    last = {files[i].folder: i for i in chunks}
    spread = range(0, len(files), max(1, len(files) // N_SAMPLED_FILES))
    return metadata.union(spread, first.values(), last.values())


def _walk(root: Path, folder: str) -> Iterator[_File]:
    with os.scandir(f"{root}{folder}") as entries:
        for entry in entries:
            if entry.is_dir():  # a loop of links ends in an OSError
                yield from _walk(root, f"{folder}{entry.name}/")
            else:
                yield _File(folder, entry.name, entry.stat().st_size)


def _add_content(digest: hashlib.blake2b, file: Path, size: int) -> None:
    with file.open("rb", buffering=0) as f:
        if size <= WHOLE_BYTES:
            digest.update(f.read())
            return
        for k in range(N_BLOCKS):
            f.seek((size - BLOCK_BYTES) * k // (N_BLOCKS - 1))
            digest.update(f.read(BLOCK_BYTES))
