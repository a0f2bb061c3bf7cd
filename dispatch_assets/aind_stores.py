"""Compressed streams of AIND sessions: Zarr stores that SpikeInterface wrote, one per stream."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets import zarr_store
from dispatch_assets.errors import StreamError, count
from dispatch_assets.input_format import SourceRecording, SourceSegment, from_whole
from dispatch_assets.models import Reason
from dispatch_assets.open_ephys_probes import Settings, attach_neuropixels_probe
from dispatch_assets.reading import FIX_OR_MOVE, reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


def store_recording(
    block: str, stream: str, store: Path, settings: Settings | None
) -> SourceRecording:
    """Return a compressed stream; what is wrong with its store is a problem of its segments.

    Parameters
    ----------
    block, stream
        Its names.
    store
        Folder of the Zarr store.
    settings
        Where to find the probe if the store does not tell it; None if there are none.
    """
    problem: StreamError | None = None
    n_segments: object = None
    arrays: zarr_store.Arrays = {}
    try:
        with reading(store):
            arrays = zarr_store.check_store(store)
            n_segments = zarr_store.attributes(store).get("num_segments")
    except StreamError as e:
        problem = e
    if not isinstance(n_segments, int):
        n_segments = 1
        what = "is no recording that SpikeInterface wrote: its .zattrs have no num_segments"
        problem = problem or StreamError(what, store, FIX_OR_MOVE, Reason.UNREADABLE)
    metadata = (".zattrs", ".zgroup", "channel_ids", "properties")
    return SourceRecording(
        block=block,
        stream=stream,
        segments=tuple(_segment(store, i, arrays, problem) for i in range(n_segments)),
        open_segments=from_whole(_opener(store, stream, settings)),
        shared_files=tuple(store / name for name in metadata if (store / name).exists()),
    )


def _segment(
    store: Path, index: int, arrays: zarr_store.Arrays, problem: StreamError | None
) -> SourceSegment:
    traces, times = store / f"traces_seg{index}", store / f"times_seg{index}"
    files = tuple(f for f in (traces, times) if f.is_dir())
    if problem is None:
        try:
            with reading(store):
                problem = _check_arrays(traces, files, arrays)
        except StreamError as e:
            problem = e
    return SourceSegment(index, files, problem)


def _check_arrays(
    traces: Path, folders: tuple[Path, ...], arrays: zarr_store.Arrays
) -> StreamError | None:
    if traces not in folders:
        what = "the store announces this segment, but it is missing"
        return StreamError(what, traces, FIX_OR_MOVE, Reason.MISSING_FILE)
    if zarr_store.metadata_of(traces, arrays)["shape"][0] == 0:
        return StreamError("the stream has no samples", traces, "", Reason.EMPTY)
    for folder in folders:
        n_missing = zarr_store.n_missing_chunks(folder, zarr_store.metadata_of(folder, arrays))
        if n_missing:
            chunks = count(n_missing, "chunk is", "chunks are")
            what = f"{chunks} missing, and would be read as zeros"
            return StreamError(what, folder, FIX_OR_MOVE, Reason.TRUNCATED)
    return None


def _opener(store: Path, stream: str, settings: Settings | None) -> Callable[[], BaseRecording]:
    def open_whole() -> BaseRecording:
        # read_zarr would call whatever the store's attributes name as its class
        from spikeinterface.core.zarrextractors import read_zarr_recording

        with reading(store):
            recording: BaseRecording = read_zarr_recording(store)
            if _has_blank_probe(recording) and settings is not None:
                attach_neuropixels_probe(recording, settings, stream)
        return recording

    return open_whole


def _has_blank_probe(recording: BaseRecording) -> bool:
    """Return whether a probe's name is blank, as in stores written before its bug was fixed."""
    if not recording.has_probe():
        return True
    probes = recording.get_probegroup().probes
    return any("" in (p.name, p.annotations.get("name")) for p in probes)
