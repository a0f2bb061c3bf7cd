"""Read time vectors in pieces, wherever they are kept: in memory, in a file, or in chunks."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ReadTimes = Callable[[int, int], "NDArray[np.float64]"]
"""Returns times ``start:stop`` in seconds, shape (stop - start,)."""

CHUNK_SAMPLES = 2**19  # 4 MiB of float64; a few temporaries of that size are alive at once


def times_reader(vector: Any) -> ReadTimes:  # noqa: ANN401
    """Return ``read(start, stop)`` for a time vector; in little memory, and quick if in order.

    Parameters
    ----------
    vector
        An array, a memory map, or a dataset of HDF5 or Zarr; seconds, shape (n_samples,).
    """
    if isinstance(vector, np.memmap) and vector.flags.c_contiguous and vector.filename is not None:
        return functools.partial(_read_mapped, vector.filename, vector.dtype, _file_offset(vector))
    chunks = getattr(vector, "chunks", None)
    if chunks:
        return _chunked_reader(vector, chunks[0])
    return lambda start, stop: np.asarray(vector[start:stop])


def _file_offset(vector: np.memmap[Any, Any]) -> int:
    """Return where in its file a map begins; NumPy gives a slice of a map the offset of the map."""
    whole = vector
    while isinstance(whole.base, np.memmap):
        whole = whole.base
    return int(whole.offset) + vector.ctypes.data - whole.ctypes.data


def _read_mapped(
    path: str, dtype: np.dtype[Any], offset: int, start: int, stop: int
) -> NDArray[Any]:
    """Read a mapped file as a plain one: mapped pages that were read count as resident memory."""
    at = offset + start * dtype.itemsize
    return np.fromfile(path, dtype, count=stop - start, offset=at)


def _chunked_reader(vector: Any, chunk: int) -> ReadTimes:  # noqa: ANN401
    """Read whole chunks and keep the last: every slice of a chunk would decode all of it."""
    size = chunk * max(1, CHUNK_SAMPLES // chunk)
    held: dict[int, NDArray[np.float64]] = {}

    def block(i: int) -> NDArray[np.float64]:
        if i not in held:
            held.clear()  # before the next is read: they may be large
            held[i] = vector[i * size : (i + 1) * size]
        return held[i]

    def read(start: int, stop: int) -> NDArray[np.float64]:
        times = np.empty(stop - start)
        for i in range(start // size, math.ceil(stop / size)):
            a, b = max(start, i * size), min(stop, (i + 1) * size)
            times[a - start : b - start] = block(i)[a - i * size : b - i * size]
        return times

    return read
