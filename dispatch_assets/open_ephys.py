"""Open Ephys binary sessions: which streams are to be sorted, and how they open.

An experiment is a block, a recording is a segment. Every recording folder is opened by itself,
and every stream of one that is damaged: what is broken or different in one does not concern the
others.
Used by the formats ``openephys`` and ``aind`` (uncompressed sessions).
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.errors import SessionError, StreamError
from dispatch_assets.input_format import SkippedStream, Source, SourceRecording, SourceSegment
from dispatch_assets.models import Reason
from dispatch_assets.naming import natural_key
from dispatch_assets.open_ephys_dats import OPENED_ALONE, open_dat, why_not_whole
from dispatch_assets.open_ephys_folders import (
    RecordingFolder,
    Stream,
    check_files,
    first_damage,
    recording_folders,
    streams,
)
from dispatch_assets.open_ephys_probes import Settings, attach_neuropixels_probe, is_ambiguous
from dispatch_assets.reading import reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

MIN_AP_RATE_HZ = 10_000.0  # upstream's border between AP and LFP bands
MIN_LFP_RATE_HZ = 1_000.0  # slower streams are no field potentials (motion sensors, temperatures)
SettingsOf = Callable[[Path], Settings]
_STREAM_FILES = (
    "continuous.dat",
    "timestamps.npy",
    "sample_numbers.npy",
    "synchronized_timestamps.npy",
)
_LFP = re.compile(r"(^|[-_. ])LFP$")
_INPUTS = re.compile(r"ADC$|(Analog|Digital)(IO|Input)")  # OneBox; ONIX breakout board


def sources(root: Path, *, skip_names: tuple[str, ...] = ()) -> Iterator[Source]:
    """List every stream of every experiment below `root`.

    Parameters
    ----------
    root
        Session folder.
    skip_names
        Streams whose name contains one of these are auxiliary.

    Yields
    ------
    Source
        Streams that can be dispatched, and those that are left out with the reason.
    """
    folders = recording_folders(root)
    if not folders:
        remedy = "Check that the session was copied completely"
        raise SessionError("no experimentE/recordingR/structure.oebin in it", root, remedy)
    settings_of: SettingsOf = functools.cache(Settings)
    for experiment in sorted({f.experiment for f in folders}):
        of_block = [f for f in folders if f.experiment == experiment]
        yield from _block_sources(f"experiment{experiment}", of_block, skip_names, settings_of)


def _block_sources(
    block: str,
    folders: list[RecordingFolder],
    skip_names: tuple[str, ...],
    settings_of: SettingsOf,
) -> Iterator[Source]:
    index = {r: i for i, r in enumerate(sorted({f.recording for f in folders}))}
    by_name: dict[str, list[Stream]] = defaultdict(list)
    for folder in folders:
        try:
            for stream in streams(folder):
                by_name[stream.name].append(stream)
        except StreamError as e:
            name = f"{folder.node}#*" if folder.node else "*"
            yield SkippedStream(block, name, Reason(e.reason or Reason.UNREADABLE), str(e))
    for name in sorted(by_name, key=natural_key):
        left_out = _left_out(by_name[name][0], skip_names)
        if left_out is not None:
            yield SkippedStream(block, name, *left_out)
        else:
            yield from _stream_sources(block, by_name, name, index, settings_of)
        if any("SYNC" in c for c in by_name[name][0].channel_names):
            message = "the probe's sync channel"
            yield SkippedStream(block, f"{name}SYNC", Reason.SYNC_STREAM, message)


def _stream_sources(
    block: str,
    by_name: dict[str, list[Stream]],
    name: str,
    index: dict[int, int],
    settings_of: SettingsOf,
) -> Iterator[Source]:
    source = _source(block, by_name[name], index, settings_of)
    lfp = by_name.get(name.removesuffix("AP") + "LFP") if name.endswith("AP") else None
    yield replace(source, lfp=_source(block, lfp, index, settings_of) if lfp else None)
    if any("ADC" in c for c in by_name[name][0].channel_names):
        message = "analog inputs of the acquisition board"
        yield SkippedStream(block, f"{name}_ADC", Reason.AUXILIARY_STREAM, message)


def _left_out(stream: Stream, skip_names: tuple[str, ...]) -> tuple[Reason, str] | None:
    """Say why a stream is not meant to be sorted, judging by its last name part and its rate."""
    last = stream.name.rpartition("#")[2].rpartition(".")[2]
    if stream.processor.startswith(("NI-DAQ", "NIDAQ")) or _INPUTS.search(last):
        return Reason.AUXILIARY_STREAM, "analog inputs, no probe"
    if any(s in stream.name for s in skip_names):
        return Reason.AUXILIARY_STREAM, f"its name contains {' or '.join(skip_names)}"
    if _LFP.search(last):
        return Reason.LFP_BAND, "LFP band; goes with the job of the AP stream of the same name"
    if stream.rate_hz < MIN_LFP_RATE_HZ:
        return Reason.AUXILIARY_STREAM, f"sampled at {stream.rate_hz:g} Hz, no spikes in it"
    if stream.rate_hz < MIN_AP_RATE_HZ:
        return Reason.LFP_BAND, f"sampled at {stream.rate_hz:g} Hz, a field potential"
    return None


def _source(
    block: str, parts: list[Stream], index: dict[int, int], settings_of: SettingsOf
) -> SourceRecording:
    return SourceRecording(
        block=block,
        stream=parts[0].name,
        segments=tuple(_segment(s, index[s.folder.recording]) for s in parts),
        open_segments=_Opener(parts, settings_of),
    )


def _segment(stream: Stream, index: int) -> SourceSegment:
    files = [stream.path / name for name in _STREAM_FILES if (stream.path / name).is_file()]
    metadata = [f for f in (stream.folder.settings,) if f.is_file()]
    problem, times_problem = check_files(stream)
    return SourceSegment(
        index,
        (stream.folder.path / "structure.oebin", *metadata, *files),
        problem,
        stream.sample_numbers if problem is None and stream.sync_times is not None else None,
        times_problem,
    )


class _Opener:
    """Opens segments of one stream, each recording folder once."""

    def __init__(self, streams: Sequence[Stream], settings_of: SettingsOf) -> None:
        self.streams, self._settings_of = streams, settings_of
        self._segment = functools.cache(self._open)

    def __call__(self, positions: Sequence[int]) -> BaseRecording:
        from spikeinterface.core import append_recordings

        parts = [self._segment(i) for i in positions]
        if len(parts) == 1:
            return parts[0]
        with reading(self.streams[positions[0]].path):
            joined = append_recordings(parts)
            alone = [(p.get_annotation(OPENED_ALONE) or [None])[0] for p in parts]
            if any(alone):  # annotations are those of the first part otherwise
                joined.annotate(**{OPENED_ALONE: alone})
            return joined

    def _open(self, position: int) -> BaseRecording:
        from spikeinterface.extractors import read_openephys

        stream = self.streams[position]
        try:
            with reading(stream.path):
                recording = read_openephys(
                    stream.folder.path,
                    stream_name=stream.name,
                    load_sync_timestamps=stream.sync_times is not None and stream.folder.node != "",
                )
        except StreamError as e:
            recording = open_dat(stream, why_not_whole(stream.folder, e))
        _attach_probe(recording, stream, self._settings_of(stream.folder.settings))
        return recording


def _attach_probe(recording: BaseRecording, stream: Stream, settings: Settings) -> None:
    """Attach the stream's probe where SpikeInterface has not, or may have taken another one.

    Raises
    ------
    StreamError
        If there is none that is certainly its own.
    """
    alone = recording.get_annotation(OPENED_ALONE)
    if recording.has_probe() and not is_ambiguous(settings, stream.name):
        return
    try:
        with reading(settings.path):
            attached = attach_neuropixels_probe(recording, settings, _name_by_probe(stream))
    except StreamError as e:
        what = f"no probe can be made of {settings.path.name}, which {e.what}"
        raise _no_probe(stream, what) from e
    if not attached and (alone or recording.has_probe()):
        cause = f" ({alone[0]})" if alone else ""
        what = f"{settings.path.name} has no probe that is certainly its own{cause}"
        raise _no_probe(stream, what)


def _no_probe(stream: Stream, what: str) -> StreamError:
    """Return the error of a stream without a probe; SpikeInterface alone cannot open it either."""
    mended = "correct settings.xml. Or move that file out of the session, then"
    if first_damage(stream.folder) is not None:
        mended = "first mend the damaged file or move its folder out of the session; then"
    remedy = (
        f"Sorting needs the contacts' positions: {mended} read the session with input "
        "'spikeinterface' and give a probeinterface JSON file as probe_paths"
    )
    return StreamError(what, stream.path, remedy, Reason.NO_PROBE)


def _name_by_probe(stream: Stream) -> str:
    """Return the name of an AP stream with the number of its probe.

    GUI 0.5 numbers streams, and both bands of a 1.0 probe count; its settings number probes.
    """
    processor, _, number = stream.name.rpartition(".")
    if not number.isdecimal() or stream.rate_hz < MIN_AP_RATE_HZ:
        return stream.name
    beside = [s for s in streams(stream.folder) if s.rate_hz >= MIN_AP_RATE_HZ]
    numbers = [n for p, _, n in (s.name.rpartition(".") for s in beside) if p == processor]
    return f"{processor}.{sorted(numbers, key=natural_key).index(number)}"
