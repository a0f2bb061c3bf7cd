"""Whether a Zarr (version 2) store is whole: every array that it announces, every chunk.

A copy brings the small files first or last, as it pleases, and thousands of chunks in between; the
consolidated metadata (``.zmetadata``) name every array and group, and an array's shape says how
many chunks it has.

A writer may leave out chunks that hold nothing but the fill value (``write_empty_chunks=False`` in
zarr-python). On disk that looks like a copy that is not complete, and there is nothing else to tell
them apart. So an array counts as whole only with all chunks, and such a store is never complete
by itself; inventories refuse it for the same reason.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from dispatch_assets.errors import count
from dispatch_assets.whole_files import json_object

_CHUNK = re.compile(r"\d+(\.\d+)*")  # 3.0, or a level of 3/0
_METADATA = ((".zarray",), (".zgroup",), (".zattrs",))
_MAX_DEPTH = 12  # of groups in groups


def store_gaps(store: Path, all_chunks: Callable[[str], bool]) -> Iterator[str]:
    """Yield what is missing from a store, as clauses.

    Parameters
    ----------
    store
        Root of the store.
    all_chunks
        Says of an array's name in the store whether all its chunks have to be there.

    Raises
    ------
    StreamError
        If a file of metadata is damaged or not whole.
    """
    if not any((store / name).is_file() for name in (".zgroup", ".zarray")):
        yield f"{store}: there is no .zgroup in it yet"
    _check_announced(store)
    for array in _arrays(store, _MAX_DEPTH):
        if all_chunks(array.relative_to(store).as_posix()):
            yield from array_gaps(array)


def array_gaps(array: Path) -> Iterator[str]:
    """Yield which chunks are missing from an array, as clauses.

    Raises
    ------
    StreamError
        If its ``.zarray`` is missing, damaged or not whole.
    """
    n_expected = _n_chunks(json_object(array / ".zarray"))
    if n_expected is None:
        yield f"{array}: its .zarray gives no shape and chunks"
        return
    n_there, n_empty = _chunks(array, _MAX_DEPTH)
    if n_empty:
        yield f"{array}: {count(n_empty, 'chunk has', 'chunks have')} no content yet"
    if n_there < n_expected:
        yield f"{array}: {n_there:,} of {count(n_expected, 'chunk is', 'chunks are')} there"


def _check_announced(store: Path) -> None:
    """Read every file of metadata that the consolidated ones name."""
    if not (store / ".zmetadata").is_file():
        return
    announced = json_object(store / ".zmetadata").get("metadata")
    for key in announced if isinstance(announced, dict) else ():
        parts = PurePosixPath(key).parts
        inside = ".." not in parts and not key.startswith("/")
        if inside and parts[-1:] in _METADATA:
            json_object(store / key)


def _n_chunks(meta: dict[str, object]) -> int | None:
    shape, chunks = meta.get("shape"), meta.get("chunks")
    if not isinstance(shape, list) or not isinstance(chunks, list) or len(shape) != len(chunks):
        return None
    if not all(type(n) is int and n >= 0 for n in shape):
        return None
    if not all(type(n) is int and n > 0 for n in chunks):
        return None
    n_chunks: int = math.prod(-(-n // size) for n, size in zip(shape, chunks, strict=True))
    return n_chunks


def _chunks(folder: Path | str, depth: int) -> tuple[int, int]:
    """Return how many chunks are there, and how many of them are empty files."""
    n_there = n_empty = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if not _CHUNK.fullmatch(entry.name):
                continue
            if entry.is_dir(follow_symlinks=False):
                below = _chunks(entry.path, depth - 1) if depth > 0 else (0, 0)
                n_there, n_empty = n_there + below[0], n_empty + below[1]
            else:
                n_there += 1
                n_empty += entry.stat().st_size == 0
    return n_there, n_empty


def _arrays(folder: Path, depth: int) -> Iterator[Path]:
    if (folder / ".zarray").is_file():
        yield folder
    elif depth > 0:
        with os.scandir(folder) as entries:
            children = sorted(e.path for e in entries if e.is_dir(follow_symlinks=False))
        for child in children:
            yield from _arrays(Path(child), depth - 1)
