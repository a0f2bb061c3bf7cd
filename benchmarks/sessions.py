"""Hours of recording that take little disk and no memory: short samples, stretched.

The writers of the tests' samples make a short session of each format; what grows with its length
is then written in pieces. Times are real, one value per sample. Traces, which no dispatcher
reads, are holes in sparse files (binary formats), hard links to one chunk of noise (Zarr), or
chunks that were never written (HDF5). The layout of chunks is that of the usual writers:
SpikeInterface's one second for AIND, NeuroConv's 10 MB for NWB.

``python -m benchmarks.sessions FORMAT MINUTES N_SESSIONS FOLDER`` is how the benchmark calls it:
in a process of its own, so that what it imports is not measured.
"""

from __future__ import annotations

import itertools
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from dispatch_assets_tests.samples import aind, generic, nwb, openephys, spikeglx
from dispatch_assets_tests.samples.payload import noise

if TYPE_CHECKING:
    import h5py
    import zarr
    from numpy.typing import NDArray

N_CHANNELS, RATE_HZ = 384, 30000
SAMPLE_S = 1.0  # length of the sessions that are stretched
PIECE = 1_250_000  # 10 MB of float64
NWB_CHUNK = (78_125, 64)  # 10 MB of int16
_SERIES = "ElectricalSeriesAP"


def write(kind: str, minutes: float, n_sessions: int, data: Path) -> None:
    """Write a data folder.

    Parameters
    ----------
    kind
        A key of `LONG`.
    minutes
        Length of the one session's one recording, of 384 channels at 30 kHz.
    n_sessions
        If not 0: write so many sessions of one second, each with a 1.0 probe (AP and LFP) and an
        NI device, and ignore `minutes`.
    data
        The folder; it must not be there yet.
    """
    data.mkdir(parents=True)
    for i in range(n_sessions):
        _MANY[kind](data, f"mouse{i:03d}")
    if n_sessions == 0:
        LONG[kind](data, round(minutes * 60 * RATE_HZ))


def _write_openephys(data: Path, n_samples: int) -> None:
    session = openephys.write_session(data / "session", _ap(), seconds=SAMPLE_S, content="zeros")
    (dat,) = session.rglob("continuous.dat")
    os.truncate(dat, 2 * N_CHANNELS * n_samples)
    _write_npy(dat.with_name("timestamps.npy"), np.dtype("f8"), n_samples)
    _write_npy(dat.with_name("sample_numbers.npy"), np.dtype("i8"), n_samples)


def _write_aind(data: Path, n_samples: int) -> None:
    import zarr

    session = aind.write_session(data / "ecephys_1_2024-01-15_10-00-00", _ap(), seconds=SAMPLE_S)
    (store,) = session.rglob("*.zarr")
    group = zarr.open_group(str(store), mode="r+")
    traces, times = group["traces_seg0"], group["times_seg0"]
    traces.resize(n_samples, N_CHANNELS)
    _link_chunks(traces, store / "traces_seg0")
    times.resize(n_samples)
    for start, stop in _pieces(n_samples, 40 * times.chunks[0]):
        times[start:stop] = _values(np.dtype("f8"), start, stop)
    zarr.consolidate_metadata(str(store))


def _write_nwb_hdf5(data: Path, n_samples: int) -> None:
    import h5py

    path = _write_short_nwb(data / "session.nwb", "hdf5")
    with h5py.File(path, "r+") as file:
        series = file["acquisition"][_SERIES]
        _replace(series, "data", (n_samples, N_CHANNELS), "i2", compression="gzip")
        times = _replace(series, "timestamps", (n_samples,), "f8", compression="gzip")
        for start, stop in _pieces(n_samples, PIECE):
            times[start:stop] = _values(np.dtype("f8"), start, stop)


def _write_nwb_zarr(data: Path, n_samples: int) -> None:
    import zarr

    path = _write_short_nwb(data / "session.nwb.zarr", "zarr")
    series = zarr.open_group(str(path), mode="r+")["acquisition"][_SERIES]
    traces = _replace(series, "data", (n_samples, N_CHANNELS), "i2")
    traces[: NWB_CHUNK[0], : NWB_CHUNK[1]] = noise(min(n_samples, NWB_CHUNK[0]), NWB_CHUNK[1])
    _link_chunks(traces, path / "acquisition" / _SERIES / "data")
    times = _replace(series, "timestamps", (n_samples,), "f8")
    for start, stop in _pieces(n_samples, PIECE):
        times[start:stop] = _values(np.dtype("f8"), start, stop)
    zarr.consolidate_metadata(str(path))


