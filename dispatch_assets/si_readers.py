"""SpikeInterface's readers: their blocks and streams, and the arguments that users give them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import ParameterError, SessionError, StreamError, did_you_mean
from dispatch_assets.models import Session
from dispatch_assets.naming import natural_key
from dispatch_assets.params import DispatchParams, SpikeInterfaceInfo
from dispatch_assets.reading import reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

SELF_DESCRIBING = "spikeinterface"
_CHECK_KWARGS = "Check reader_type and reader_kwargs in spikeinterface_info"


def reader_sessions(data_folder: Path, params: DispatchParams) -> list[tuple[str, Path]]:
    """Return (name, path) of each session that the parameters describe.

    A session whose path does not exist has that of the data folder; reading it tells.

    Raises
    ------
    ParameterError
        If there is no such reader.
    """
    info = params.reader
    if info.reader_type == SELF_DESCRIBING:
        return [("session1", data_folder)]
    find_reader(str(info.reader_type))
    names = info.session_names or [f"session{i}" for i in range(len(info.sessions_kwargs))]
    paths = [_first_path(kwargs, data_folder) for kwargs in info.sessions_kwargs]
    return list(zip(names, paths, strict=True))


def _first_path(kwargs: dict[str, Any], data_folder: Path) -> Path:
    try:
        return next(iter(paths_in(kwargs, data_folder)), data_folder)
    except SessionError:
        return data_folder


@dataclass(frozen=True)
class Reader:
    """One of SpikeInterface's readers."""

    name: str
    read: Callable[..., Any]
    is_neo: bool


def find_reader(name: str) -> Reader:
    """Return the reader called `name`.

    Raises
    ------
    ParameterError
        If SpikeInterface has none; it names the nearest, and all there are.
    """
    from spikeinterface.extractors import recording_extractor_full_dict
    from spikeinterface.extractors.neoextractors import neo_recording_class_dict

    if name not in recording_extractor_full_dict:
        guess = did_you_mean(name, recording_extractor_full_dict, at_most=3)
        what = f"SpikeInterface has no reader {name!r}{f', {guess}' if guess else ''}"
        known = f"Known: {', '.join(sorted(recording_extractor_full_dict))}"
        raise ParameterError(what, "reader_type", known)
    read = recording_extractor_full_dict[name]
    return Reader(name, read, name in neo_recording_class_dict or read in neo_recording_class_dict)


def blocks_and_streams(
    reader: Reader, kwargs: dict[str, Any], session: Session
) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (block, stream, arguments that select them) of a session.

    Raises
    ------
    SessionError
        If the reader does not read it.
    """
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


def read_stream(reader: Reader, kwargs: dict[str, Any], stream: str) -> BaseRecording:
    """Open what `kwargs` describe; `stream` is for the message if that fails."""
    with reading(f"{reader.name} reader, stream {stream}", _CHECK_KWARGS):
        recording: BaseRecording = reader.read(**kwargs)
        return recording


def filtered(stream: str, info: SpikeInterfaceInfo) -> str | None:
    """Return why the user does not want a stream, or None."""
    keep, skip = info.keep_stream_substrings, info.skip_stream_substrings
    if keep and not any(s in stream for s in keep):
        return f"its name contains none of keep_stream_substrings {keep}"
    if any(s in stream for s in skip):
        return f"its name contains one of skip_stream_substrings {skip}"
    return None


def probe_file_for(
    info: SpikeInterfaceInfo, position: int, stream: str, data_folder: Path
) -> Path | None:
    """Return the probe file of a stream of the session at `position`, existing or not, or None."""
    paths = info.probe_paths
    given = paths[position] if isinstance(paths, list) else paths
    if isinstance(given, dict):
        given = given.get(stream)
    return None if given is None else _existing(given, data_folder) or Path(given)


def position_of(session: Session, info: SpikeInterfaceInfo) -> int:
    """Return which of the sessions that the parameters describe a session is."""
    names = info.session_names or [f"session{i}" for i in range(len(info.sessions_kwargs))]
    return names.index(session.name)


def resolved(kwargs: dict[str, Any], data_folder: Path) -> dict[str, Any]:
    """Return the reader's arguments with every path made absolute.

    Raises
    ------
    SessionError
        If a path exists neither from here nor from the data folder.
    """

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


def paths_in(kwargs: dict[str, Any], data_folder: Path) -> tuple[Path, ...]:
    """Return the paths among the reader's arguments, absolute; raises as `resolved` does."""
    values = resolved(kwargs, data_folder)
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
