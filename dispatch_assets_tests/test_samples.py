"""The samples open with SpikeInterface as a consumer would open them."""

from __future__ import annotations

import hashlib
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests import samples
from dispatch_assets_tests.opening import NODE, SHORT, assert_probe, read, sizes
from dispatch_assets_tests.samples import generic, nwb, payload

# payload


def test_noise_is_seeded_and_plausible(tmp_path: Path) -> None:
    payload.write_int16(tmp_path / "a", 7000, 16, seed=1)
    traces = np.fromfile(tmp_path / "a", np.int16).reshape(7000, 16)
    np.testing.assert_array_equal(traces, payload.noise(7000, 16, 1))
    assert not np.array_equal(traces, payload.noise(7000, 16, 2))
    assert 10 < traces.std() < 14
    assert np.corrcoef(traces[:, 4], traces[:, 5])[0, 1] > 0.3


def test_zeros_take_no_space(tmp_path: Path) -> None:
    payload.write_int16(tmp_path / "z", 30000 * 60, 384, content="zeros")
    stat = (tmp_path / "z").stat()
    assert stat.st_size == 2 * 384 * 30000 * 60
    assert stat.st_blocks * 512 < 1e6


def test_timestamp_faults_are_as_large_as_asked() -> None:
    times = payload.sync_times(30001, 30000.0, 5.0)
    assert times[0] == 5.0
    assert np.diff(times).mean() == pytest.approx((1 + 3.1e-6) / 30000, rel=1e-9)
    gap = np.diff(payload.with_gap(times, 100.0))
    assert np.flatnonzero(gap > 1e-3).tolist() == [14999]
    assert gap.max() == pytest.approx(0.1)
    steps = np.diff(payload.with_negative_steps(times, 11, 0.5))
    assert (steps < -0.4e-3).sum() == 11
    for fraction in (0.02, 0.0199, 0.5):
        zeros = np.diff(payload.with_zero_steps(times, fraction)) == 0
        assert zeros.sum() == np.ceil(fraction * 30000 - 1e-9)
    assert np.isnan(payload.with_nan(times)).sum() == 100
    assert set(payload.unsynchronised(times)) == {-1.0}


def test_a_file_is_cut_short(tmp_path: Path) -> None:
    payload.write_int16(tmp_path / "a", 100, 2)
    payload.cut_file(tmp_path / "a", 3)
    assert (tmp_path / "a").stat().st_size == 397


# NWB


@pytest.mark.parametrize("backend", ["hdf5", "zarr"])
def test_nwb(tmp_path: Path, backend: Any) -> None:
    from spikeinterface.extractors.nwbextractors import NwbRecordingExtractor

    probes = [nwb.NwbProbe("ProbeA", 8), nwb.NwbProbe("ProbeB", 16, 4, ("A", "B", "C", "D"))]
    series = [
        nwb.NwbSeries("A"),
        nwb.NwbSeries("B", ("ProbeB",), times=True, dtype="uint16"),
        nwb.NwbSeries("LFP-A", rate=2500.0, where="processing"),
    ]
    path = nwb.write_nwb(tmp_path / "x.nwb", probes, series, backend=backend, seconds=SHORT)
    found = NwbRecordingExtractor.fetch_available_electrical_series_paths(path)
    assert set(found) == {"acquisition/A", "acquisition/B", "processing/ecephys/LFP/LFP-A"}
    about: dict[str, Any] = {"load_time_vector": True}
    a = read("nwb_recording", path, electrical_series_path="acquisition/A", **about)
    assert (a.sampling_frequency, sizes(a), a.get_num_channels()) == (30000.0, [3000], 8)
    assert a.get_channel_gains()[0] == pytest.approx(0.195)
    assert float(np.squeeze(a.get_start_time(0))) == 3.25
    b = read("nwb_recording", path, electrical_series_path="acquisition/B", **about)
    assert b.has_time_vector(0)
    assert len(np.unique(b.get_channel_groups())) == 4
    assert np.unique(b.get_channel_locations(), axis=0).shape == (16, 2)
    assert set(b.get_property("brain_area")) == set("ABCD")


def test_nwb_without_locations(tmp_path: Path) -> None:
    path = nwb.write_nwb(tmp_path / "x.nwb", locations=False, seconds=SHORT)
    recording = read("nwb_recording", path, electrical_series_path="acquisition/ElectricalSeriesAP")
    assert not recording.has_probe()


# SpikeInterface's own and other readers


