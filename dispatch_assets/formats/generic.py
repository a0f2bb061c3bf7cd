"""Anything SpikeInterface reads: its own folders, Zarr stores and JSON, or one of its readers.

Without a ``reader_type``, or with ``spikeinterface``, every dataset that SpikeInterface itself has
written is a block with the single stream ``stream0``. With any other ``reader_type``, the reader's
own blocks and streams count, and each set of ``reader_kwargs`` is a session.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dispatch_assets import si_folders
from dispatch_assets.errors import SessionError, StreamError
from dispatch_assets.input_format import (
    Evidence,
    InputFormat,
    SkippedStream,
    Source,
    SourceRecording,
    SourceSegment,
    from_whole,
    reading,
)
from dispatch_assets.models import Reason, Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import DispatchParams, SpikeInterfaceInfo
from dispatch_assets.probes import attach_probe_file

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

SELF_DESCRIBING = "spikeinterface"
_CHECK_KWARGS = "Check reader_type and reader_kwargs in spikeinterface_info"


class Generic(InputFormat):
    """SpikeInterface's own data, and everything its readers read."""

    name: ClassVar[str] = "spikeinterface"
    has_input_folder: ClassVar[bool] = False

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        if si_folders.kind_of(path) == "recording":
            return Evidence(True, path, "a recording that SpikeInterface wrote")
        inside = [p for p in _datasets(path) if si_folders.kind_of(p) == "recording"]
        if inside:
            return Evidence(True, inside[0], "a recording that SpikeInterface wrote", nested=True)
        return Evidence(False, None, "no binary folder, Zarr store or JSON of SpikeInterface's")

    def session_name(self, path: Path) -> str:
        """Return the file's or folder's name without ``.zarr`` or ``.json``."""
        return path.name.removesuffix(".zarr").removesuffix(".json")

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        info = params.reader
        if params.input == self.name and info.reader_type != SELF_DESCRIBING:
            yield from _read_with_reader(session, info)
            return
        root, anywhere = Path(session.path), params.input == self.name
        yield from _read_datasets(root, Path(session.data_folder), anywhere=anywhere)


def reader_sessions(data_folder: Path, params: DispatchParams) -> list[tuple[str, Path]]:
    """Return (name, path) of each session that the parameters describe.

    Raises
    ------
    SessionError
        If a path in reader_kwargs does not exist.
    """
    info = params.reader
    if info.reader_type == SELF_DESCRIBING:
        return [("session1", data_folder)]
    names = info.session_names or [f"session{i}" for i in range(len(info.sessions_kwargs))]
    paths = [_paths(kwargs, data_folder) for kwargs in info.sessions_kwargs]
    return [(n, p[0] if p else data_folder) for n, p in zip(names, paths, strict=True)]


def _datasets(path: Path) -> list[Path]:
    """Return the candidates in `path`: folders; those of an only folder; else JSON files."""
    if si_folders.kind_of(path) is not None or not path.is_dir():
        return [path]
    children = sorted(path.iterdir(), key=lambda p: natural_key(p.name))
    folders = [p for p in children if p.is_dir()]
    files = [p for p in children if p.suffix in (".json", ".pkl", ".pickle") and p.is_file()]
    pickles = [p for p in files if p.suffix != ".json"]
    if len(folders) == 1 and si_folders.kind_of(folders[0]) is None:
        inner = sorted(folders[0].iterdir(), key=lambda p: natural_key(p.name))
        folders = [p for p in inner if p.is_dir()]
    return [*folders, *pickles] if folders else files


def _read_datasets(root: Path, data_folder: Path, *, anywhere: bool) -> Iterator[Source]:
    refusals: dict[str | None, tuple[Reason, str]] = {
        "sorting": (Reason.NOT_A_RECORDING, "a sorting, not a recording"),
        "pickle": (Reason.REFUSED, "a pickle; nothing is unpickled, ever. Save it as JSON"),
        "damaged": (Reason.UNREADABLE, "its JSON is damaged. Copy it again"),
        None: (Reason.NOT_RECOGNISED, "nothing that SpikeInterface wrote"),
    }
    block = 0
    for path in _datasets(root):
        kind = si_folders.kind_of(path)
        if kind != "recording":
            reason, message = refusals[kind]
            yield SkippedStream("", path.name, reason, f"{path}: {message}.")
            continue
        loaded = functools.partial(si_folders.load, path, data_folder, anywhere=anywhere)
        files = functools.partial(si_folders.files_of, path, data_folder)
        yield _opened(f"block{block}", "stream0", loaded, files, probe_file=None)
        block += 1


def _read_with_reader(session: Session, info: SpikeInterfaceInfo) -> Iterator[Source]:
    data_folder = Path(session.data_folder)
    position = _position(session, info)
    kwargs = _resolved(info.sessions_kwargs[position], data_folder)
    raw = _paths(kwargs, data_folder)
    reader = _reader(str(info.reader_type))
    for block, stream, selection in _blocks_and_streams(reader, kwargs, session):
        if stream.endswith("SYNC"):  # neo splits sync channels off as streams of their own
            yield SkippedStream(block, stream, Reason.SYNC_STREAM, "the probe's sync channel")
            continue
        reason = _filtered(stream, info)
        if reason is not None:
            yield SkippedStream(block, stream, Reason.FILTERED_OUT, reason)
            continue
        probe_file = _probe_file(info, position, stream, data_folder)
        load = functools.partial(_read_stream, reader, {**kwargs, **selection}, stream)
        yield _opened(block, stream, load, lambda segment: raw, probe_file)


