"""Anything SpikeInterface reads: its own folders, Zarr stores and JSON, or one of its readers.

Without a ``reader_type``, or with ``spikeinterface``, every dataset that SpikeInterface itself has
written is a block with the single stream ``stream0``. With any other ``reader_type``, the reader's
own blocks and streams count, and each set of ``reader_kwargs`` is a session.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from dispatch_assets import si_folders
from dispatch_assets.errors import StreamError
from dispatch_assets.input_format import (
    Evidence,
    InputFormat,
    SkippedStream,
    Source,
    SourceRecording,
    SourceSegment,
    from_whole,
)
from dispatch_assets.models import Reason, Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import SETTINGS_NAME, DispatchParams, SpikeInterfaceInfo
from dispatch_assets.probes import attach_probe_file, check_wiring
from dispatch_assets.reading import reading
from dispatch_assets.si_descriptions import Descriptions
from dispatch_assets.si_readers import (
    SELF_DESCRIBING,
    blocks_and_streams,
    filtered,
    find_reader,
    paths_in,
    position_of,
    probe_file_for,
    read_stream,
    resolved,
)
from dispatch_assets.si_whole import folder_gaps, zarr_gaps
from dispatch_assets.zarr_store import is_zarr

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


class Generic(InputFormat):
    """SpikeInterface's own data, and everything its readers read."""

    name: ClassVar[str] = "spikeinterface"
    has_input_folder: ClassVar[bool] = False

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        described = Descriptions()
        if si_folders.kind_of(path, described) == "recording":
            return Evidence(True, path, "a recording that SpikeInterface wrote")
        inside = [
            p for p in _datasets(path, described) if si_folders.kind_of(p, described) == "recording"
        ]
        if inside:
            return Evidence(True, inside[0], "a recording that SpikeInterface wrote", nested=True)
        return Evidence(False, None, "nothing that it saved")

    def session_name(self, path: Path) -> str:
        """Return the file's or folder's name without ``.zarr`` or ``.json``."""
        return path.name.removesuffix(".zarr").removesuffix(".json")

    def gaps(self, path: Path) -> Iterator[str]:
        """See `InputFormat.gaps`; only SpikeInterface's own data say what belongs to them."""
        described = Descriptions()
        for dataset in _datasets(path, described):
            kind = si_folders.kind_of(dataset, described)
            if kind == "damaged":
                yield f"{dataset}: its JSON is not whole"
            elif dataset.name.endswith(".zarr") or (kind == "recording" and is_zarr(dataset)):
                yield from zarr_gaps(dataset) if kind != "sorting" else ()
            elif kind in ("recording", None) and dataset.is_dir():
                yield from folder_gaps(dataset)

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        info = params.reader
        if params.input == self.name and info.reader_type != SELF_DESCRIBING:
            yield from _read_with_reader(session, info)
            return
        # a person at the keyboard may send it anywhere, a file among the data may not
        by_settings = session.settings is not None and "input" in session.settings.values
        root, anywhere = Path(session.path), params.input == self.name and not by_settings
        yield from _read_datasets(root, Path(session.data_folder), anywhere=anywhere)


def _datasets(path: Path, described: Descriptions) -> list[Path]:
    """Return the candidates in `path`: folders; those of an only folder; else JSON files."""
    if si_folders.kind_of(path, described) is not None or not path.is_dir():
        return [path]
    visible = (p for p in path.iterdir() if p.name != SETTINGS_NAME)
    children = sorted(visible, key=lambda p: natural_key(p.name))
    folders = [p for p in children if p.is_dir()]
    files = [p for p in children if p.suffix in (".json", ".pkl", ".pickle") and p.is_file()]
    pickles = [p for p in files if p.suffix != ".json"]
    if len(folders) == 1 and si_folders.kind_of(folders[0], described) is None:
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
    block, described = 0, Descriptions()
    for path in _datasets(root, described):
        kind = si_folders.kind_of(path, described)
        if kind != "recording":
            reason, message = refusals[kind]
            yield SkippedStream("", path.name, reason, f"{path}: {message}.")
            block += kind == "damaged"  # so that the others keep their names
            continue
        loaded = functools.partial(si_folders.load, path, data_folder, described, anywhere=anywhere)
        files = functools.partial(si_folders.files_of, path, data_folder, described)
        opened = _opened(f"block{block}", "stream0", loaded, files, probe_file=None)
        if isinstance(opened, SourceRecording):
            opened = _with_damage(opened, path, data_folder, described)
        yield opened
        block += 1


def _with_damage(
    source: SourceRecording, path: Path, data_folder: Path, described: Descriptions
) -> SourceRecording:
    damage = functools.partial(si_folders.damage, path, data_folder, described)
    with reading(path):
        segments = tuple(replace(s, problem=damage(s.index) or s.problem) for s in source.segments)
    return replace(source, segments=segments)


def _read_with_reader(session: Session, info: SpikeInterfaceInfo) -> Iterator[Source]:
    data_folder = Path(session.data_folder)
    position = position_of(session, info)
    kwargs = resolved(info.sessions_kwargs[position], data_folder)
    raw = paths_in(kwargs, data_folder)
    reader = find_reader(str(info.reader_type))
    for block, stream, selection in blocks_and_streams(reader, kwargs, session):
        if stream.endswith("SYNC"):  # neo splits sync channels off as streams of their own
            yield SkippedStream(block, stream, Reason.SYNC_STREAM, "the probe's sync channel")
            continue
        reason = filtered(stream, info)
        if reason is not None:
            yield SkippedStream(block, stream, Reason.FILTERED_OUT, reason)
            continue
        probe_file = probe_file_for(info, position, stream, data_folder)
        load = functools.partial(read_stream, reader, {**kwargs, **selection}, stream)
        yield _opened(block, stream, load, lambda segment: raw, probe_file)


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
                check_wiring(recording, probe_file)
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
