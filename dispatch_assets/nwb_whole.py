"""Whether an NWB file is complete: HDF5 opens it and nobody writes to it; Zarr has all chunks."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from dispatch_assets.errors import count
from dispatch_assets.reading import cause_of
from dispatch_assets.whole_files import size_of
from dispatch_assets.zarr_whole import store_gaps

# What HDF5 says
_TRUNCATED = re.compile(r"truncated file: .*stored_eof = (\d+)")
_OPEN_FOR_WRITE = re.compile(r"unable to lock file|already open for write")


def hdf5_gaps(path: Path) -> Iterator[str]:
    """Yield why HDF5 does not open a file: it is cut short, or somebody writes to it.

    A writer holds a lock, and a file in its newer layout says in its header that it is open; where
    the file system has no locks, HDF5 goes without ("best-effort").
    """
    import h5py

    try:
        h5py.File(path, "r", locking="best-effort").close()
    except OSError as e:
        sizes, said = _TRUNCATED.search(str(e)), " ".join(str(e).split())
        if sizes is not None:
            there = count(size_of(path), "byte is", "bytes are")
            yield f"{path}: {there} there, {int(sizes[1]):,} according to its header"
        elif _OPEN_FOR_WRITE.search(said):
            yield f"{path}: somebody is writing to it"
        else:
            yield f"{path}: {cause_of(e)}"


def zarr_gaps(path: Path) -> Iterator[str]:
    """Yield what is missing from an NWB file in Zarr: anything announced, chunks of the series.

    Raises
    ------
    StreamError
        If a file of metadata is damaged or not whole.
    """
    yield from store_gaps(path, _is_series)


def _is_series(array: str) -> bool:
    """Say whether an array holds samples or times, by its name in a Zarr store."""
    return array.startswith("acquisition/") and array.rpartition("/")[2] in ("data", "timestamps")
