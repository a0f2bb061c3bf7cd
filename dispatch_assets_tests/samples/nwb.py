"""NWB files, HDF5 and Zarr, written with pynwb and hdmf-zarr.

Facts come from the NWB schema (nwb-schema.readthedocs.io: electrodes, ElectricalSeries, LFP).
"""

from __future__ import annotations

import datetime
import random
import uuid
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from .payload import Content, FloatArray, noise, stable_seed, sync_times

START = datetime.datetime(2024, 1, 15, 10, 0, tzinfo=datetime.UTC)
FIRST_TIME_S = 3.25
COLUMN_PITCH_UM, ROW_PITCH_UM, SHANK_PITCH_UM = 32.0, 20.0, 250.0


@dataclass(frozen=True)
class NwbProbe:
    """A device: its contacts in two columns on each shank, one electrode group per shank.

    `area` is where it was, the same for all shanks or one per shank.
    """

    name: str = "ProbeA"
    n_channels: int = 32
    n_shanks: int = 1
    area: str | tuple[str, ...] = "VISp"
    model: str = "Neuropixels 1.0"


@dataclass(frozen=True)
class NwbSeries:
    """An ElectricalSeries of one or more probes.

    `rate` is in Hz. `times` is False (a rate and a starting time), True (explicit times) or a
    function that edits the times (s). `where` is ``acquisition``, ``LFP`` (an LFP container in
    acquisition) or ``processing`` (one in the module ecephys).
    """

    name: str = "ElectricalSeriesAP"
    probes: tuple[str, ...] = ("ProbeA",)
    rate: float = 30000.0
    times: bool | Callable[[FloatArray], FloatArray] = False
    where: Literal["acquisition", "LFP", "processing"] = "acquisition"
    dtype: str = "int16"
    seconds: float | None = None


AP_AND_LFP = (
    NwbSeries(),
    NwbSeries("ElectricalSeriesLFP", rate=2500.0),
    NwbSeries("ElectricalSeriesLFP", rate=1250.0, where="processing"),
)
"""One probe's AP and LFP in acquisition, and a processed LFP."""


def write_nwb(
    path: Path,
    probes: Sequence[NwbProbe] = (NwbProbe(),),
    series: Sequence[NwbSeries] = AP_AND_LFP,
    *,
    backend: Literal["hdf5", "zarr"] = "hdf5",
    locations: bool = True,
    rel_z: bool = False,
    seconds: float = 1.0,
    content: Content = "noise",
    seed: int = 0,
) -> Path:
    """Write an NWB file (HDF5) or folder (Zarr).

    Parameters
    ----------
    path : Path
        What to write, by convention called ``*.nwb`` (or ``*.nwb.zarr``).
    probes : sequence of NwbProbe
        The devices.
    series : sequence of NwbSeries
        The signals.
    backend : {"hdf5", "zarr"}
        How the file is stored.
    locations : bool
        Whether the electrodes table has the columns rel_x and rel_y (um).
    rel_z : bool
        Whether it has rel_z, too.
    seconds : float
        Length of every series that does not say otherwise.
    content : {"noise", "zeros"}
        What the samples are.
    seed : int
        Seed of the noise and of the objects' ids.

    Returns
    -------
    path : Path
        What was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if backend == "hdf5":
        from pynwb import NWBHDF5IO as NwbIO
    else:
        from hdmf_zarr import NWBZarrIO as NwbIO
    with _seeded_ids(seed), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The linked table for DynamicTableRegion")
        file, rows = _new_file(path.name.split(".")[0], probes, locations, rel_z)
        for one in series:
            _add_series(file, one, rows, one.seconds or seconds, content, seed)
        with NwbIO(str(path), "w") as io:
            io.write(file)
    return path


@contextmanager
def _seeded_ids(seed: int) -> Iterator[None]:
    """Give objects the same ids in every run."""
    from hdmf import container

    rng, original = random.Random(seed), container.uuid4
    container.uuid4 = lambda: uuid.UUID(bytes=rng.randbytes(16), version=4)
    try:
        yield
    finally:
        container.uuid4 = original


def _new_file(
    name: str, probes: Sequence[NwbProbe], locations: bool, rel_z: bool
) -> tuple[Any, dict[str, list[int]]]:
    """Make a file with its devices; return it and each device's rows in the electrodes table."""
    from pynwb import NWBFile
    from pynwb.file import Subject

    subject = Subject(subject_id="sub-01", species="Mus musculus", sex="F", age="P90D")
    file = NWBFile(
        session_description="A sample session",
        identifier=name,
        session_id="ses-01",
        session_start_time=START,
        file_create_date=[START],
        subject=subject,
    )
    axes = ("rel_x", "rel_y", "rel_z")[: (2 + rel_z) * locations]
    for axis in axes:
        file.add_electrode_column(axis, f"{axis[-1]} on the probe, um")
    file.add_electrode_column("channel_name", "name of the channel")
    rows: dict[str, list[int]] = {}
    for probe in probes:
        first = sum(map(len, rows.values()))
        _add_probe(file, probe, axes)
        rows[probe.name] = list(range(first, first + probe.n_channels))
    return file, rows


