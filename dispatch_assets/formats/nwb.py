"""NWB files, HDF5 and Zarr: every ElectricalSeries under acquisition is a stream."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dispatch_assets import zarr_store
from dispatch_assets.errors import SessionError, StreamError, count
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
from dispatch_assets.nwb_files import is_nwb, named_nwb, nwb_files
from dispatch_assets.nwb_probes import GROUPS, ElectrodeGroups, attach_device_probes
from dispatch_assets.nwb_series import series_paths
from dispatch_assets.nwb_whole import hdf5_gaps, zarr_gaps
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import FIX_OR_MOVE, reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

MIN_AP_RATE_HZ = 10_000.0  # upstream's border between AP and LFP
_ARRAYS = ("data", "timestamps")
_TRUNCATED = re.compile(r"truncated file: .*stored_eof = (\d+)")  # what HDF5 says
_NO_LOCATIONS = (
    "Add rel_x and rel_y to the electrodes table, or read the file with input 'spikeinterface', "
    "reader_type 'nwb' and probe_paths"
)


class Nwb(InputFormat):
    """Neurodata Without Borders files."""

    name: ClassVar[str] = "nwb"
    tell_tale = re.compile(r"\.nwb$")
    has_input_folder: ClassVar[bool] = False

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        if is_nwb(path):
            return Evidence(True, path, "an NWB file")
        found = nwb_files(path) if path.is_dir() else []
        if found:
            return Evidence(True, found[0], "an NWB file in it", nested=True)
        return Evidence(False, None, "no NWB file")

    def session_paths(self, entry: Path) -> list[Path]:
        """Return every NWB file in `entry`: each is a session."""
        return [entry] if is_nwb(entry) else nwb_files(entry)

    def session_name(self, path: Path) -> str:
        """Return the file's name without its endings."""
        return path.name.removesuffix(".zarr").removesuffix(".nwb")

    def gaps(self, path: Path) -> Iterator[str]:
        """See `InputFormat.gaps`; a half-copied file beside a whole one counts, too."""
        for file in [path] if is_nwb(path) else named_nwb(path):
            if not is_nwb(file):
                yield f"{file}: is no NWB file yet"
            elif file.is_dir():
                yield from zarr_gaps(file)
            else:
                yield from hdf5_gaps(file)

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        path, arrays = Path(session.path), dict[Path, dict[str, Any]]()
        if path.is_dir():
            arrays = zarr_store.check_store(path, only=_is_read)
        else:
            _refuse_truncated(path)
        with reading(path):
            series = _series_paths(path)
        if not series:
            raise SessionError("holds no ElectricalSeries", path, "Nothing to sort in it")
        groups, with_times = ElectrodeGroups(path), not params.debug
        for name in sorted(series, key=natural_key):
            open_series = functools.partial(_open, path, name, groups, with_times=with_times)
            yield from _sources(session, name, arrays, functools.cache(open_series))


def _refuse_truncated(path: Path) -> None:
    """Compare an HDF5 file with its own header, as HDF5 itself does first of all."""
    import h5py

    with reading(path):
        try:
            h5py.File(path, "r").close()
        except OSError as e:
            sizes = _TRUNCATED.search(str(e))
            if sizes is None:
                raise
            size = count(path.stat().st_size, "byte")
            what = f"{size} on disk, {int(sizes[1]):,} according to its header"
            raise StreamError(what, path, FIX_OR_MOVE, Reason.TRUNCATED) from e


def _is_read(array: str) -> bool:
    """Say whether reading a recording reads this array of a Zarr store.

    hdmf-zarr pickles object references, such as the electrodes' ``group``; those are never read.
    """
    electrodes = f"{GROUPS}/electrodes/"
    return array.startswith(("acquisition/", electrodes)) and array != f"{electrodes}group"


def _series_paths(path: Path) -> list[str]:
    if path.is_file():
        return series_paths(path)
    from spikeinterface.extractors.nwbextractors import NwbRecordingExtractor

    return [str(p) for p in NwbRecordingExtractor.fetch_available_electrical_series_paths(path)]


