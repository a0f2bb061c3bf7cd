"""AIND sessions: Zarr-compressed Open Ephys data, in the old, the new and the raw layout.

===========  ==========================================================================
layout       where the data lie in the session folder
===========  ==========================================================================
new          ``ecephys/ecephys_compressed/<experiment>_<stream>.zarr``
old          ``ecephys_compressed/<experiment>_<stream>.zarr``
raw          ``ecephys/Record Node NNN/...`` as Open Ephys wrote it
===========  ==========================================================================

Beside the compressed traces stands ``ecephys_clipped``: the Open Ephys folder with every stream
cut to its first samples, from which come the list of streams and the probe settings.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from dispatch_assets import open_ephys, open_ephys_folders
from dispatch_assets.aind_stores import store_recording
from dispatch_assets.errors import SessionError
from dispatch_assets.input_format import Evidence, InputFormat, SkippedStream, Source
from dispatch_assets.models import Reason, Session
from dispatch_assets.naming import natural_key, whole_characters
from dispatch_assets.open_ephys_probes import Settings
from dispatch_assets.open_ephys_whole import descriptions_gaps, recordings_gaps
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import FIX_OR_MOVE
from dispatch_assets.si_whole import zarr_gaps

_ZARR = re.compile(r"^(?P<block>experiment\d+)_(?P<stream>.+)\.zarr$")
_SKIPPED = ("NI-DAQ", "Rhythm")
_COMPRESSED, _CLIPPED = "ecephys_compressed", "ecephys_clipped"


class Aind(InputFormat):
    """Sessions as the Allen Institute for Neural Dynamics stores them."""

    name: ClassVar[str] = "aind"

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        base = _base(path)
        if base is not None:
            return Evidence(True, base / _COMPRESSED, "AIND's folder of compressed streams")
        raw = _raw_recordings(path)
        if raw:
            return Evidence(True, raw[0].path, "an Open Ephys recording in AIND's ecephys folder")
        return Evidence(False, None, f"no {_COMPRESSED}, no recording in ecephys")

    def session_name(self, path: Path) -> str:
        """Return the name in data_description.json, or the folder's name without one."""
        file = path / "data_description.json"
        if not file.is_file():
            return path.name
        try:
            name = json.loads(file.read_text(encoding="utf-8"))["name"]
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return path.name  # read() reports the damage
        name = whole_characters(name) if isinstance(name, str) else ""
        return name if name.strip() else path.name

    def gaps(self, path: Path) -> Iterator[str]:
        """See `InputFormat.gaps`."""
        base = _base(path)
        return recordings_gaps(path / "ecephys") if base is None else _gaps(base)

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        root = Path(session.path)
        base = _base(root)
        if base is None:
            if not _raw_recordings(root):
                remedy = "Check that the session was copied completely"
                raise SessionError("no compressed and no raw ephys data in it", root, remedy)
            yield from open_ephys.sources(root / "ecephys", skip_names=_SKIPPED)
            return
        clipped = _Clipped(base / _CLIPPED)
        stores = {}
        for path in sorted((base / _COMPRESSED).iterdir(), key=lambda p: natural_key(p.name)):
            match = _ZARR.match(path.name)
            if match is not None:
                stores[match["block"], match["stream"]] = path
            elif path.name.endswith(".zarr"):
                message = f"{path}: its name is not <experiment>_<stream>.zarr. {FIX_OR_MOVE}."
                yield SkippedStream("", path.name, Reason.UNREADABLE, message)
        for (block, stream), store in stores.items():
            yield _source(block, stream, store, stores, clipped)
        for block, stream in sorted(clipped.streams.keys() - stores.keys()):
            yield _without_store(block, stream, clipped)


def _base(path: Path) -> Path | None:
    """Return the folder that holds the compressed data, new layout first, or None."""
    candidates = (path / "ecephys", path)
    return next((c for c in candidates if (c / _COMPRESSED).is_dir()), None)


def _raw_recordings(path: Path) -> list[open_ephys_folders.RecordingFolder]:
    folder = path / "ecephys"
    return open_ephys_folders.recording_folders(folder, 3) if folder.is_dir() else []


def _gaps(base: Path) -> Iterator[str]:
    """Yield what is missing from compressed streams, their chunks, or the clipped folder."""
    clipped, stores = _Clipped(base / _CLIPPED), set()
    if clipped.folder.is_dir():
        yield from descriptions_gaps(clipped.folder)
    for store in sorted((base / _COMPRESSED).glob("*.zarr")):
        match = _ZARR.match(store.name)
        stores.add((match["block"], match["stream"]) if match else ("", store.name))
        yield from zarr_gaps(store)
    for block, stream in sorted(clipped.streams.keys() - stores):
        left_out = _without_store(block, stream, clipped)
        if left_out.reason == Reason.MISSING_FILE:
            yield left_out.message


class _Clipped:
    """The clipped Open Ephys folder, if there is one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recordings = open_ephys_folders.recording_folders(folder) if folder.is_dir() else []
        self._settings_of = functools.cache(Settings)

    @functools.cached_property
    def streams(self) -> dict[tuple[str, str], list[Path]]:
        """Return the data files of every stream, by (block, stream)."""
        found: dict[tuple[str, str], list[Path]] = {}
        for recording in self.recordings:
            for stream in open_ephys_folders.streams(recording):
                key = f"experiment{recording.experiment}", stream.name
                found.setdefault(key, []).append(stream.path / "continuous.dat")
        return found

    def settings(self, block: str, stream: str) -> Settings | None:
        """Return the settings of the experiment, of the stream's own record node."""
        node = stream.partition("#")[0]
        files = [
            r.settings
            for r in self.recordings
            if f"experiment{r.experiment}" == block and r.node in ("", node)
        ]
        return self._settings_of(files[0]) if files else None


def _source(
    block: str,
    stream: str,
    store: Path,
    stores: dict[tuple[str, str], Path],
    clipped: _Clipped,
) -> Source:
    if any(s in stream for s in _SKIPPED):
        return SkippedStream(block, stream, Reason.AUXILIARY_STREAM, "analog inputs, no probe")
    if re.search(r"(^|[-_. ])LFP$", stream):
        message = "LFP band; goes with the job of the AP stream of the same name"
        return SkippedStream(block, stream, Reason.LFP_BAND, message)
    source = store_recording(block, stream, store, clipped.settings(block, stream))
    lfp_stream = stream.removesuffix("AP") + "LFP"
    lfp = stores.get((block, lfp_stream)) if stream.endswith("AP") else None
    if lfp is None:
        return source
    settings = clipped.settings(block, lfp_stream)
    return replace(source, lfp=store_recording(block, lfp_stream, lfp, settings))


def _without_store(block: str, stream: str, clipped: _Clipped) -> SkippedStream:
    """Say why a stream of the clipped folder has no compressed store."""
    if any(s in stream for s in _SKIPPED):
        return SkippedStream(block, stream, Reason.AUXILIARY_STREAM, "analog inputs, no probe")
    files = clipped.streams[block, stream]
    if any(f.is_file() and f.stat().st_size for f in files):
        message = f"{clipped.folder} has this stream, {_COMPRESSED} does not. {FIX_OR_MOVE}."
        return SkippedStream(block, stream, Reason.MISSING_FILE, message)
    return SkippedStream(block, stream, Reason.EMPTY, "the stream has no samples")
