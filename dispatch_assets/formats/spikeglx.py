"""SpikeGLX: pairs of ``.bin`` and ``.meta`` files, one per device, band, gate and trigger.

A stream (``imec0.ap``) is one device and band; its segments are the (gate, trigger) pairs of the
session, in order, so that the same segment number means the same trigger on every probe. Each
probe folder is opened by itself: what is wrong with one probe does not concern the others.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dispatch_assets.errors import SessionError, StreamError
from dispatch_assets.input_format import (
    FIX_OR_MOVE,
    Evidence,
    InputFormat,
    SkippedStream,
    Source,
    SourceRecording,
    SourceSegment,
    reading,
)
from dispatch_assets.models import Reason, Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import DispatchParams

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

MAX_DEPTH = 3  # session / run_g0 / run_g0_imec0 / *.meta
_META = re.compile(r"\.(imec\d*\.(ap|lf)|nidq|obx\d*\.obx)\.meta$")
_GATE_AND_TRIGGER = re.compile(r"_g(\d+)_t(\d+)\.")
_PROBE_FOLDER = re.compile(r"_(imec|obx)\d*$")
_BYTES_PER_SAMPLE = 2  # SpikeGLX stores 16-bit integers


@dataclass(frozen=True)
class _File:
    """One .meta file and what it says."""

    meta: Path
    stream: str
    order: tuple[int, int]  # gate, trigger; -1 where the name has none
    has_sync: bool = False
    problem: StreamError | None = None

    @property
    def bin(self) -> Path:
        return self.meta.with_suffix(".bin")


class SpikeGLX(InputFormat):
    """Folders written by SpikeGLX (Neuropixels 1.0, 2.0, Ultra, OneBox, phase 3A)."""

    name: ClassVar[str] = "spikeglx"

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        if not path.is_dir():
            return Evidence(False, None, "not a folder")
        for meta in _meta_files(path, MAX_DEPTH - 1):
            parent = meta.parent
            direct = parent == path or (
                parent.parent == path and _PROBE_FOLDER.search(parent.name) is not None
            )
            return Evidence(True, meta, "a SpikeGLX metadata file", nested=not direct)
        return Evidence(False, None, "no *.ap.meta, *.lf.meta, *.nidq.meta or *.obx.meta in it")

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        root = Path(session.path)
        files = [_parse(meta) for meta in _meta_files(root, MAX_DEPTH)]
        if not files:
            remedy = "Check that the run folder was copied completely"
            raise SessionError("no SpikeGLX .meta file in it", root, remedy)
        segments = {order: i for i, order in enumerate(sorted({f.order for f in files}))}
        streams: dict[str, list[_File]] = defaultdict(list)
        for file in sorted(files, key=lambda f: (f.order, f.meta)):
            streams[file.stream].append(file)
        for stream in sorted(streams, key=natural_key):
            yield from _sources(stream, streams, segments)
        yield from _orphans(root, {f.bin for f in files})


def _meta_files(root: Path, max_depth: int) -> Iterator[Path]:
    """Yield the .meta files below `root`, shallow ones first, in sorted order."""
    try:
        entries = sorted(os.scandir(root), key=lambda e: e.name)
    except OSError as e:
        raise SessionError(f"cannot be listed ({e.strerror})", root, "Check its permissions") from e
    for entry in entries:
        if _META.search(entry.name) and entry.is_file():
            yield Path(entry.path)
    if max_depth > 1:
        for entry in entries:
            if entry.is_dir():
                yield from _meta_files(Path(entry.path), max_depth - 1)


def _parse(meta: Path) -> _File:
    """Read one .meta file; what is wrong with it becomes the file's problem."""
    from neo.rawio.spikeglxrawio import extract_stream_info, read_meta_file

    by_name = _META.search(meta.name)
    stream = by_name.group(1).removesuffix(".obx") if by_name else meta.stem
    try:
        with reading(meta):
            fields = read_meta_file(meta)
            info = extract_stream_info(meta, fields)
            order = _order(info["gate_num"], info["trigger_num"])
            stream, n_channels = str(info["stream_name"]), int(info["num_chan"])
            has_sync = any("SY" in name for name in info["channel_names"])
        problem = _size_problem(meta.with_suffix(".bin"), fields, n_channels)
    except StreamError as e:
        named = _GATE_AND_TRIGGER.search(meta.name)
        return _File(meta, stream, _order(*map(int, named.groups()) if named else ()), problem=e)
    return _File(meta, stream, order, has_sync, problem)


def _order(gate: object = None, trigger: object = None) -> tuple[int, int]:
    """Return (gate, trigger) as neo orders them: what is no number (``tcat``) comes first."""
    return (gate if isinstance(gate, int) else -1, trigger if isinstance(trigger, int) else -1)


