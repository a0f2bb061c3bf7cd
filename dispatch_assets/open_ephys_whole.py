"""Whether Open Ephys recordings are complete: the files of each stream agree about its length.

The GUI writes ``continuous.dat`` and its ``.npy`` files side by side, block by block, and their
headers last; a copy brings them one after the other. Used by the formats ``openephys`` and
``aind``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from dispatch_assets.errors import count
from dispatch_assets.npy import NpyFile, open_npy
from dispatch_assets.open_ephys_folders import (
    MAX_DEPTH,
    RecordingFolder,
    Stream,
    first_damage,
    recording_folders,
    streams,
)
from dispatch_assets.whole_files import check_end, json_object, size_of

_BYTES_PER_SAMPLE = 2  # Open Ephys stores 16-bit integers
_OEBIN = "structure.oebin"
_DEPTH_OF_DATA = 2  # recordingR / continuous / <stream>


def recordings_gaps(root: Path) -> Iterator[str]:
    """Yield what is missing from the recordings below `root`, as clauses.

    Raises
    ------
    StreamError, SessionError
        If a file or folder cannot be read, or is not whole.
    """
    yield from descriptions_gaps(root)
    for folder in recording_folders(root):
        for stream in streams(folder):
            yield from _stream_gaps(stream)
        yield from _events_gaps(folder)
        damage = first_damage(folder)
        if damage is not None:
            yield f"{damage.where}: {damage.what}"


def descriptions_gaps(root: Path) -> Iterator[str]:
    """Yield what is missing from the descriptions of the recordings below `root`.

    Raises
    ------
    StreamError
        If a file is missing, cannot be read, or is not whole.
    """
    folders = recording_folders(root)
    described = {str(f.path) for f in folders}
    for dat in _data_files(str(root), MAX_DEPTH + _DEPTH_OF_DATA):
        if str(Path(dat).parents[_DEPTH_OF_DATA]) not in described:
            yield f"{dat}: there is no {_OEBIN} for it yet"
    for folder in folders:
        json_object(folder.path / _OEBIN)
        check_end(folder.settings, b"</SETTINGS>")


def _data_files(folder: str, depth: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        children = sorted(entries, key=lambda e: e.name)
    for entry in children:
        if entry.name == "continuous.dat":
            yield entry.path
        elif depth > 0 and entry.is_dir(follow_symlinks=False):
            yield from _data_files(entry.path, depth - 1)


def _events_gaps(folder: RecordingFolder) -> Iterator[str]:
    events = json_object(folder.path / _OEBIN).get("events")
    for about in events if isinstance(events, list) else ():
        name = str(about.get("folder_name", "")) if isinstance(about, dict) else ""
        times = folder.path / "events" / name / "timestamps.npy"
        if name and ".." not in name and not times.is_file():
            yield f"{times}: is missing, though {_OEBIN} names these events"


def _stream_gaps(stream: Stream) -> Iterator[str]:
    dat = stream.path / "continuous.dat"
    n_channels = len(stream.channel_names)
    if not n_channels:
        yield f"{stream.folder.path / _OEBIN}: gives {stream.path.name} no channels"
        return
    n_samples, rest = divmod(size_of(dat), n_channels * _BYTES_PER_SAMPLE)
    if rest:
        yield f"{dat}: does not hold a whole number of samples of {count(n_channels, 'channel')}"
    counter = stream.sample_numbers
    if counter is None or counter.dtype.kind == "f":  # seconds, which GUI 0.6 and later write
        yield f"{stream.path / 'sample_numbers.npy'}: is missing"
        return
    for array in (counter, *_times(stream)):
        size = size_of(array.path)
        if size != array.offset + _n_bytes(array):
            yield f"{array.path}: its header does not fit its {count(size, 'byte')}"
        elif len(array) != n_samples:
            has = f"{array.path.name} has {len(array):,} values"
            yield f"{dat}: holds {count(n_samples, 'sample')}, while {has}"


def _times(stream: Stream) -> Iterator[NpyFile]:
    counter = stream.sample_numbers
    if counter is not None and counter.path.name == "sample_numbers.npy":
        yield open_npy(stream.path / "timestamps.npy")  # the GUI writes both, or neither
    elif stream.sync_times is not None:
        yield open_npy(stream.sync_times)


def _n_bytes(array: NpyFile) -> int:
    n = array.dtype.itemsize
    for length in array.shape:
        n *= length
    return n
