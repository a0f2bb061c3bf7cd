"""The files of a SpikeGLX run: where they are, and what each .meta file says of its .bin file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.errors import SessionError, StreamError, count
from dispatch_assets.models import Reason
from dispatch_assets.reading import FIX_OR_MOVE, reading

META = re.compile(r"\.(imec\d*\.(ap|lf)|nidq|obx\d*\.obx)\.meta$")
BIN = re.compile(META.pattern.replace("meta", "bin"))
_GATE_AND_TRIGGER = re.compile(r"_g(\d+)_t(?:(\d+)|cat)\.")
_BYTES_PER_SAMPLE = 2  # SpikeGLX stores 16-bit integers


@dataclass(frozen=True)
class MetaFile:
    """One .meta file and what it says.

    Attributes
    ----------
    meta
        The file.
    stream
        Device and band.
    order
        Gate and trigger; -1 where the name has none.
    n_sync
        Number of sync channels.
    problem
        What is wrong with it or with the .bin file beside it, or None.
    """

    meta: Path
    stream: str
    order: tuple[int, int]
    n_sync: int = 0
    problem: StreamError | None = None

    @property
    def bin(self) -> Path:
        """Where the samples are."""
        return self.meta.with_suffix(".bin")


def files_in(root: Path, max_depth: int, pattern: re.Pattern[str] = META) -> Iterator[Path]:
    """Yield the .meta (or .bin) files below `root`, shallow ones first, in sorted order.

    Raises
    ------
    SessionError
        If a folder cannot be listed.
    """
    try:
        entries = sorted(os.scandir(root), key=lambda e: e.name)
    except OSError as e:
        raise SessionError(f"cannot be listed ({e.strerror})", root, "Check its permissions") from e
    for entry in entries:
        if pattern.search(entry.name) and entry.is_file():
            yield Path(entry.path)
    if max_depth > 1:
        for entry in entries:
            if entry.is_dir():
                yield from files_in(Path(entry.path), max_depth - 1, pattern)


def parse_meta(meta: Path) -> MetaFile:
    """Read one .meta file; what is wrong with it becomes the file's problem."""
    from neo.rawio.spikeglxrawio import extract_stream_info, read_meta_file

    by_name = META.search(meta.name)
    stream = by_name.group(1).removesuffix(".obx") if by_name else meta.stem
    order = _order(meta.name)
    try:
        with reading(meta):
            fields = read_meta_file(meta)
            info = extract_stream_info(meta, fields)
            stream, n_channels = str(info["stream_name"]), int(info["num_chan"])
            n_sync = sum("SY" in name for name in info["channel_names"])
        problem = _size_problem(meta.with_suffix(".bin"), fields, n_channels)
    except StreamError as e:
        return MetaFile(meta, stream, order, problem=e)
    return MetaFile(meta, stream, order, n_sync, problem)


def _order(name: str) -> tuple[int, int]:
    """Return (gate, trigger) in a file's name; what is no number (``tcat``) comes first.

    neo orders segments so, too, but finds no gate in CatGT's names of NI files.
    """
    found = _GATE_AND_TRIGGER.search(name)
    return (-1, -1) if found is None else (int(found[1]), int(found[2] or -1))


def _size_problem(bin_file: Path, fields: dict[str, str], n_channels: int) -> StreamError | None:
    """Compare the .bin file with what its .meta file promises."""
    if not bin_file.exists():
        compressed = bin_file.with_suffix(".cbin").exists()
        remedy = (
            "Decompress it, or read it with input 'spikeinterface' and "
            "reader_type 'compressedbinaryibl'"
            if compressed
            else FIX_OR_MOVE
        )
        what = "there is a .meta file but no .bin file"
        return StreamError(what, bin_file, remedy, Reason.MISSING_FILE)
    size = bin_file.stat().st_size
    expected = fields.get("fileSizeBytes", "")
    if expected.isdecimal() and size < int(expected):
        what = f"{count(size, 'byte')} on disk, {int(expected):,} according to its .meta file"
        return StreamError(what, bin_file, FIX_OR_MOVE, Reason.TRUNCATED)
    if size % (n_channels * _BYTES_PER_SAMPLE):
        n_bytes, channels = count(size, "byte is", "bytes are"), count(n_channels, "channel")
        what = f"{n_bytes} not a whole number of samples of {channels}"
        return StreamError(what, bin_file, FIX_OR_MOVE, Reason.TRUNCATED)
    return None
