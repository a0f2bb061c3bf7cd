"""Identity of raw files: sizes, metadata and sampled content, never dates.

Reading a two-hour recording whole to identify it would take minutes, so big files are sampled:
their size, their first and last block, and blocks spread evenly between. Small files (metadata)
are read whole. Copying a session again changes nothing; other content does.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from dispatch_assets.errors import StreamError, count
from dispatch_assets.models import RawFile
from dispatch_assets.params import SETTINGS_NAME
from dispatch_assets.transient import why_unread

BLOCK_BYTES = 4096
N_BLOCKS = 16
WHOLE_BYTES = 2**20  # up to this size a file is read whole
N_SAMPLED_FILES = 64  # files of one folder (a Zarr store) whose content is looked at


class Fingerprint(NamedTuple):
    """Identity of a set of raw files.

    Attributes
    ----------
    digest
        32 hexadecimal digits: the whole.
    size_bytes
        Total size of the files.
    parts
        Each of the files and folders by itself, by name.
    """

    digest: str
    size_bytes: int
    parts: dict[str, RawFile]


def fingerprint(paths: Iterable[Path], relative_to: Path) -> Fingerprint:
    """Identify a set of files and folders by content.

    Parameters
    ----------
    paths
        Files, or folders that stand for all files in them.
    relative_to
        Folder that the names are taken relative to, so that a renamed session stays the same.

    Raises
    ------
    StreamError
        If a file cannot be read.
    """
    digest, parts = hashlib.blake2b(digest_size=16), dict[str, RawFile]()
    # settings of a session are no data, wherever in it they lie
    for path in sorted({p for p in paths if p.name != SETTINGS_NAME}):
        base = Path(os.path.relpath(path, relative_to)).as_posix()
        try:
            parts[base] = _add(digest, path, base)
        except OSError as e:
            what = f"cannot be read ({e.strerror or e})"
            remedy = "Check the file's permissions and the disk"
            raise StreamError(what, path, remedy, why_unread(e)) from e
    return Fingerprint(digest.hexdigest(), sum(p.size_bytes for p in parts.values()), parts)


def _add(whole: hashlib.blake2b, path: Path, base: str) -> RawFile:
    """Add a file or folder to the digest of the whole, and return what it is by itself."""
    own, size_bytes, n_files = hashlib.blake2b(digest_size=8), 0, 0
    for file, sampled in _files(path):
        name = f"{file.folder}{file.name}\0{file.size}\0".encode("utf-8", "surrogateescape")
        whole.update(base.encode("utf-8", "surrogateescape") + name)
        own.update(name)
        size_bytes, n_files = size_bytes + file.size, n_files + 1
        if sampled:
            for block in _content(Path(f"{path}{file.folder}{file.name}"), file.size):
                whole.update(block)
                own.update(block)
    return RawFile(size_bytes=size_bytes, n_files=n_files, content=own.hexdigest())


def differences(before: Mapping[str, RawFile], now: Mapping[str, RawFile]) -> list[str]:
    """Return what is different between the raw files of a recording then and now.

    Returns
    -------
    list of str
        One clause per file or folder: what is new, gone, of another size, or of other content.
    """
    told = []
    for name in sorted({*before, *now}):
        old, new = before.get(name), now.get(name)
        if old is None:
            told.append(f"{name}: new")
        elif new is None:
            told.append(f"{name}: gone")
        elif old.size_bytes != new.size_bytes:
            told.append(f"{name}: {old.size_bytes:,} bytes, now {new.size_bytes:,}")
        elif old.n_files != new.n_files:
            told.append(f"{name}: {count(old.n_files, 'file')}, now {new.n_files:,}")
        elif old.content != new.content:
            told.append(f"{name}: same size, other content")
    return told


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
            elif entry.name != SETTINGS_NAME:
                yield _File(folder, entry.name, entry.stat().st_size)


def _content(file: Path, size: int) -> Iterator[bytes]:
    with file.open("rb", buffering=0) as f:
        if size <= WHOLE_BYTES:
            yield f.read()
            return
        for k in range(N_BLOCKS):
            f.seek((size - BLOCK_BYTES) * k // (N_BLOCKS - 1))
            yield f.read(BLOCK_BYTES)