def test_saved_recordings(tmp_path: Path) -> None:
    from spikeinterface.core import load

    folder = load(generic.write_binary_folder(tmp_path / "b", seconds=(0.2, 0.1), n_shanks=4))
    assert sizes(folder) == [6000, 3000]
    assert len(np.unique(folder.get_channel_groups())) == 4
    unsigned = load(generic.write_zarr(tmp_path / "z.zarr", dtype="uint16", probe=False))
    assert unsigned.dtype == "uint16"
    assert not unsigned.has_probe()
    assert len(load(generic.write_sorting_folder(tmp_path / "s")).unit_ids) == 5


def test_json_dump_with_relative_paths_and_times(tmp_path: Path) -> None:
    from spikeinterface.core import load

    path, data = tmp_path / "here" / "recording.json", tmp_path / "here" / "store" / "rec"
    generic.write_json_dump(path, data, relative_to=path.parent, times=True, seconds=(0.5,))
    (tmp_path / "here").rename(tmp_path / "there")
    moved = load(tmp_path / "there" / "recording.json", base_folder=tmp_path / "there")
    assert sizes(moved) == [9000]
    assert moved.get_times()[0] == 5.0


def test_traps_work(tmp_path: Path) -> None:
    from spikeinterface.core import load

    trap = generic.write_pickle_trap(tmp_path / "x.pkl", tmp_path / "pickle_ran")
    pickle.loads(trap.read_bytes())
    assert (tmp_path / "pickle_ran").exists()
    trap = generic.write_foreign_json(tmp_path / "x.json", tmp_path / "json_ran")
    with pytest.raises(AttributeError):
        load(trap)
    assert (tmp_path / "json_ran").exists()


def test_other_readers(tmp_path: Path) -> None:
    from probeinterface import read_probeinterface
    from spikeinterface.core import read_binary
    from spikeinterface.extractors import get_neo_streams

    about = generic.write_raw(tmp_path / "raw", seconds=(0.2, 0.1), n_shanks=4)
    files = [tmp_path / "raw" / name for name in about.pop("file_paths")]
    assert sizes(read_binary(files, **about)) == [6000, 3000]
    probes = read_probeinterface(tmp_path / "raw" / "probe.json").probes
    assert len(set(probes[0].shank_ids)) == 4
    intan = generic.write_intan(tmp_path / "rec_240115_100000.rhd", seconds=0.2)
    names, _ = get_neo_streams("intan", intan)
    assert len(names) == 5
    amplifiers = read("intan", intan, stream_name=names[0])
    assert (amplifiers.get_num_channels(), sizes(amplifiers)) == (32, [5888])
    assert amplifiers.get_traces(return_in_uV=True).std() < 100
    neuroscope = read("neuroscope_recording", generic.write_neuroscope(tmp_path / "ns"))
    assert (neuroscope.sampling_frequency, sizes(neuroscope)) == (20000.0, [20000])


# everything


def test_one_per_format(tmp_path: Path) -> None:
    from spikeinterface.core import load

    sessions = samples.write_one_per_format(tmp_path, seconds=2.0)
    assert set(sessions) == {"spikeglx", "openephys", "aind", "nwb", "generic"}
    assert sorted(tmp_path.iterdir()) == sorted(sessions.values())
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 40e6
    recording = read("spikeglx", sessions["spikeglx"], stream_name="imec1.ap")
    assert_probe(recording, "NP2_4shank", samples.SAVED)
    stream = f"{NODE}Neuropix-PXI-100.ProbeA-AP"
    recording = read("openephys", sessions["openephys"], stream_name=stream)
    assert sizes(recording) == [60000, 60000]
    assert sizes(load(sessions["generic"] / "recording")) == [60000]


def digest(folder: Path) -> dict[str, str]:
    """Hash every file under a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


WRITERS: dict[str, Callable[[Path], Any]] = {
    "all": lambda root: samples.write_one_per_format(root, seconds=SHORT),
    "nwb_zarr": lambda root: nwb.write_nwb(root / "x.nwb", backend="zarr", seconds=SHORT),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_samples_are_the_same_every_time(tmp_path: Path, writer: str) -> None:
    for name in ("one", "two"):
        WRITERS[writer](tmp_path / name)
    assert digest(tmp_path / "one") == digest(tmp_path / "two")


def test_samples_do_not_import_the_product() -> None:
    for path in Path(samples.__file__).parent.glob("*.py"):
        assert not re.search(r"(from|import) dispatch_assets\b", path.read_text())