def _add_probe(file: Any, probe: NwbProbe, axes: Sequence[str]) -> None:
    """Add a device, its electrode groups and its electrodes."""
    if probe.model not in file.device_models:
        file.create_device_model(name=probe.model, manufacturer="imec", model_number=probe.model)
    device = file.create_device(
        name=probe.name, description=probe.model, model=file.device_models[probe.model]
    )
    per_shank = probe.n_channels // probe.n_shanks
    for shank in range(probe.n_shanks):
        area = probe.area if isinstance(probe.area, str) else probe.area[shank]
        group = file.create_electrode_group(
            name=probe.name if probe.n_shanks == 1 else f"{probe.name}_shank{shank}",
            description=f"shank {shank} of {probe.name}",
            location=area,
            device=device,
        )
        for contact in range(per_shank):
            row, column = divmod(contact, 2)
            xyz = (shank * SHANK_PITCH_UM + column * COLUMN_PITCH_UM, row * ROW_PITCH_UM, 0.0)
            file.add_electrode(
                group=group,
                location=area,
                channel_name=f"{probe.name}_AP{shank * per_shank + contact}",
                **dict(zip(axes, xyz, strict=False)),
            )


def _add_series(
    file: Any,
    series: NwbSeries,
    rows: dict[str, list[int]],
    seconds: float,
    content: Content,
    seed: int,
) -> None:
    """Add a series of all channels of its probes."""
    import numpy as np
    from pynwb.ecephys import LFP, ElectricalSeries

    electrodes = [row for probe in series.probes for row in rows[probe]]
    n_samples = round(seconds * series.rate)
    data = np.zeros((n_samples, len(electrodes)), series.dtype)
    if content == "noise":
        traces = noise(n_samples, len(electrodes), stable_seed(seed, series.name))
        middle = 2**15 if data.dtype.kind == "u" else 0
        data[:] = traces.astype(np.int32) + middle
    clock: dict[str, Any] = {"rate": series.rate, "starting_time": FIRST_TIME_S}
    if series.times:
        times = sync_times(n_samples, series.rate, FIRST_TIME_S)
        clock = {"timestamps": series.times(times) if callable(series.times) else times}
    electrical = ElectricalSeries(
        name=series.name,
        description="sample signal",
        data=data,
        electrodes=file.create_electrode_table_region(electrodes, "channels of this series"),
        conversion=0.195e-6,
        **clock,
    )
    if series.where == "acquisition":
        file.add_acquisition(electrical)
    elif series.where == "LFP":
        file.add_acquisition(LFP(name="LFP", electrical_series=electrical))
    else:
        if "ecephys" not in file.processing:
            file.create_processing_module("ecephys", "processed signals")
        file.processing["ecephys"].add(LFP(name="LFP", electrical_series=electrical))
