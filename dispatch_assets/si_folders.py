"""What SpikeInterface itself writes: binary folders, Zarr stores, JSON files. Look before loading.

SpikeInterface loads these by importing the class that the file names and by unpickling some
properties; session folders come from rigs, so every file is checked before it is loaded.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dispatch_assets import zarr_store
from dispatch_assets.errors import DispatchError, StreamError, count
from dispatch_assets.input_format import FIX_OR_MOVE, reading
from dispatch_assets.models import Reason
from dispatch_assets.npy import npy_length
from dispatch_assets.recording_json import check_trusted

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

Kind = Literal["recording", "sorting", "pickle", "damaged"]
_PICKLES = (".pkl", ".pickle")
_METADATA = ("si_folder.json", "cached.json", "binary.json")
_SEGMENT = re.compile(r"seg(\d+)")


def kind_of(path: Path) -> Kind | None:
    """Say what `path` holds, from its metadata alone; None if SpikeInterface did not write it."""
    if path.is_dir():
        return _kind_of_zarr(path) if zarr_store.is_zarr(path) else _kind_of_folder(path)
    if path.suffix in _PICKLES:
        return "pickle"
    if path.suffix != ".json" or not path.is_file():
        return None
    described = _load_json(path)
    if not isinstance(described, dict) or not {"class", "kwargs"} <= described.keys():
        return None
    return _kind_of_class(described)


def _kind_of_zarr(path: Path) -> Kind | None:
    if (path / "unit_ids").is_dir():
        return "sorting"
    if (path / "channel_ids").is_dir() and any(path.glob("traces_seg*")):
        return "recording"
    return None


def _kind_of_folder(path: Path) -> Kind | None:
    for name in _METADATA:
        if (path / name).is_file():
            described = _load_json(path / name)
            return _kind_of_class(described) if isinstance(described, dict) else "damaged"
    return "pickle" if any((path / f"cached{p}").is_file() for p in _PICKLES) else None


def _kind_of_class(described: dict[str, Any]) -> Kind:
    name = str(described.get("class", "")).rpartition(".")[2]
    return "sorting" if "Sorting" in name else "recording"


def _load_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None  # kind_of reports it as damaged or as not SpikeInterface's


def files_of(path: Path, data_folder: Path, segment: int) -> tuple[Path, ...]:
    """Return the raw files of a segment: in a folder all but those of other segments."""
    if path.is_dir():
        numbers = {p: _SEGMENT.search(p.name) for p in sorted(path.iterdir())}
        return tuple(p for p, n in numbers.items() if n is None or int(n[1]) == segment)
    named = _named_paths(_load_json(path), _base_folder(path, data_folder))
    return (path, *(p for p in named if p.exists()))


def damage(path: Path, data_folder: Path, segment: int) -> StreamError | None:
    """Return what is missing from the traces or times of a segment, or None.

    A Zarr store would read missing chunks as zeros, a binary folder would do without the rest.
    Any segment of what a JSON file points to counts: its own may be made of several.
    """
    if path.is_dir():
        return _damage_of_segment(path, segment)
    folders = _named_paths(_load_json(path), _base_folder(path, data_folder))
    numbers = ((f, _SEGMENT.search(p.name)) for f in folders if f.is_dir() for p in f.iterdir())
    found = (_damage_of_segment(f, int(n[1])) for f, n in numbers if n is not None)
    return next((d for d in found if d is not None), None)


def _damage_of_segment(path: Path, segment: int) -> StreamError | None:
    arrays = [path / f"{kind}_seg{segment}" for kind in ("traces", "times")]
    n_missing = sum(zarr_store.n_missing_chunks(a) for a in arrays if (a / ".zarray").is_file())
    if n_missing:
        what = f"{count(n_missing, 'chunk is', 'chunks are')} missing, and would be read as zeros"
        return StreamError(what, path, FIX_OR_MOVE, Reason.TRUNCATED)
    described, traces = _load_json(path / "binary.json"), path / f"traces_cached_seg{segment}.raw"
    if isinstance(described, dict) and traces.is_file():
        about = described["kwargs"]
        n_channels = int(about.get("num_channels") or about["num_chan"])
        size, step = traces.stat().st_size, n_channels * np.dtype(about["dtype"]).itemsize
        if size % step:
            n_bytes, channels = count(size, "byte is", "bytes are"), count(n_channels, "channel")
            what = f"{n_bytes} not a whole number of samples of {channels}"
            return StreamError(what, traces, FIX_OR_MOVE, Reason.TRUNCATED)
    return None


def load(path: Path, data_folder: Path, *, anywhere: bool) -> BaseRecording:
    """Load a recording that SpikeInterface wrote, after checking it.

    Parameters
    ----------
    path
        Binary folder, Zarr store or JSON file.
    data_folder
        What relative paths in a JSON file are relative to.
    anywhere
        Whether a JSON file may point to data outside of `data_folder`.

    Raises
    ------
    StreamError
        If it is damaged, or asks for something that is refused.
    """
    try:
        check(path, data_folder, anywhere=anywhere)
    except StreamError:
        raise
    except DispatchError as e:
        raise StreamError(e.what, e.where, e.remedy, Reason.REFUSED) from e
    with reading(path):
        return _load(path, data_folder)


def _load(path: Path, data_folder: Path) -> BaseRecording:
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
        loaded = load(_with_absolute_paths(_load_json(path / "cached.json"), path))
    else:
        described = _with_absolute_paths(_load_json(path), _base_folder(path, data_folder))
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


def check(path: Path, data_folder: Path, *, anywhere: bool) -> None:
    """Refuse what would run code, and what leads out of the data folder without permission.

    Raises
    ------
    UntrustedDataError, StreamError
        Saying what was refused.
    """
    if zarr_store.is_zarr(path):
        zarr_store.check_store(path)
    elif path.is_dir():
        for file in sorted((path / "properties").glob("*.npy")):
            npy_length(file)  # refuses pickled objects, which SpikeInterface would load
        for file in (path / name for name in _METADATA if (path / name).is_file()):
            described = _load_json(file)
            check_trusted(described, file)
            _check_inside(_named_paths(described, path), (path,), file)
    elif path.suffix == ".json":
        described = _load_json(path)
        check_trusted(described, path)
        named = _named_paths(described, _base_folder(path, data_folder))
        if not anywhere:
            _check_inside(named, (data_folder, path.parent), path)
        for folder in (p for p in named if p.is_dir()):
            check(folder, data_folder, anywhere=anywhere)


def _base_folder(file: Path, data_folder: Path) -> Path:
    """Return what a JSON file's relative paths are relative to: the data folder, or its own."""
    for folder in (data_folder, file.parent):
        if any(p.exists() for p in _named_paths(_load_json(file), folder)):
            return folder
    return data_folder


def _named_paths(described: object, base: Path, name: str = "") -> tuple[Path, ...]:
    """Return every path that a recording's description names, as SpikeInterface finds them."""
    if isinstance(described, dict):
        return tuple(p for k, v in described.items() for p in _named_paths(v, base, str(k)))
    if isinstance(described, list):
        return tuple(p for v in described for p in _named_paths(v, base, name))
    if not isinstance(described, str) or "path" not in name or not described:
        return ()
    return (Path(described) if "://" in described else base / described,)


def _with_absolute_paths(described: object, base: Path) -> dict[str, Any]:
    """Return a description whose paths begin with `base` as it is spelled.

    SpikeInterface itself would resolve symbolic links, and the job would name another place.
    """
    from spikeinterface.core.core_tools import (
        element_is_path,
        extractor_dict_iterator,
        set_value_in_extractor_dict,
    )

    if not isinstance(described, dict):
        raise TypeError("holds no JSON object")
    if not described.get("relative_paths"):
        return described
    for element in list(extractor_dict_iterator(described)):
        if element_is_path(element) and (base / element.value).exists():
            path = os.path.normpath(base / element.value)
            set_value_in_extractor_dict(described, element.access_path, path)
    return described | {"relative_paths": False}


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
