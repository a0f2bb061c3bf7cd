"""Length of ``.npy`` files, from their header alone, and slices of them without mapping them.

A memory map counts as resident memory once it was read, so that looking once at the clock of a
long recording would cost gigabytes; plain reads do not.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEDY = "Copy it again from the rig"


def npy_length(path: Path) -> int:
    """Return the number of rows of a ``.npy`` file that the file really holds.

    Raises
    ------
    StreamError
        If the file is no readable ``.npy`` file, holds pickled objects, or is cut short.
    """
    shape, dtype, offset = _header(path)
    row = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
    if path.stat().st_size < offset + shape[0] * row:
        what = f"holds fewer than the {shape[0]} values that its header announces"
        raise StreamError(what, path, _REMEDY, Reason.TRUNCATED)
    return shape[0]


def npy_reader(path: Path) -> Callable[[int, int], NDArray[Any]]:
    """Return a function that reads rows ``start:stop`` of a one-dimensional ``.npy`` file."""
    _, dtype, offset = _header(path)

    def read(start: int, stop: int) -> NDArray[Any]:
        return np.fromfile(path, dtype, count=stop - start, offset=offset + start * dtype.itemsize)

    return read


def _header(path: Path) -> tuple[tuple[int, ...], np.dtype[Any], int]:
    try:
        with path.open("rb") as f:
            version = np.lib.format.read_magic(f)
            read = (
                np.lib.format.read_array_header_1_0
                if version == (1, 0)
                else np.lib.format.read_array_header_2_0
            )
            shape, _, dtype = read(f)
            offset = f.tell()
    except (OSError, ValueError, EOFError, SyntaxError, TokenError) as e:
        raise StreamError(f"is no .npy file ({e})", path, _REMEDY, Reason.UNREADABLE) from e
    if dtype.hasobject or not shape:
        what = "holds pickled objects or no array"
        raise StreamError(what, path, "Nothing is unpickled, ever", Reason.REFUSED)
    return shape, dtype, offset
