"""What SpikeInterface itself writes: binary folders, Zarr stores, JSON files. Look before loading.

SpikeInterface loads these by importing the class that the file names and by unpickling some
properties; session folders come from rigs, so every file is checked before it is loaded.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dispatch_assets import zarr_store
from dispatch_assets.errors import DispatchError, StreamError, count
from dispatch_assets.models import Reason
from dispatch_assets.npy import npy_length
from dispatch_assets.reading import FIX_OR_MOVE, reading
from dispatch_assets.recording_json import check_trusted
from dispatch_assets.si_descriptions import Descriptions, named_paths

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

Kind = Literal["recording", "sorting", "pickle", "damaged"]
_PICKLES = (".pkl", ".pickle")
_METADATA = ("si_folder.json", "cached.json", "binary.json")
_SEGMENT = re.compile(r"seg(\d+)")


def kind_of(path: Path, read: Descriptions) -> Kind | None:
    """Say what `path` holds, from its metadata alone; None if SpikeInterface did not write it."""
    if path.is_dir():
        return _kind_of_zarr(path) if zarr_store.is_zarr(path) else _kind_of_folder(path, read)
    if path.suffix in _PICKLES:
        return "pickle"
    if path.suffix != ".json" or not path.is_file():
        return None
    described = read.json(path)
    if not isinstance(described, dict) or not {"class", "kwargs"} <= described.keys():
        return None
    return _kind_of_class(described)


def _kind_of_zarr(path: Path) -> Kind | None:
    if (path / "unit_ids").is_dir():
        return "sorting"
    if (path / "channel_ids").is_dir() and any(path.glob("traces_seg*")):
        return "recording"
    return None


def _kind_of_folder(path: Path, read: Descriptions) -> Kind | None:
    for name in _METADATA:
        if (path / name).is_file():
            described = read.json(path / name)
            return _kind_of_class(described) if isinstance(described, dict) else "damaged"
    return "pickle" if any((path / f"cached{p}").is_file() for p in _PICKLES) else None


def _kind_of_class(described: dict[str, Any]) -> Kind:
    name = str(described.get("class", "")).rpartition(".")[2]
    return "sorting" if "Sorting" in name else "recording"


def files_of(path: Path, data_folder: Path, read: Descriptions, segment: int) -> tuple[Path, ...]:
    """Return the raw files of a segment: in a folder all but those of other segments."""
    if path.is_dir():
        numbers = {p: _SEGMENT.search(p.name) for p in sorted(path.iterdir())}
        return tuple(p for p, n in numbers.items() if n is None or int(n[1]) == segment)
    named = named_paths(read.json(path), read.base_folder(path, data_folder))
    return (path, *(p for p in named if p.exists()))


def damage(path: Path, data_folder: Path, read: Descriptions, segment: int) -> StreamError | None:
    """Return what is missing from the traces or times of a segment, or None.

    A Zarr store would read missing chunks as zeros, a binary folder would do without the rest.
    Any segment of what a JSON file points to counts: its own may be made of several.
    """
    if path.is_dir():
        return _damage_of_segment(path, read, segment)
    folders = named_paths(read.json(path), read.base_folder(path, data_folder))
    numbers = ((f, _SEGMENT.search(p.name)) for f in folders if f.is_dir() for p in f.iterdir())
    found = (_damage_of_segment(f, read, int(n[1])) for f, n in numbers if n is not None)
    return next((d for d in found if d is not None), None)


def _damage_of_segment(path: Path, read: Descriptions, segment: int) -> StreamError | None:
    arrays = read.arrays(path) if zarr_store.is_zarr(path) else {}
    found = [path / f"{kind}_seg{segment}" for kind in ("traces", "times")]
    n_missing = sum(zarr_store.n_missing_chunks(a, arrays[a]) for a in found if a in arrays)
    if n_missing:
        what = f"{count(n_missing, 'chunk is', 'chunks are')} missing, and would be read as zeros"
        return StreamError(what, path, FIX_OR_MOVE, Reason.TRUNCATED)
    described, traces = read.json(path / "binary.json"), path / f"traces_cached_seg{segment}.raw"
    if isinstance(described, dict) and traces.is_file():
        about = described["kwargs"]
        n_channels = int(about.get("num_channels") or about["num_chan"])
        size, step = traces.stat().st_size, n_channels * np.dtype(about["dtype"]).itemsize
        if size % step:
            n_bytes, channels = count(size, "byte is", "bytes are"), count(n_channels, "channel")
            what = f"{n_bytes} not a whole number of samples of {channels}"
            return StreamError(what, traces, FIX_OR_MOVE, Reason.TRUNCATED)
    return None


def load(path: Path, data_folder: Path, read: Descriptions, *, anywhere: bool) -> BaseRecording:
    """Load a recording that SpikeInterface wrote, after checking it.

    Parameters
    ----------
    path
        Binary folder, Zarr store or JSON file.
    data_folder
        What relative paths in a JSON file are relative to.
    read
        What was read of the session before.
    anywhere
        Whether a JSON file may point to data outside of `data_folder`.

    Raises
    ------
    StreamError
        If it is damaged, or asks for something that is refused.
    """
    try:
        check(path, data_folder, read, anywhere=anywhere)
    except StreamError:
        raise
    except DispatchError as e:
        raise StreamError(e.what, e.where, e.remedy, Reason.REFUSED) from e
    with reading(path):
        return _load(path, data_folder, read)


def _load(path: Path, data_folder: Path, read: Descriptions) -> BaseRecording:
    """Load what was checked, and only that.

    ``spikeinterface.load`` would guess again what a folder is, and unpickle it if it guesses so.
    """
    from spikeinterface.core import BaseRecording, load, read_binary_folder
    from spikeinterface.core.zarrextractors import read_zarr_recording

    if zarr_store.is_zarr(path):
        loaded = read_zarr_recording(path)
    elif (path / "binary.json").is_file():
        loaded = read_binary_folder(path)
    elif path.is_dir():
        loaded = load(read.absolute(path / "cached.json", path))
    else:
        described = read.absolute(path, read.base_folder(path, data_folder))
        loaded = load(described)
        _restore_times(loaded, described)
    if not isinstance(loaded, BaseRecording):
        raise TypeError(f"holds a {type(loaded).__name__}, not a recording")
    return loaded


def _restore_times(recording: BaseRecording, described: dict[str, Any]) -> None:
    """Set the times that a JSON file holds: SpikeInterface 0.105 loads them as a mere list."""
    for segment, times in enumerate(described.get("times_kwargs") or ()):
        if times.get("time_vector") is not None:
            vector = np.asarray(times["time_vector"], dtype=float)
            recording.set_times(vector, segment_index=segment)


def check(path: Path, data_folder: Path, read: Descriptions, *, anywhere: bool) -> None:
    """Refuse what would run code, and what leads out of the data folder without permission.

    Raises
    ------
    UntrustedDataError, StreamError
        Saying what was refused.
    """
    if zarr_store.is_zarr(path):
        read.arrays(path)
    elif path.is_dir():
        for file in sorted((path / "properties").glob("*.npy")):
            npy_length(file)  # refuses pickled objects, which SpikeInterface would load
        for file in (path / name for name in _METADATA if (path / name).is_file()):
            described = read.json(file)
            check_trusted(described, file)
            _check_inside(named_paths(described, path), (path,), file)
    elif path.suffix == ".json":
        described = read.json(path)
        check_trusted(described, path)
        named = named_paths(described, read.base_folder(path, data_folder))
        if not anywhere:
            _check_inside(named, (data_folder, path.parent), path)
        for folder in (p for p in named if p.is_dir()):
            check(folder, data_folder, read, anywhere=anywhere)


def _check_inside(paths: tuple[Path, ...], folders: tuple[Path, ...], where: Path) -> None:
    homes = [folder.resolve() for folder in folders]
    for path in paths:
        if not any(path.resolve().is_relative_to(home) for home in homes):
            what = f"points to {path}, which lies outside of {folders[0]}"
            remedy = (
                "If you trust the file, say so with input 'spikeinterface' and reader_type "
                f"'spikeinterface'. Otherwise: {FIX_OR_MOVE}"
            )
            raise StreamError(what, where, remedy, Reason.REFUSED)
