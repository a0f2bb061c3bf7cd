"""Facts on a session from the NWB file that holds its traces, HDF5 or Zarr.

Read with h5py and zarr, value by value: pynwb would follow the file's links to other files, and
unpickle the object references of a Zarr store.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dispatch_assets import zarr_store
from dispatch_assets.errors import StreamError
from dispatch_assets.sorting.nwb.facts import GENERAL, Gathered, SessionFacts, plain_text
from dispatch_assets.sorting.params import SUBJECT_FIELDS

_MAX_VALUES = 50
Read = Callable[[str], list[object]]


def is_nwb(path: Path) -> bool:
    """Return whether a raw path is an NWB file, by its name."""
    return path.name.endswith((".nwb", ".nwb.zarr"))


def nwb_facts(path: Path, timezone: str) -> SessionFacts:
    """Return what an NWB file says about its session.

    Parameters
    ----------
    path
        HDF5 file or Zarr store.
    timezone
        IANA name of the zone of times that have none; empty for UTC.
    """
    gathered = Gathered(timezone)
    try:
        if path.is_dir():
            _gather(gathered, _zarr_reader(path))
        else:
            import h5py

            with h5py.File(path, "r") as file:
                _gather(gathered, _hdf5_reader(file))
    except (OSError, ValueError, KeyError, RuntimeError, StreamError) as e:
        gathered.warnings.append(f"{path.name}: its metadata cannot be read ({type(e).__name__})")
    return gathered.facts()


def _gather(to: Gathered, read: Read) -> None:
    def text(name: str) -> str:
        return plain_text(next(iter(read(name)), None))

    to.set_start(text("session_start_time") or None, "the NWB file")
    reference = Gathered(to.timezone)
    reference.set_start(text("timestamps_reference_time") or None, "the NWB file")
    to.reference_time = reference.start
    for name in SUBJECT_FIELDS:
        to.set_subject(name, text(f"general/subject/{name}"))
    for name in GENERAL:
        to.set_general(name, text(f"general/{name}"))
    to.experimenter = [t for v in read("general/experimenter") if (t := plain_text(v))]
    to.keywords = [t for v in read("general/keywords") if (t := plain_text(v))]


def _hdf5_reader(file: Any) -> Read:  # noqa: ANN401 - h5py has no types
    import h5py

    def read(name: str) -> list[object]:
        node = file
        for part in name.split("/"):
            if not isinstance(node, h5py.Group) or part not in node:
                return []
            if isinstance(node.get(part, getlink=True), h5py.ExternalLink):
                return []
            node = node[part]
        if not isinstance(node, h5py.Dataset) or node.size > _MAX_VALUES:
            return []
        if node.is_virtual or node.external:  # values that stand in other files
            return []
        return list(node[()]) if node.ndim == 1 else [node[()]] if node.ndim == 0 else []

    return read


def _zarr_reader(path: Path) -> Read:
    import zarr

    def read(name: str) -> list[object]:
        if not (path / name / ".zarray").is_file():
            return []
        zarr_store.check_store(path / name)  # nothing is unpickled
        array = zarr.open_array(str(path / name), mode="r")
        return list(array[:]) if array.ndim == 1 and array.size <= _MAX_VALUES else []

    return read