@dataclass(frozen=True)
class _Reader:
    """One of SpikeInterface's readers."""

    name: str
    read: Callable[..., Any]
    is_neo: bool


def _reader(name: str) -> _Reader:
    from spikeinterface.extractors import recording_extractor_full_dict
    from spikeinterface.extractors.neoextractors import neo_recording_class_dict

    if name not in recording_extractor_full_dict:
        what = f"SpikeInterface has no reader {name!r}"
        known = f"Known: {', '.join(sorted(recording_extractor_full_dict))}"
        raise SessionError(what, "reader_type", known)
    read = recording_extractor_full_dict[name]
    return _Reader(name, read, name in neo_recording_class_dict or read in neo_recording_class_dict)


def _blocks_and_streams(
    reader: _Reader, kwargs: dict[str, Any], session: Session
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (block, stream, arguments that select them) of a session."""
    if not reader.is_neo:
        yield "block0", "stream0", {}
        return
    from spikeinterface.extractors import get_neo_num_blocks, get_neo_streams

    try:
        with reading(session.path, _CHECK_KWARGS):
            n_blocks = int(get_neo_num_blocks(reader.name, **kwargs))
            names, _ = get_neo_streams(reader.name, **kwargs)
    except StreamError as e:
        raise SessionError(e.what, e.where, e.remedy) from e
    for block in range(n_blocks):
        for stream in sorted((str(n) for n in names), key=natural_key):
            selection: dict[str, Any] = {"stream_name": stream}
            if n_blocks > 1:
                selection["block_index"] = block
            yield f"block{block}", stream, selection


def _read_stream(reader: _Reader, kwargs: dict[str, Any], stream: str) -> BaseRecording:
    with reading(f"{reader.name} reader, stream {stream}", _CHECK_KWARGS):
        recording: BaseRecording = reader.read(**kwargs)
        return recording


def _opened(
    block: str,
    stream: str,
    load: Callable[[], BaseRecording],
    files: Callable[[int], tuple[Path, ...]],
    probe_file: Path | None,
) -> Source:
    """Open a stream to learn its segments; what fails becomes a skipped stream."""

    @functools.cache
    def open_whole() -> BaseRecording:
        recording = load()
        if probe_file is not None:
            with reading(probe_file, "Check probe_paths in spikeinterface_info"):
                attach_probe_file(recording, probe_file)
        return recording

    try:
        recording = open_whole()
    except StreamError as e:
        return SkippedStream(block, stream, Reason(e.reason), str(e))
    segments = [
        SourceSegment(i, files(i), _empty(recording, i, stream))
        for i in range(recording.get_num_segments())
    ]
    return SourceRecording(block, stream, tuple(segments), from_whole(open_whole))


def _empty(recording: BaseRecording, segment: int, stream: str) -> StreamError | None:
    if recording.get_num_samples(segment):
        return None
    return StreamError("the stream has no samples", stream, "", Reason.EMPTY)


def _filtered(stream: str, info: SpikeInterfaceInfo) -> str | None:
    keep, skip = info.keep_stream_substrings, info.skip_stream_substrings
    if keep and not any(s in stream for s in keep):
        return f"its name contains none of keep_stream_substrings {keep}"
    if any(s in stream for s in skip):
        return f"its name contains one of skip_stream_substrings {skip}"
    return None


def _probe_file(
    info: SpikeInterfaceInfo, position: int, stream: str, data_folder: Path
) -> Path | None:
    paths = info.probe_paths
    given = paths[position] if isinstance(paths, list) else paths
    if isinstance(given, dict):
        given = given.get(stream)
    return None if given is None else _existing(given, data_folder) or Path(given)


def _position(session: Session, info: SpikeInterfaceInfo) -> int:
    names = info.session_names or [f"session{i}" for i in range(len(info.sessions_kwargs))]
    return names.index(session.name)


def _resolved(kwargs: dict[str, Any], data_folder: Path) -> dict[str, Any]:
    """Return the reader's arguments with every path that exists made absolute."""

    def resolve(name: str, value: object) -> object:
        if isinstance(value, list):
            return [resolve(name, v) for v in value]
        if not isinstance(value, str) or "path" not in name:
            return value
        found = _existing(value, data_folder)
        if found is None:
            remedy = "Paths are relative to the current folder, or to the data folder"
            raise SessionError("does not exist", f"{name} {value!r}", remedy)
        return str(found)

    return {name: resolve(name, value) for name, value in kwargs.items()}


def _paths(kwargs: dict[str, Any], data_folder: Path) -> tuple[Path, ...]:
    values = _resolved(kwargs, data_folder)
    found: list[Path] = []
    for name, value in values.items():
        if "path" in name:
            found += [Path(v) for v in (value if isinstance(value, list) else [value])]
    return tuple(found)


def _existing(path: str, data_folder: Path) -> Path | None:
    candidates = (Path(path), data_folder / path)
    found = next((c for c in candidates if c.exists()), None)
    return None if found is None else Path(_absolute(found, data_folder))


def _absolute(path: Path, data_folder: Path) -> str:
    """Return an absolute path that keeps the user's spelling of the data folder."""
    absolute = os.path.normpath(path.absolute())
    if Path(absolute).is_relative_to(data_folder):
        return absolute
    real, base = os.path.realpath(absolute), os.path.realpath(data_folder)
    inside = Path(real).is_relative_to(base)
    return str(data_folder / Path(real).relative_to(base)) if inside else absolute
