"""SpikeGLX: pairs of ``.bin`` and ``.meta`` files, one per device, band, gate and trigger.

A stream (``imec0.ap``) is one device and band; its segments are the (gate, trigger) pairs of the
session, in order, so that the same segment number means the same trigger on every probe. Each
probe folder is opened by itself: what is wrong with one probe does not concern the others.
"""

from __future__ import annotations

import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dispatch_assets.errors import SessionError, StreamError
from dispatch_assets.input_format import (
    Evidence,
    InputFormat,
    SkippedStream,
    Source,
    SourceRecording,
    SourceSegment,
)
from dispatch_assets.models import Reason, Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import FIX_OR_MOVE, reading
from dispatch_assets.spikeglx_bins import open_bins
from dispatch_assets.spikeglx_files import BIN, META, MetaFile, files_in, parse_meta
from dispatch_assets.spikeglx_whole import run_gaps

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

MAX_DEPTH = 3  # session / run_g0 / run_g0_imec0 / *.meta
_PROBE_FOLDER = re.compile(r"_(imec|obx)\d*$")


class SpikeGLX(InputFormat):
    """Folders written by SpikeGLX (Neuropixels 1.0, 2.0, Ultra, OneBox, phase 3A)."""

    name: ClassVar[str] = "spikeglx"
    tell_tale = re.compile(META.pattern.replace("meta", "(bin|cbin|meta)"))

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        if not path.is_dir():
            return Evidence(False, None, "not a folder")
        for meta in files_in(path, MAX_DEPTH - 1):
            parent = meta.parent
            direct = parent == path or (
                parent.parent == path and _PROBE_FOLDER.search(parent.name) is not None
            )
            return Evidence(True, meta, "a SpikeGLX metadata file", nested=not direct)
        return Evidence(False, None, "no SpikeGLX .meta")

    def gaps(self, path: Path) -> Iterator[str]:
        """See `InputFormat.gaps`."""
        return run_gaps([*files_in(path, MAX_DEPTH, self.tell_tale)])

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        root = Path(session.path)
        files = [parse_meta(meta) for meta in files_in(root, MAX_DEPTH)]
        if not files:
            remedy = "Check that the run folder was copied completely"
            raise SessionError("no SpikeGLX .meta file in it", root, remedy)
        segments = {order: i for i, order in enumerate(sorted({f.order for f in files}))}
        streams: dict[str, list[MetaFile]] = defaultdict(list)
        for file in sorted(files, key=lambda f: (f.order, f.meta)):
            streams[file.stream].append(file)
        for stream in sorted(streams, key=natural_key):
            yield from _sources(stream, streams, segments)
        yield from _orphans(root, {f.bin for f in files})


def _sources(
    stream: str, streams: dict[str, list[MetaFile]], segments: dict[tuple[int, int], int]
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
            _source(stream, streams, segments),
            lfp=_source(lfp, streams, segments) if has_lfp else None,
        )
    if any(f.n_sync for f in files):
        yield SkippedStream(
            "block0", f"{stream}-SYNC", Reason.SYNC_STREAM, "the probe's sync channel"
        )


def _source(
    stream: str, streams: dict[str, list[MetaFile]], segments: dict[tuple[int, int], int]
) -> SourceRecording:
    files = streams[stream]
    twice = {order for order, n in Counter(f.order for f in files).items() if n > 1}

    def segment(file: MetaFile) -> SourceSegment:
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
        open_segments=_Opener(stream, streams),
    )


class _Opener:
    """Opens segments of one stream, each probe folder once."""

    def __init__(self, stream: str, streams: dict[str, list[MetaFile]]) -> None:
        self.stream, self.files = stream, streams[stream]
        self.every_file = [f for files in streams.values() for f in files]
        self._folder = functools.cache(self._open_folder)

    def __call__(self, positions: Sequence[int]) -> BaseRecording:
        from spikeinterface.core import append_recordings

        by_folder: dict[Path, list[tuple[int, int]]] = {}
        for file in (self.files[i] for i in positions):
            by_folder.setdefault(file.meta.parent, []).append(file.order)
        parts = [self._select(folder, orders) for folder, orders in by_folder.items()]
        return parts[0] if len(parts) == 1 else append_recordings(parts)

    def _select(self, folder: Path, orders: list[tuple[int, int]]) -> BaseRecording:
        whole, there = self._folder(folder)
        return whole if orders == there else whole.select_segments([there.index(o) for o in orders])

    def _open_folder(self, folder: Path) -> tuple[BaseRecording, list[tuple[int, int]]]:
        """Open a probe folder: the recording, and gate and trigger of each of its segments."""
        from spikeinterface.extractors import read_spikeglx

        mine = [f for f in self.files if f.meta.parent == folder and f.problem is None]
        if not any(f.n_sync > 1 for f in mine):
            try:
                with reading(f"{folder} ({self.stream})"):
                    recording = read_spikeglx(folder, stream_name=self.stream)
                beside = map(parse_meta, files_in(folder, 1))
                return recording, sorted({f.order for f in beside if f.bin.exists()})
            except StreamError:  # a neighbour may be the cause
                if not mine:
                    raise
        return open_bins(self.stream, [f.meta for f in mine]), [f.order for f in mine]


def _orphans(root: Path, known: set[Path]) -> Iterator[SkippedStream]:
    """Report .bin files that no .meta file describes."""
    for file in files_in(root, MAX_DEPTH, BIN):
        if file not in known:
            message = f"{file}: there is a .bin file but no .meta file. {FIX_OR_MOVE}."
            yield SkippedStream("block0", file.stem, Reason.MISSING_FILE, message)
