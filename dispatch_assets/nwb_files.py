"""Which files are NWB files, and where they lie in a session folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets import zarr_store
from dispatch_assets.errors import StreamError
from dispatch_assets.naming import natural_key

MAX_DEPTH = 3  # DANDI keeps files in subject folders
_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def is_nwb(path: Path) -> bool:
    """Say whether a path is an NWB file, in HDF5 or Zarr, by its name and first bytes."""
    if path.is_dir():
        named = path.name.endswith((".nwb", ".nwb.zarr", ".zarr"))
        return named and zarr_store.is_zarr(path) and "nwb_version" in _safe_attributes(path)
    if not path.name.endswith(".nwb") or not path.is_file():
        return False
    with path.open("rb") as f:
        return f.read(len(_HDF5_SIGNATURE)) == _HDF5_SIGNATURE


def _safe_attributes(path: Path) -> dict[str, Any]:
    try:
        return zarr_store.attributes(path)
    except StreamError:
        return {}  # a damaged store with an NWB name is not recognised; `formats` says so


def nwb_files(folder: Path, max_depth: int = MAX_DEPTH) -> list[Path]:
    """Return the NWB files in a folder."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if is_nwb(path):
            found.append(path)
        elif max_depth > 1 and path.is_dir() and not zarr_store.is_zarr(path):
            found += nwb_files(path, max_depth - 1)
    return found


def named_nwb(folder: Path, max_depth: int = MAX_DEPTH) -> list[Path]:
    """Return what in a folder is or may become an NWB file, by its name."""
    found = []
    for path in sorted(folder.iterdir(), key=lambda p: natural_key(p.name)):
        if path.name.endswith((".nwb", ".nwb.zarr")) or is_nwb(path):
            found.append(path)
        elif max_depth > 1 and path.is_dir() and not zarr_store.is_zarr(path):
            found += named_nwb(path, max_depth - 1)
    return found