def _size_problem(bin_file: Path, fields: dict[str, str], n_channels: int) -> StreamError | None:
    """Compare the .bin file with what its .meta file promises."""
    if not bin_file.exists():
        compressed = bin_file.with_suffix(".cbin").exists()
        remedy = (
            "Decompress it, or read it with input 'spikeinterface' and reader_type 'cbin_ibl'"
            if compressed
            else FIX_OR_MOVE
        )
        what = "there is a .meta file but no .bin file"
        return StreamError(what, bin_file, remedy, Reason.MISSING_FILE)
    size = bin_file.stat().st_size
    expected = fields.get("fileSizeBytes", "")
    if expected.isdecimal() and size < int(expected):
        what = f"{size} bytes on disk, {expected} bytes according to its .meta file"
        return StreamError(what, bin_file, FIX_OR_MOVE, Reason.TRUNCATED)
    if size % (n_channels * _BYTES_PER_SAMPLE):
        what = f"{size} bytes are not a whole number of samples of {n_channels} channels"
        return StreamError(what, bin_file, FIX_OR_MOVE, Reason.TRUNCATED)
    return None


def _sources(
    stream: str, streams: dict[str, list[_File]], segments: dict[tuple[int, int], int]
) -> Iterator[Source]:
    files = streams[stream]
    if stream.startswith(("nidq", "obx")):
        yield SkippedStream(
            "block0", stream, Reason.AUXILIARY_STREAM, "analog and digital inputs, no probe"
        )
        return
    if stream.endswith(".lf"):
        ap = stream.removesuffix(".lf") + ".ap"
        where = f"goes with the job of {ap}" if ap in streams else f"there is no stream {ap}"
        yield SkippedStream("block0", stream, Reason.LFP_BAND, f"LFP band; {where}")
    else:
        lfp = stream.removesuffix(".ap") + ".lf"
        has_lfp = stream.endswith(".ap") and lfp in streams
        yield replace(
            _source(stream, files, segments),
            lfp=_source(lfp, streams[lfp], segments) if has_lfp else None,
        )
    if any(f.has_sync for f in files):
        yield SkippedStream(
            "block0", f"{stream}-SYNC", Reason.SYNC_STREAM, "the probe's sync channel"
        )


def _source(
    stream: str, files: list[_File], segments: dict[tuple[int, int], int]
) -> SourceRecording:
    twice = {order for order, n in Counter(f.order for f in files).items() if n > 1}

    def segment(file: _File) -> SourceSegment:
        problem = file.problem
        if problem is None and file.order in twice:
            same = ", ".join(str(f.meta) for f in files if f.order == file.order)
            what = f"several files claim to be {stream} of the same gate and trigger: {same}"
            problem = StreamError(what, "", "Keep one of them", Reason.DUPLICATE_NAME)
        return SourceSegment(segments[file.order], (file.meta, file.bin), problem)

    return SourceRecording(
        block="block0",
        stream=stream,
        segments=tuple(segment(f) for f in files),
        open_segments=_Opener(stream, files),
    )


class _Opener:
    """Opens segments of one stream, each probe folder once."""

    def __init__(self, stream: str, files: Sequence[_File]) -> None:
        self.stream, self.files = stream, files
        self._folder = functools.cache(self._open_folder)

    def __call__(self, positions: Sequence[int]) -> BaseRecording:
        from spikeinterface.core import append_recordings

        parts = [self._one(i) for i in positions]
        folders = {self.files[i].meta.parent for i in positions}
        if len(folders) == 1:
            whole = self._folder(folders.pop())
            if whole.get_num_segments() == len(positions):
                return whole
        return parts[0] if len(parts) == 1 else append_recordings(parts)

    def _one(self, position: int) -> BaseRecording:
        file = self.files[position]
        whole = self._folder(file.meta.parent)
        if whole.get_num_segments() == 1:
            return whole
        beside = map(_parse, _meta_files(file.meta.parent, 1))
        orders = sorted({f.order for f in beside if f.bin.exists()})
        return whole.select_segments([orders.index(file.order)])

    def _open_folder(self, folder: Path) -> BaseRecording:
        from spikeinterface.extractors import read_spikeglx

        with reading(f"{folder} ({self.stream})"):
            return read_spikeglx(folder, stream_name=self.stream)


def _orphans(root: Path, known: set[Path]) -> Iterator[SkippedStream]:
    """Report .bin files that no .meta file describes."""
    for folder in sorted({p.parent for p in known} | {root}):
        for file in sorted(folder.glob("*.bin")):
            if file not in known:
                yield SkippedStream(
                    "block0",
                    file.stem,
                    Reason.MISSING_FILE,
                    f"{file}: there is a .bin file but no .meta file. {FIX_OR_MOVE}.",
                )
