"""What a session's own settings say about its streams: which to leave out, and their probes."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import SettingsError, did_you_mean
from dispatch_assets.input_format import SkippedStream, Source, SourceRecording
from dispatch_assets.models import EXPECTED_REASONS, Reason, SettingsFound
from dispatch_assets.probes import attach_probe_file, check_wiring
from dispatch_assets.reading import reading
from dispatch_assets.session_params import ProbeFiles, SessionParams
from dispatch_assets.session_settings import REMEDY, SessionSettings

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


def as_settled(
    sources: Iterable[Source], own: SessionParams, found: SettingsFound | None
) -> Iterator[Source]:
    """Yield the streams of a session as its settings want them.

    Parameters
    ----------
    sources
        The streams, as the input format lists them.
    own
        The parameters that hold for the session.
    found
        The file with its settings, or None if it has none.

    Yields
    ------
    Source
        Each stream; one that the settings exclude or do not keep is skipped for that reason.
        Last, one skipped stream for every name in the settings that no stream has: who excludes a
        stream that is not there has mistyped one that is.
    """
    if found is None or own.settings is None:
        yield from sources
        return
    streams: list[str] = []
    for source in sources:
        streams.append(source.stream)
        left_out = _left_out(source, own.settings, found.file)
        if left_out is not None:
            yield left_out
        elif isinstance(source, SourceRecording):
            yield _with_probe(source, own.probe_files)
        else:
            yield source
    probes = own.probe_files if isinstance(own.probe_files, dict) else {}
    for name in dict.fromkeys([*own.settings.exclude_streams, *probes]):
        if not any(is_named(name, stream) for stream in streams):
            yield _unknown(name, streams, found.file)


def is_named(name: str, stream: str) -> bool:
    """Say whether `name` is a stream's name, or whole words of it: ``imec1`` is ``imec1.ap``."""
    at = stream.find(name)
    while at >= 0:
        before, after = stream[:at][-1:], stream[at + len(name) :][:1]
        cut = (before.isalnum() and name[0].isalnum()) or (after.isalnum() and name[-1].isalnum())
        if not cut:
            return True
        at = stream.find(name, at + 1)
    return False


def _left_out(source: Source, settings: SessionSettings, file: str) -> SkippedStream | None:
    why = next((w for n, w in settings.exclude_streams.items() if is_named(n, source.stream)), None)
    if why is not None:
        return SkippedStream(source.block, source.stream, Reason.EXCLUDED, f"{why} (says {file})")
    if isinstance(source, SkippedStream) and source.reason in EXPECTED_REASONS:
        return None  # it is left out anyhow, for a reason that says more
    keep, skip = settings.streams.keep, settings.streams.skip
    if keep and not any(part in source.stream for part in keep):
        why = f"its name contains none of {keep}, the streams to keep (says {file})"
    if part := next((part for part in skip if part in source.stream), None):
        why = f"its name contains {part!r}, which is to be skipped (says {file})"
    if why is None:
        return None
    return SkippedStream(source.block, source.stream, Reason.FILTERED_OUT, why)


def _unknown(name: str, streams: Sequence[str], file: str) -> SkippedStream:
    distinct = list(dict.fromkeys(streams))
    guess = did_you_mean(name, distinct) or f"there are {', '.join(distinct[:20]) or 'none'}"
    error = SettingsError(f"no stream of the session is called {name!r}; {guess}", file, REMEDY)
    return SkippedStream("", name, Reason.BAD_SETTINGS, str(error))


def _with_probe(source: SourceRecording, files: ProbeFiles) -> SourceRecording:
    """Return a stream that gets its probe from a file, if the settings name one for it."""
    if isinstance(files, dict):
        file = next((f for name, f in files.items() if is_named(name, source.stream)), None)
    else:
        file = files
    if file is None:
        return source
    segments = tuple(
        replace(s, problem=None) if s.problem and s.problem.reason == Reason.NO_PROBE else s
        for s in source.segments
    )
    open_segments = _opener(source.open_segments, file)
    lfp = None if source.lfp is None else _with_probe(source.lfp, file)
    probe_dict = None
    if source.probe_dict is not None and segments:
        probe_dict = functools.partial(_probe_dict, open_segments)
    return replace(
        source, segments=segments, open_segments=open_segments, lfp=lfp, probe_dict=probe_dict
    )


def _opener(
    open_segments: Callable[[Sequence[int]], BaseRecording], file: Path
) -> Callable[[Sequence[int]], BaseRecording]:
    def opened(positions: Sequence[int]) -> BaseRecording:
        recording = open_segments(positions)
        with reading(file, "Check probe_paths in the session's settings"):
            check_wiring(recording, file)
            attach_probe_file(recording, file)
        return recording

    return opened


def _probe_dict(open_segments: Callable[[Sequence[int]], BaseRecording]) -> dict[str, Any]:
    """Return the whole probe (the first one of several) in probeinterface's JSON form."""
    group = open_segments((0,)).get_probegroup()
    probe: dict[str, Any] = group.probes[0].to_dict(array_as_list=True)
    return probe
