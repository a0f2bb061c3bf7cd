"""Length of ``.npy`` files, from their header alone, and slices of them without mapping them.

A memory map counts as resident memory once it was read, so that looking once at the clock of a
long recording would cost gigabytes; plain reads do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason
from dispatch_assets.transient import why_unread

if TYPE_CHECKING:
    from numpy.typing import NDArray

_REMEDY = "Copy it again from the rig"


@dataclass(frozen=True)
class NpyFile:
    """A ``.npy`` file whose header was read; its values are not.

    Attributes
    ----------
    path
        The file.
    shape, dtype
        Of the array in it.
    offset
        Where the values begin, in bytes.
    """

    path: Path
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return self.shape[0]

    def read(self, start: int, stop: int) -> NDArray[Any]:
        """Return rows ``start:stop`` of a one-dimensional array."""
        at = self.offset + start * self.dtype.itemsize
        return np.fromfile(self.path, self.dtype, count=stop - start, offset=at)

    def ends(self) -> NDArray[Any]:
        """Return the first and the last of at least one value, shape (2,)."""
        size = self.dtype.itemsize
        with self.path.open("rb") as f:
            f.seek(self.offset)
            first = f.read(size)
            f.seek(self.offset + (len(self) - 1) * size)
            return np.frombuffer(first + f.read(size), self.dtype)


def open_npy(path: Path) -> NpyFile:
    """Read the header of a ``.npy`` file, and make sure that the file holds what it announces.

    Raises
    ------
    StreamError
        If the file is no readable ``.npy`` file, holds pickled objects, or is cut short.
    """
    file = _header(path)
    row = int(np.prod(file.shape[1:], dtype=np.int64)) * file.dtype.itemsize
    if path.stat().st_size < file.offset + len(file) * row:
        what = f"holds fewer than the {len(file)} values that its header announces"
        raise StreamError(what, path, _REMEDY, Reason.TRUNCATED)
    return file


def npy_length(path: Path) -> int:
    """Return the number of rows of a ``.npy`` file that the file really holds.

    Raises
    ------
    StreamError
        As `open_npy` does.
    """
    return len(open_npy(path))


def _header(path: Path) -> NpyFile:
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
        raise StreamError(f"is no .npy file ({e})", path, _REMEDY, why_unread(e)) from e
    if dtype.hasobject or not shape:
        what = "holds pickled objects or no array"
        raise StreamError(what, path, "Nothing is unpickled, ever", Reason.REFUSED)
    return NpyFile(path, shape, dtype, offset)
