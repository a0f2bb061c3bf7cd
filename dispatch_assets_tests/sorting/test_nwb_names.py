"""Names in NWB files that clash or say little: of probes of one stream, of units' properties."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from probeinterface import ProbeGroup, generate_tetrode
from pynwb.misc import Units
from spikeinterface.core import BaseRecording

from dispatch_assets.sorting.nwb.session import write_session_nwb
from dispatch_assets.sorting.nwb.unit_columns import descriptions
from dispatch_assets_tests.sorting.lab import context_of, publish_raw, write_known
from dispatch_assets_tests.sorting.nwb_lab import (
    contexts,
    finish,
    nwb_path,
    opened,
    some_spikes,
    sorting_of,
    unit_rows,
)
from dispatch_assets_tests.sorting.test_nwb_session import two_shanks

CLASHING = ("description", "name", "colnames", "columns", "parent", "namespace", "resolution")


def two_tetrodes(recording: BaseRecording, *, named: bool) -> BaseRecording:
    """Give each half of the channels a tetrode without a serial number."""
    group = ProbeGroup()
    for i in range(2):
        probe = generate_tetrode()
        probe.set_device_channel_indices(np.arange(4) + 4 * i)
        probe.name = f"tetrode{i}" if named else None
        probe.move([300.0 * i, 0.0])
        group.add_probe(probe)
    recording.set_probegroup(group, group_mode="by_probe")
    return recording


def session_of(folder: Path, *, named: bool, split: bool) -> Path:
    """Write the session file of two tetrodes, in segments that are jobs of their own."""
    write_known(
        folder / "data",
        n_channels=8,
        n_units=1,
        durations_s=(2.0, 1.5),
        change=lambda recording: two_tetrodes(recording, named=named),
    )
    jobs = contexts(folder / "data", folder / "results", split_groups=split)
    for context in jobs:
        finish(context)
    return write_session_nwb([c.results for c in jobs], folder / "out").path


@pytest.mark.parametrize("split", [True, False])
def test_probes_of_one_stream_are_devices_of_their_own(tmp_path: Path, split: bool) -> None:
    path = session_of(tmp_path, named=True, split=split)
    with opened(path) as file:
        assert set(file.devices) == {"tetrode0", "tetrode1"}
        rows = file.electrodes.to_dataframe()
        homes = {n: g.device.name for n, g in zip(rows["channel_name"], rows["group"], strict=True)}
    assert len(rows) == 8  # each electrode once, whatever the segment
    assert homes == {str(i): f"tetrode{i // 4}" for i in range(8)}
    units = unit_rows(path).values()
    assert {u["probe"] for u in units} == {"tetrode0", "tetrode1"}
    assert all(u["probe"] == homes[u["peak_channel"]] for u in units)


def test_probes_without_names_are_kept_apart(tmp_path: Path) -> None:
    path = session_of(tmp_path, named=False, split=True)
    with opened(path) as file:
        assert len(file.devices) == 2
        assert len(file.electrodes) == 8
    by_half: dict[bool, set[str]] = {True: set(), False: set()}
    for unit in unit_rows(path).values():
        by_half[int(unit["peak_channel"]) < 4].add(unit["probe"])
    assert [len(names) for names in by_half.values()] == [1, 1]
    assert by_half[True] != by_half[False]


def test_shanks_of_a_probe_without_serial_number_stay_one_device(tmp_path: Path) -> None:
    def unnumbered(recording: BaseRecording) -> BaseRecording:
        group = two_shanks(recording).get_probegroup()
        group.probes[0].annotations.pop("serial_number", None)
        group.probes[0].serial_number = None
        recording.set_probegroup(group, group_mode="by_shank")
        return recording

    write_known(tmp_path / "data", n_channels=8, n_units=1, durations_s=(2.0,), change=unnumbered)
    jobs = contexts(tmp_path / "data", tmp_path / "results")
    for context in jobs:
        finish(context)
    with opened(write_session_nwb([c.results for c in jobs], tmp_path / "out").path) as file:
        assert len(jobs) == len(file.electrode_groups) == 2
        assert [d.serial_number for d in file.devices.values()] == [None]


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_properties_called_like_attributes_of_the_table_are_columns(
    tmp_path: Path, backend: str
) -> None:
    known = write_known(tmp_path / "data", n_channels=4, n_units=1, durations_s=(2.0,))
    context = context_of(known, tmp_path / "results", {"nwb": {"backend": backend}})
    publish_raw(context)
    sorting = sorting_of(some_spikes(context.preprocessed()), 30_000.0)
    for name in CLASHING:
        sorting.set_property(name, np.array(["first", "second"]))
    finish(context, sorting)
    with opened(nwb_path(context)) as file:
        assert file.units.description.startswith("Units found by spike sorting")
        table = file.units.to_dataframe()
    for name in CLASHING:
        assert list(table[f"{name}_"]) == ["first", "second"]


def test_no_metric_is_called_like_an_attribute_of_the_table() -> None:
    assert [name for name in descriptions() if hasattr(Units, name)] == []
