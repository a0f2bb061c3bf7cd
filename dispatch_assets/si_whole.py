"""Whether what SpikeInterface saved is complete: the files and chunks that its metadata announce.

The JSON of a binary folder does not say how long the traces are: that a file is still growing is
only seen by its growing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from dispatch_assets.errors import count
from dispatch_assets.npy import npy_length
from dispatch_assets.whole_files import json_object, size_of
from dispatch_assets.zarr_whole import store_gaps

_MAX_SEGMENTS = 10_000  # of a store whose attributes may say anything
_TIMES = re.compile(r"^times_cached_seg(\d+)\.npy$")


def zarr_gaps(store: Path) -> Iterator[str]:
    """Yield what is missing from a Zarr store with a recording, as clauses.

    Raises
    ------
    StreamError
        If a file of metadata is missing, cannot be read, or is not whole.
    """
    yield from store_gaps(store, lambda array: True)
    n_segments = json_object(store / ".zattrs").get("num_segments")
    if not isinstance(n_segments, int):
        yield f"{store / '.zattrs'}: does not say how many segments there are"
        return
    for i in range(min(n_segments, _MAX_SEGMENTS)):
        if not (store / f"traces_seg{i}" / ".zarray").is_file():
            yield f"{store / f'traces_seg{i}'}: the store announces this segment; it is missing"


def folder_gaps(folder: Path) -> Iterator[str]:
    """Yield what is missing from a binary folder, as clauses.

    Raises
    ------
    StreamError
        If a file is missing, cannot be read, or is not whole.
    """
    for file in sorted(folder.glob("*.json")):
        json_object(file)
    for file in sorted((folder / "properties").glob("*.npy")):
        npy_length(file)
    if not (folder / "binary.json").is_file():
        if any(folder.glob("traces_cached_seg*.raw")) and not (folder / "cached.json").is_file():
            yield f"{folder / 'binary.json'}: is missing"
        return
    kwargs = json_object(folder / "binary.json").get("kwargs")
    if not isinstance(kwargs, dict):
        yield f"{folder / 'binary.json'}: does not describe its traces"
        return
    if not (folder / "si_folder.json").is_file():
        yield f"{folder / 'si_folder.json'}: is missing"
    n_channels = int(kwargs.get("num_channels") or kwargs["num_chan"])
    step = n_channels * np.dtype(kwargs["dtype"]).itemsize
    for segment, name in enumerate(kwargs["file_paths"]):
        yield from _traces_gaps(folder / Path(name).name, step, folder, segment)


def _traces_gaps(traces: Path, step: int, folder: Path, segment: int) -> Iterator[str]:
    n_samples, rest = divmod(size_of(traces), step)
    if n_samples == 0:
        yield f"{traces}: has no samples yet"
    if rest:
        yield f"{traces}: does not hold a whole number of samples of {count(step, 'byte')}"
    for file in folder.glob("times_cached_seg*.npy"):
        match = _TIMES.match(file.name)
        if match and int(match[1]) == segment and npy_length(file) != n_samples:
            yield f"{file}: has {npy_length(file):,} times for {count(n_samples, 'sample')}"
