"""A small session of every format, and what the watch says of it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from dispatch_assets.params import DispatchParams
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.samples import SAVED, aind, generic, nwb, openephys, spikeglx

SECONDS = 0.05
PROBES = [nwb.NwbProbe("ProbeA", 8)]
SERIES = [nwb.NwbSeries("ElectricalSeriesProbeA-AP", ("ProbeA",), 30000.0)]


def write_aind(folder: Path) -> None:
    streams = openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED))
    aind.write_session(folder, streams, seconds=SECONDS)


def write_openephys(folder: Path) -> None:
    streams = openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED))
    openephys.write_session(folder, streams, experiments={1: (1, 2)}, seconds=SECONDS)


def write_nwb(folder: Path) -> None:
    nwb.write_nwb(folder / "a.nwb", PROBES, SERIES, seconds=SECONDS)


def write_nwb_zarr(folder: Path) -> None:
    nwb.write_nwb(folder / "a.nwb.zarr", PROBES, SERIES, seconds=SECONDS, backend="zarr")


def write_spikeglx(folder: Path) -> None:
    spikeglx.write_run(folder, "run", {"imec0": "NP1"}, seconds=SECONDS, saved=SAVED)


def write_generic(folder: Path) -> None:
    generic.write_binary_folder(folder / "one", seconds=(SECONDS,))
    generic.write_zarr(folder / "two.zarr", seconds=(SECONDS,))


WRITERS: dict[str, Callable[[Path], None]] = {
    "aind": write_aind,
    "nwb": write_nwb,
    "nwb_zarr": write_nwb_zarr,
    "openephys": write_openephys,
    "spikeglx": write_spikeglx,
    "spikeinterface": write_generic,
}

BIN, META = "run_g0_imec0/*.ap.bin", "run_g0_imec0/*.ap.meta"
STREAM = "*/experiment1/recording2/continuous/*AP"
STORE = "*/ecephys_compressed/*AP.zarr"


def why(root: Path, entry: str, **params: object) -> str | None:
    watched = WatchedRoot(root, DispatchParams.model_validate(params))
    return watched.why_unsettled(entry, watched.looks()[entry])


def cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)
