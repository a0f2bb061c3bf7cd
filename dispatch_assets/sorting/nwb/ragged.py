"""Columns of NWB tables that hold several values per row, and the index of each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from hdmf.common import VectorData
    from numpy.typing import NDArray


def ragged(name: str, values: list[Any], description: str) -> list[VectorData]:
    """Return a column of several values per row, and its index before it."""
    from hdmf.common import VectorData, VectorIndex

    flat, ends = end_to_end(values)
    column = VectorData(name=name, description=description, data=flat)
    return [VectorIndex(name=f"{name}_index", data=ends, target=column), column]


def end_to_end(values: list[Any]) -> tuple[NDArray[Any], NDArray[np.uint64]]:
    """Return lists of values end to end, and where each ends."""
    ends = np.cumsum([len(v) for v in values]).astype(np.uint64)
    return np.concatenate([np.asarray(v) for v in values]), ends
