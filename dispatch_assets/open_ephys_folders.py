"""The folders that Open Ephys writes in binary format: what is where, and whether it is whole.

The layout is ``[Record Node NNN/]experimentE/recordingR/structure.oebin`` with one folder per
stream below ``continuous/``.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from dispatch_assets.errors import SessionError, StreamError
from dispatch_assets.models import Reason
from dispatch_assets.naming import natural_key
from dispatch_assets.npy import NpyFile, npy_length, open_npy
from dispatch_assets.reading import FIX_OR_MOVE, reading

MAX_DEPTH = 5
_BYTES_PER_SAMPLE = 2  # Open Ephys stores 16-bit integers
_RECORDING = re.compile(r"^recording(\d+)$")
_EXPERIMENT = re.compile(r"^experiment(\d+)$")


@dataclass(frozen=True)
class RecordingFolder:
    """One ``recordingR`` folder."""

    path: Path
    node: str  # "Record Node 101", or empty for folders without nodes
    experiment: int
    recording: int

    @property
    def settings(self) -> Path:
        """The settings file of its experiment."""
        name = "settings.xml" if self.experiment == 1 else f"settings_{self.experiment}.xml"
        return self.path.parents[1] / name


@dataclass(frozen=True)
class Stream:
    """One continuous stream of one recording folder, as structure.oebin describes it."""

    folder: RecordingFolder
    name: str  # "Record Node 101#Neuropix-PXI-100.ProbeA-AP"
    processor: str
    rate_hz: float
    channels: tuple[dict[str, Any], ...] = field(compare=False, repr=False)

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of its channels, in the order of the data."""
        return tuple(str(c["channel_name"]) for c in self.channels)

    @property
    def path(self) -> Path:
        """Folder of the stream's files."""
        return self.folder.path / "continuous" / self.name.rpartition("#")[2]

    @property
    def sync_times(self) -> Path | None:
        """The file of synchronised times in seconds, or None."""
        if (self.path / "sample_numbers.npy").is_file():  # GUI 0.6 and later
            times = self.path / "timestamps.npy"
        else:  # before, timestamps.npy held sample numbers
            times = self.path / "synchronized_timestamps.npy"
        return times if times.is_file() else None

    @functools.cached_property
    def sample_numbers(self) -> NpyFile | None:
        """The acquisition's sample counter, as neo finds it, or None; looked up once.

        Raises
        ------
        StreamError
            If its file is damaged.
        """
        files = (self.path / "sample_numbers.npy", self.path / "timestamps.npy")
        file = next((f for f in files if f.is_file()), None)
        return open_npy(file) if file is not None else None


def recording_folders(root: Path, max_depth: int = MAX_DEPTH) -> list[RecordingFolder]:
    """Find the recording folders below `root`, in order of node, experiment and recording."""
    found = [_recording_folder(f) for f in _oebin_files(root, max_depth)]
    return sorted(
        (f for f in found if f is not None),
        key=lambda f: (natural_key(f.node), f.experiment, f.recording, f.path),
    )


def _oebin_files(folder: Path, max_depth: int) -> Iterator[Path]:
    if (folder / "structure.oebin").is_file():
        yield folder / "structure.oebin"
    elif max_depth > 0:
        try:
            children = sorted(p for p in folder.iterdir() if p.is_dir())
        except OSError as e:
            what = f"cannot be listed ({e.strerror})"
            raise SessionError(what, folder, "Check its permissions") from e
        for child in children:
            yield from _oebin_files(child, max_depth - 1)


def _recording_folder(oebin: Path) -> RecordingFolder | None:
    folder = oebin.parent
    recording, experiment = _RECORDING.match(folder.name), _EXPERIMENT.match(folder.parent.name)
    if recording is None or experiment is None:
        return None
    node = folder.parents[1].name
    node = node if node.startswith("Record") else ""
    return RecordingFolder(folder, node, int(experiment[1]), int(recording[1]))


def streams(folder: RecordingFolder) -> list[Stream]:
    """Return the continuous streams that a recording's structure.oebin names.

    Raises
    ------
    StreamError
        If it is damaged.
    """
    oebin = folder.path / "structure.oebin"
    prefix = f"{folder.node}#" if folder.node else ""
    with reading(oebin):
        structure: dict[str, Any] = json.loads(oebin.read_text(encoding="utf-8"))
        return [
            Stream(
                folder,
                prefix + str(info["folder_name"]).split("/")[0],
                str(info.get("source_processor_name", info["folder_name"])),
                float(info["sample_rate"]),
                tuple({**c, "channel_name": str(c["channel_name"])} for c in info["channels"]),
            )
            for info in structure.get("continuous", [])
        ]


