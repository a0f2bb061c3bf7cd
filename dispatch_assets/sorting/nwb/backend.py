"""Writing an NWB file, HDF5 or Zarr, and looking at what was written.

hdmf-zarr by default pickles the references between objects, and numcodecs 0.15.2 refuses to
unpickle them: such files can be written and not be read. References are written as JSON here, so
that nothing in our files is pickled; every reader decodes them, because a Zarr array names its
codec itself.
"""

from __future__ import annotations

import os
import shutil
import uuid
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dispatch_assets.errors import DispatchError, StepError, StoreError
from dispatch_assets.sorting.results import Check

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from pynwb import NWBFile

Backend = Literal["hdf5", "zarr"]
SUFFIX: dict[Backend, str] = {"hdf5": ".nwb", "zarr": ".nwb.zarr"}
_COMPRESSED = ("waveform_mean", "waveform_sd", "spike_times", "spike_times_original_clock")
_MAX_COMPLAINTS = 3
_OUR_FAULT = "This is a fault of dispatch_assets: report it"


def write_file(
    file: NWBFile, path: Path, backend: Backend, *, refuse_faulty: bool = False
) -> list[Check]:
    """Write a file under a private name, check it, and put it in its place.

    Parameters
    ----------
    file
        What to write.
    path
        Where; what is there is replaced.
    backend
        Kind of file.
    refuse_faulty
        Leave no file whose checks fail.

    Returns
    -------
    list of Check
        Whether it is valid, and whether its spike times are the right ones.

    Raises
    ------
    StepError
        If it cannot be written, or is refused.
    StoreError
        If the disk refuses it.
    """
    private = path.with_name(f".{uuid.uuid4().hex[:12]}{SUFFIX[backend]}")
    expected = spike_times(file)
    try:
        _write(file, private, backend)
        checks = [_check_valid(private, backend), _check_spikes(private, expected)]
        failed = [check.message for check in checks if not check.passed]
        if failed and refuse_faulty:
            raise StepError("; ".join(failed), path, _OUR_FAULT)
        _replace(private, path)
    except DispatchError:
        raise
    except OSError as e:
        remedy = "Check free space and permissions"
        raise StoreError(f"cannot be written ({e.strerror or e})", path, remedy) from e
    except Exception as e:  # whatever pynwb and hdmf raise
        what = f"the NWB file cannot be written ({type(e).__name__}: {e})"
        raise StepError(what, path, _OUR_FAULT) from e
    finally:
        _remove(private)
    return checks


def _write(file: NWBFile, path: Path, backend: Backend) -> None:
    with warnings.catch_warnings():
        # the region of electrodes is written before the table that it points to, on purpose
        warnings.filterwarnings("ignore", "The linked table for DynamicTableRegion")
        if backend == "zarr":
            import numcodecs
            from hdmf_zarr import ZarrIO
            from pynwb import get_manager

            # NWBZarrIO 0.13 does not pass the codec on
            codec = numcodecs.JSON
            with ZarrIO(str(path), "w", manager=get_manager(), object_codec_class=codec) as io:
                io.write(file)
            return
        from pynwb import NWBHDF5IO

        _compress(file)
        with NWBHDF5IO(str(path), "w") as io:
            io.write(file)


def _compress(file: NWBFile) -> None:
    """Have HDF5 compress large columns; Zarr does so anyway."""
    from hdmf.backends.hdf5 import H5DataIO

    columns = file.units.columns if file.units is not None else ()
    for name in _COMPRESSED:
        column = next((c for c in columns if c.name == name), None)
        if column is not None and np.size(column.data):
            column.set_data_io(H5DataIO, {"compression": "gzip", "shuffle": True})


def _replace(private: Path, path: Path) -> None:
    if path.is_dir():  # a folder cannot be replaced by a rename
        old = path.with_name(f".{uuid.uuid4().hex[:12]}.old")
        path.rename(old)
        private.rename(path)
        shutil.rmtree(old)
    else:
        private.replace(path)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def spike_times(file: NWBFile) -> list[NDArray[np.float64]]:
    """Return the spike times of each unit of a file that was not written yet, in seconds."""
    if file.units is None:
        return []
    times = file.units["spike_times"]
    ends = np.asarray(times.data, dtype=np.int64)
    return np.split(np.asarray(times.target.data), ends[:-1]) if len(ends) else []


def size_mb(path: Path) -> float:
    """Return the size of a file, or of all files in a folder, in MB."""
    files = (
        [Path(f, n) for f, _, names in os.walk(path) for n in names] if path.is_dir() else [path]
    )
    return round(sum(f.stat().st_size for f in files) / 1e6, 3)


def _check_valid(path: Path, backend: Backend) -> Check:
    """Return whether a file keeps to the NWB schema, according to pynwb."""
    from pynwb import validate

    if backend == "zarr":
        from hdmf_zarr import NWBZarrIO as NwbIO
    else:
        from pynwb import NWBHDF5IO as NwbIO
    # the schema of this pynwb, which wrote it: reading the copy in the file takes most of the time
    with NwbIO(str(path), "r", load_namespaces=False) as io:
        complaints = [str(error) for error in validate(io=io, use_cached_namespaces=False)]
    said = "; ".join(complaints[:_MAX_COMPLAINTS])
    return Check(
        name="nwb_valid",
        passed=not complaints,
        message=f"pynwb complains of {len(complaints)}: {said}" if complaints else "Valid NWB.",
        severity="ERROR",
    )


def _check_spikes(path: Path, expected: list[NDArray[np.float64]]) -> Check:
    """Return whether SpikeInterface reads the same spike times back, bit by bit."""
    from spikeinterface.extractors import read_nwb_sorting

    found: list[Any] = []
    if expected:
        sorting = read_nwb_sorting(path, load_unit_properties=False)
        found = [sorting.get_unit_spike_train_in_seconds(u) for u in sorting.unit_ids]
    same = len(found) == len(expected) and all(map(np.array_equal, found, expected))
    return Check(
        name="nwb_spike_times",
        passed=same,
        message="SpikeInterface reads the same spike times back."
        if same
        else "The spike times in the file are not those that were written.",
        severity="ERROR",
    )