def _sources(
    session: Session,
    series: str,
    arrays: zarr_store.Arrays,
    open_whole: Callable[[], BaseRecording],
) -> Iterator[Source]:
    path, stream = Path(session.path), series.replace("/", "-")
    if not series.startswith("acquisition"):
        message = "processed data, not under acquisition"
        yield SkippedStream("block0", stream, Reason.AUXILIARY_STREAM, message)
        return
    try:
        linked = _linked_files(path, series, Path(session.data_folder))
        recording = open_whole()
    except StreamError as e:
        yield SkippedStream("block0", stream, Reason(e.reason), str(e))
        return
    rate_hz = recording.get_sampling_frequency()
    if rate_hz < MIN_AP_RATE_HZ:
        message = f"sampled at {rate_hz:g} Hz, a field potential"
        yield SkippedStream("block0", stream, Reason.LFP_BAND, message)
        return
    yield SourceRecording(
        block="block0",
        stream=stream,
        segments=(SourceSegment(0, (path, *linked), _problem(path, series, recording, arrays)),),
        open_segments=from_whole(open_whole),
        probe_dict=functools.partial(_probe_dict, recording),
    )


def _problem(
    path: Path, series: str, recording: BaseRecording, arrays: zarr_store.Arrays
) -> StreamError | None:
    import numpy as np

    where = f"{path} ({series})"
    if recording.get_num_samples() == 0:
        return StreamError("the stream has no samples", where, "", Reason.EMPTY)
    found = [a for n in _ARRAYS if (a := path / series / n) in arrays]
    n_missing = sum(zarr_store.n_missing_chunks(a, arrays[a]) for a in found)
    if n_missing:
        what = f"{count(n_missing, 'chunk is', 'chunks are')} missing, and would be read as zeros"
        return StreamError(what, where, FIX_OR_MOVE, Reason.TRUNCATED)
    if not recording.has_probe():
        what = "its electrodes have no positions"
        return StreamError(what, where, _NO_LOCATIONS, Reason.NO_PROBE)
    if not np.isfinite(recording.get_channel_locations()).all():
        what = "some of its electrodes have no position (NaN)"
        return StreamError(what, where, _NO_LOCATIONS, Reason.NO_PROBE)
    return None


def _linked_files(path: Path, series: str, data_folder: Path) -> tuple[Path, ...]:
    """Return the other files that an HDF5 file's series lies in.

    Raises
    ------
    StreamError
        If one of them lies outside of the data folder.
    """
    if path.is_dir():
        return ()
    import h5py

    with reading(f"{path} ({series})"), h5py.File(path, "r") as file:
        arrays = [file[name] for n in _ARRAYS if (name := f"{series}/{n}") in file]
        names = [a.file.filename for a in arrays]
        names += [external[0] for a in arrays for external in a.external or ()]
    linked = {Path(os.path.normpath(path.parent / os.fsdecode(n))) for n in names} - {path}
    homes = data_folder.resolve(), path.resolve().parent
    for other in sorted(linked):
        if not any(other.resolve().is_relative_to(home) for home in homes):
            what = f"links to {other}, which lies outside of {data_folder}"
            remedy = "Copy that file into the data folder and mend the link"
            raise StreamError(what, f"{path} ({series})", remedy, Reason.REFUSED)
    return tuple(sorted(linked))


def _open(path: Path, series: str, groups: ElectrodeGroups, *, with_times: bool) -> BaseRecording:
    """Open a series, with its time vector unless it is going to be clipped.

    SpikeInterface 0.105 cannot slice a series with a time vector; debug clips do without.
    """
    from spikeinterface.extractors import read_nwb_recording

    with reading(f"{path} ({series})"):
        recording = read_nwb_recording(
            path, electrical_series_path=series, load_time_vector=with_times
        )
        if recording.has_probe():
            attach_device_probes(recording, groups)
    return recording


def _probe_dict(recording: BaseRecording) -> dict[str, Any]:
    """Return the whole probe (the first one of several) in probeinterface's JSON form."""
    probe: dict[str, Any] = recording.get_probegroup().probes[0].to_dict(array_as_list=True)
    return probe