def _missing(stream: Stream) -> StreamError:
    what = "structure.oebin names this stream, but its file is missing"
    return StreamError(what, stream.path / "continuous.dat", FIX_OR_MOVE, Reason.MISSING_FILE)


def _cut(stream: Stream) -> StreamError:
    dat = stream.path / "continuous.dat"
    n_channels = len(stream.channel_names)
    what = f"{dat.stat().st_size} bytes are not a whole number of samples of {n_channels} channels"
    return StreamError(what, dat, FIX_OR_MOVE, Reason.TRUNCATED)


def _no_counter(stream: Stream, consequence: str) -> StreamError:
    what = f"is missing, so that {consequence}"
    return StreamError(what, stream.path / "sample_numbers.npy", FIX_OR_MOVE, Reason.MISSING_FILE)


_UNCOUNTED = "nothing says how many samples there should be"
# neo 0.14 takes timestamps.npy for the counter then, and seconds for sample numbers
_MISCOUNTED = "its synchronised times would be taken for sample numbers"


def check_files(stream: Stream) -> tuple[StreamError | None, str | None]:
    """Compare the lengths of a stream's files: a problem of the data, one of the times."""
    try:
        problem = _data_problem(stream)
        return (problem, None) if problem is not None else (None, _times_problem(stream))
    except StreamError as e:
        return e, None


def _n_samples(stream: Stream) -> tuple[int, int]:
    """Return the number of whole samples of the data, and how many bytes are left over."""
    size = (stream.path / "continuous.dat").stat().st_size
    return divmod(size, len(stream.channel_names) * _BYTES_PER_SAMPLE)


def _data_problem(stream: Stream) -> StreamError | None:
    dat, counter = stream.path / "continuous.dat", stream.sample_numbers
    if not dat.is_file():
        return _missing(stream)
    n_samples, rest = _n_samples(stream)
    if rest:
        return _cut(stream)
    if counter is not None and n_samples < len(counter):
        what = f"{n_samples} samples on disk, {len(counter)} according to {counter.path.name}"
        return StreamError(what, dat, FIX_OR_MOVE, Reason.TRUNCATED)
    if n_samples == 0:
        return StreamError("the stream has no samples", dat, "", Reason.EMPTY)
    if counter is None:
        return _no_counter(stream, _UNCOUNTED)
    return _no_counter(stream, _MISCOUNTED) if counter.dtype.kind == "f" else None


def _times_problem(stream: Stream) -> str | None:
    n_samples, _ = _n_samples(stream)
    n_times = npy_length(stream.sync_times) if stream.sync_times is not None else n_samples
    return f"{n_times} timestamps for {n_samples} samples" if n_times != n_samples else None


def first_damage(folder: RecordingFolder) -> StreamError | None:
    """Return what is wrong with the first file that keeps neo from opening a recording folder.

    neo 0.14 (``rawio/openephysbinaryrawio.py``) opens the data and the sample counter of every
    stream, and all arrays of the events, which must have timestamps.
    """
    return next(chain(_damaged_streams(folder), _damaged_events(folder)), None)


def _damaged_streams(folder: RecordingFolder) -> Iterator[StreamError]:
    for stream in streams(folder):
        if not stream.path.is_dir():
            continue  # neo does without it
        dat = stream.path / "continuous.dat"
        if not dat.is_file():
            yield _missing(stream)
        elif dat.stat().st_size % _BYTES_PER_SAMPLE:  # neo takes any even number for data
            yield _cut(stream)
        try:
            if stream.sample_numbers is None:
                yield _no_counter(stream, _UNCOUNTED)
        except StreamError as e:
            yield e


def _damaged_events(folder: RecordingFolder) -> Iterator[StreamError]:
    arrays = sorted((folder.path / "events").rglob("*.npy"))
    for file in arrays:
        yield from _damaged_array(file)
    for events in sorted({f.parent for f in arrays}):
        if not (events / "timestamps.npy").is_file():
            what = "is missing, though there are other arrays of these events"
            yield StreamError(what, events / "timestamps.npy", FIX_OR_MOVE, Reason.MISSING_FILE)


def _damaged_array(file: Path) -> Iterator[StreamError]:
    try:
        npy_length(file)
    except StreamError as e:
        yield e
