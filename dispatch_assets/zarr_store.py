"""Look at a Zarr store on disk without opening it: whether it is safe, whole and readable here.

Zarr lets a store name the codecs that decode it, one of which unpickles; and a missing chunk reads
as zeros. Neither may pass, so the store's own metadata files are read before any library opens it.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason
from dispatch_assets.transient import why_unread

_PICKLE_CODECS = frozenset({"pickle"})
# codec -> (module, the requirement that pyproject.toml names for it)
_OPTIONAL_CODECS = {"wavpack": ("wavpack_numcodecs", "wavpack-numcodecs==0.2.0")}


def is_zarr(path: Path) -> bool:
    """Return whether `path` is a Zarr (version 2) group or array on disk."""
    return any((path / name).is_file() for name in (".zgroup", ".zarray", ".zmetadata"))


def attributes(path: Path) -> dict[str, Any]:
    """Return the attributes of the group or array at `path`; empty if there are none.

    Raises
    ------
    StreamError
        If they are damaged.
    """
    file = path / ".zattrs"
    return _json_object(file) if file.is_file() else {}


Arrays = dict[Path, dict[str, Any]]
"""The metadata of a store's arrays on disk, by folder."""


def check_store(path: Path, only: Callable[[str], bool] = lambda name: True) -> Arrays:
    """Refuse a store that would unpickle, or that needs a codec which is not installed.

    Parameters
    ----------
    path
        Root of the store.
    only
        Says of an array's name in the store whether it matters, because it is going to be read.

    Returns
    -------
    dict
        The metadata of the arrays on disk, so that nobody reads them again.

    Raises
    ------
    StreamError
        With reason ``refused`` or ``unreadable``.
    """
    on_disk = dict(_arrays_on_disk(path))
    for array, meta in (*_consolidated_arrays(path), *on_disk.items()):
        if not only(array.relative_to(path).as_posix()):
            continue
        for codec in _codecs(meta):
            if codec in _PICKLE_CODECS:
                what = "holds pickled objects, which can run any code when they are read"
                remedy = "Write the session again without pickled properties"
                raise StreamError(what, array, remedy, Reason.REFUSED)
            module, requirement = _OPTIONAL_CODECS.get(codec, ("", ""))
            if module and importlib.util.find_spec(module) is None:
                what = f"is compressed with {codec}, and {module} is not installed"
                command = f"{shlex.quote(sys.executable)} -m pip install '{requirement}'"
                remedy = f"Install it (the README says what it needs): {command}"
                raise StreamError(what, array, remedy, Reason.UNREADABLE)
    return on_disk


def _consolidated_arrays(path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    consolidated = path / ".zmetadata"
    if consolidated.is_file():
        entries = _json_object(consolidated).get("metadata", {})
        for key, meta in entries.items() if isinstance(entries, dict) else ():
            if key.endswith(".zarray") and isinstance(meta, dict):
                yield path / Path(key).parent, meta


def _arrays_on_disk(folder: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    if (folder / ".zarray").is_file():
        yield folder, _json_object(folder / ".zarray")
        return
    with os.scandir(folder) as entries:
        children = sorted(e.path for e in entries if e.is_dir())
    for child in children:
        yield from _arrays_on_disk(Path(child))


def metadata_of(array: Path, arrays: Arrays) -> dict[str, Any]:
    """Return the metadata of one array.

    Raises
    ------
    StreamError
        If it has none.
    """
    if array not in arrays:
        remedy = "Copy the session again from the rig"
        raise StreamError("has no metadata", array / ".zarray", remedy, Reason.UNREADABLE)
    return arrays[array]


def n_missing_chunks(array: Path, meta: dict[str, Any]) -> int:
    """Return how many of an array's chunks are not on disk, going by its metadata."""
    sizes = zip(meta["shape"], meta["chunks"], strict=True)
    n_expected = math.prod(math.ceil(int(n) / int(chunk)) for n, chunk in sizes)
    files = (f for _, _, names in os.walk(array) for f in names)
    return max(0, n_expected - sum(1 for f in files if not f.startswith(".z")))


def _codecs(meta: dict[str, Any]) -> Iterator[str]:
    for codec in (meta.get("compressor"), *(meta.get("filters") or ())):
        if isinstance(codec, dict):
            yield str(codec.get("id"))


def _json_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        remedy = "Copy the session again from the rig"
        raise StreamError(f"is not readable JSON ({e})", file, remedy, why_unread(e)) from e
    if not isinstance(value, dict):
        raise StreamError("is not a JSON object", file, "Copy it again", Reason.UNREADABLE)
    return value