def _write_spikeinterface(data: Path, n_samples: int) -> None:
    recording = generic.make_recording(seconds=(SAMPLE_S,), n_channels=N_CHANNELS)
    recording.set_times(_values(np.dtype("f8"), 0, recording.get_num_samples()))
    folder = data / "session" / "recording"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it cannot be saved as JSON, being in memory
        recording.save(format="binary", folder=folder, **generic.QUIETLY)
    os.truncate(folder / "traces_cached_seg0.raw", 2 * N_CHANNELS * n_samples)
    with (folder / "times_cached_seg0.raw").open("wb") as file:
        for start, stop in _pieces(n_samples, PIECE):
            _values(np.dtype("f8"), start, stop).tofile(file)


def _write_spikeglx(data: Path, n_samples: int) -> None:
    seconds = n_samples / RATE_HZ
    probe = {"imec0": "NP1"}
    spikeglx.write_run(
        data / "run_g0", "run", probe, seconds=seconds, lf=False, nidq=False, content="zeros"
    )


def _write_one_openephys(data: Path, name: str) -> None:
    openephys.write_session(data / name, openephys.np1_streams(), content="zeros")


def _write_one_spikeglx(data: Path, name: str) -> None:
    spikeglx.write_run(data / f"{name}_g0", name, {"imec0": "NP1"}, content="zeros")


LONG: dict[str, Callable[[Path, int], None]] = {
    "openephys": _write_openephys,
    "aind": _write_aind,
    "nwb-hdf5": _write_nwb_hdf5,
    "nwb-zarr": _write_nwb_zarr,
    "spikeinterface": _write_spikeinterface,
    "spikeglx": _write_spikeglx,
}
_MANY = {"openephys": _write_one_openephys, "spikeglx": _write_one_spikeglx}


def _ap() -> list[openephys.Stream]:
    return openephys.probe_streams(openephys.Probe(), bands=("AP",))


def _write_short_nwb(path: Path, backend: Literal["hdf5", "zarr"]) -> Path:
    series = [nwb.NwbSeries(_SERIES, times=True)]
    probes = [nwb.NwbProbe(n_channels=N_CHANNELS)]
    return nwb.write_nwb(path, probes, series, backend=backend, seconds=0.1, content="zeros")


def _replace(
    group: h5py.Group | zarr.Group,
    name: str,
    shape: tuple[int, ...],
    dtype: str,
    **options: str,
) -> h5py.Dataset | zarr.Array:
    """Replace a dataset of an NWB file, HDF5 or Zarr, by an empty one with its attributes."""
    attributes = dict(group[name].attrs)
    del group[name]
    usual = NWB_CHUNK if len(shape) == 2 else (PIECE,)
    chunks = tuple(min(n, chunk) for n, chunk in zip(shape, usual, strict=True))
    dataset = group.create_dataset(name, shape=shape, dtype=dtype, chunks=chunks, **options)
    dataset.attrs.update(attributes)
    return dataset


def _link_chunks(array: zarr.Array, folder: Path) -> None:
    """Make every chunk of a Zarr array a hard link to its first."""
    first, *others = itertools.product(*map(range, array.cdata_shape))
    source = folder / ".".join(map(str, first))
    for chunk in others:
        target = folder / ".".join(map(str, chunk))
        target.unlink(missing_ok=True)
        target.hardlink_to(source)


def _write_npy(path: Path, dtype: np.dtype[Any], n: int) -> None:
    with path.open("wb") as file:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
        np.lib.format.write_array_header_1_0(file, header | {"shape": (n,)})
        for start, stop in _pieces(n, PIECE):
            _values(dtype, start, stop).tofile(file)


def _pieces(n: int, size: int) -> Iterator[tuple[int, int]]:
    return ((start, min(start + size, n)) for start in range(0, n, size))


def _values(dtype: np.dtype[Any], start: int, stop: int) -> NDArray[Any]:
    """Return sample numbers, or times in seconds with the jitter of a synchronised clock."""
    samples = np.arange(start, stop)
    if dtype.kind == "i":
        return samples + 645_000
    jitter = np.random.default_rng(start).uniform(-1e-7, 1e-7, samples.size)
    return 21.5 + samples * ((1 + 3.1e-6) / RATE_HZ) + jitter


if __name__ == "__main__":
    write(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4]))
