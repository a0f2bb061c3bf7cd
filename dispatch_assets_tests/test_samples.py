"""The samples open with SpikeInterface as a consumer would open them."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests import samples
from dispatch_assets_tests.samples import aind, generic, nwb, openephys, payload, spikeglx
from dispatch_assets_tests.samples.neuropixels import sites
from dispatch_assets_tests.samples.openephys import Faults, Probe, ni_stream, probe_streams

SHORT = 0.1
FEW = tuple(channel for channel in range(384) if channel % 50 < 2)
NODE = "Record Node 101#"


def read(kind: str, folder: Path, **about: Any) -> Any:
    """Open a recording with a named reader of SpikeInterface."""
    from spikeinterface import extractors

    return getattr(extractors, f"read_{kind}")(folder, **about)


def sizes(recording: Any) -> list[int]:
    """Return the number of samples of each segment."""
    return [recording.get_num_samples(i) for i in range(recording.get_num_segments())]


def assert_probe(recording: Any, kind: str, saved: tuple[int, ...] | None = None) -> None:
    """Check that channels lie where the probe's sites do, in one group per shank."""
    where = sites(kind)
    keep = slice(None) if saved is None else list(saved)
    np.testing.assert_allclose(recording.get_channel_locations(), where.xy_um[keep])
    np.testing.assert_array_equal(recording.get_channel_groups().astype(int), where.shank[keep])
    assert recording.get_property("inter_sample_shift").max() > 0


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


# SpikeGLX


@pytest.mark.parametrize(
    ("kind", "gain"),
    [
        ("NP1", 1.2e6 / 1024 / 500),
        ("NP2", 1e6 / 16384 / 80),
        ("NP2_4shank", 1.24e6 / 4096 / 100),
        ("NP2_4shank_ph1", 1e6 / 16384 / 80),
        ("Ultra", 1.2e6 / 1024 / 500),
    ],
)
def test_spikeglx_probes(tmp_path: Path, kind: str, gain: float) -> None:
    run = spikeglx.write_run(tmp_path / "r_g0", "r", {"imec0": kind}, seconds=SHORT)
    recording = read("spikeglx", run, stream_name="imec0.ap")
    assert (recording.sampling_frequency, sizes(recording)) == (30000.0, [3000])
    assert recording.get_num_channels() == 384
    assert recording.get_channel_gains()[0] == pytest.approx(gain)
    assert recording.get_start_time(0) == 100.0
    assert_probe(recording, kind)
    assert read("spikeglx", run, stream_name="nidq").get_num_channels() == 9
    if kind in ("NP1", "Ultra"):
        lfp = read("spikeglx", run, stream_name="imec0.lf")
        assert (lfp.sampling_frequency, sizes(lfp)) == (2500.0, [250])
        assert lfp.get_channel_gains()[0] == pytest.approx(2 * gain)
        assert_probe(lfp, kind)


@pytest.mark.parametrize("kind", ["NP2_4shank", "QuadBase"])
def test_spikeglx_geometry_agrees_with_the_imro_table(tmp_path: Path, kind: str) -> None:
    from probeinterface.neuropixels_tools import parse_spikeglx_meta, parse_spikeglx_snsGeomMap

    run = spikeglx.write_run(tmp_path / "r_g0", "r", {"imec0": kind}, seconds=0.01, nidq=False)
    (meta,) = run.rglob("*.meta")
    geometry = parse_spikeglx_snsGeomMap(parse_spikeglx_meta(meta))
    assert geometry[:3] == (4, 70.0, 250.0)
    np.testing.assert_array_equal(geometry[3], sites(kind).shank)
    x = sites(kind).xy_um[:, 0] - 250.0 * sites(kind).shank
    np.testing.assert_allclose(geometry[4], x + 27.0)


def test_spikeglx_quad_base(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r_g0", "r", {"imec0": "QuadBase"}, seconds=0.01)
    recording = read("spikeglx", run, stream_name="imec0.ap")
    assert recording.get_num_channels() == 1536
    assert_probe(recording, "QuadBase")


def test_spikeglx_phase3a_and_onebox(tmp_path: Path) -> None:
    old = spikeglx.write_run(tmp_path / "o", "o", {"imec": "phase3A"}, seconds=SHORT, nidq=False)
    assert_probe(read("spikeglx", old, stream_name="imec.ap"), "phase3A")
    assert_probe(read("spikeglx", old, stream_name="imec.lf"), "phase3A")
    box = {"imec0": "NP2_4shank", "obx0": "OneBox"}
    new = spikeglx.write_run(tmp_path / "n", "n", box, seconds=SHORT, nidq=False)
    analog = read("spikeglx", new, stream_name="obx0")
    assert (analog.get_num_channels(), sizes(analog)) == (13, [3030])


def test_spikeglx_triggers_subset_and_flat_folder(tmp_path: Path) -> None:
    about: dict[str, Any] = {"seconds": SHORT, "triggers": (0, 1), "saved": FEW, "flat": True}
    run = spikeglx.write_run(tmp_path / "r_g3", "r", {"imec0": "NP1"}, gate=3, **about)
    assert all(path.is_file() for path in run.iterdir())
    recording = read("spikeglx", run, stream_name="imec0.ap")
    assert sizes(recording) == [3000, 3000]
    assert recording.get_start_time(1) - recording.get_start_time(0) == pytest.approx(0.6)
    assert_probe(recording, "NP1", FEW)
    assert_probe(read("spikeglx", run, stream_name="imec0.lf"), "NP1", FEW)


def test_spikeglx_missing_and_truncated_files(tmp_path: Path) -> None:
    run = spikeglx.write_run(
        tmp_path / "r_g0",
        "r",
        {"imec0": "NP1", "imec1": "NP1"},
        seconds=SHORT,
        triggers=(0, 1),
        saved=FEW,
        skip={("imec1", 1), ("imec0.lf", 0)},
        bin_samples={"imec0.ap": 500},
    )
    names = {path.name.removeprefix("r_g0_") for path in run.rglob("*.bin")}
    probe0 = {"t0.imec0.ap.bin", "t1.imec0.ap.bin", "t1.imec0.lf.bin"}
    probe1 = {"t0.imec1.ap.bin", "t0.imec1.lf.bin"}
    assert names == probe0 | probe1 | {"t0.nidq.bin", "t1.nidq.bin"}
    base = run / "r_g0_imec0" / "r_g0_t0.imec0.ap"
    assert base.with_name(base.name + ".bin").stat().st_size == 500 * 2 * (len(FEW) + 1)
    meta = base.with_name(base.name + ".meta").read_text()
    assert f"fileSizeBytes={3000 * 2 * (len(FEW) + 1)}\n" in meta


# Open Ephys


@pytest.mark.parametrize("version", ["0.6.7", "1.0.1"])
def test_openephys_probes(tmp_path: Path, version: str) -> None:
    probes = [Probe("ProbeA", "NP1"), Probe("ProbeB", "NP2_4shank", 2), Probe("ProbeC", "NP2", 3)]
    streams = [s for probe in probes for s in probe_streams(probe, sync=True)]
    streams.append(ni_stream())
    session = openephys.write_session(tmp_path / "s", streams, seconds=SHORT, version=version)
    for stream in streams:
        recording = read(
            "openephys", session, stream_name=NODE + stream.folder, load_sync_timestamps=True
        )
        assert sizes(recording) == [round(SHORT * stream.rate)]
        expected = payload.sync_times(round(SHORT * stream.rate), stream.rate, 21.5)
        np.testing.assert_array_equal(recording.get_times(), expected)
        if stream.probe is not None:
            assert recording.get_num_channels() == 384
            assert recording.get_probegroup().probes[0].name == stream.probe.name
            assert_probe(recording, stream.probe.kind)


def test_openephys_experiments_recordings_and_nodes(tmp_path: Path) -> None:
    a, b = (probe_streams(Probe(f"Probe{x}", "NP2", saved=FEW)) for x in "AB")
    nodes = {"Record Node 103": [*a, ni_stream()], "Record Node 104": b}
    experiments = {1: (1, 2), 3: (1, 4), 10: (2, 3)}
    about: dict[str, Any] = {"experiments": experiments, "seconds": 0.02}
    faults = Faults(empty=("experiment3/recording4/ProbeB",))
    session = openephys.write_session(tmp_path / "s", nodes, faults=faults, **about)
    found = {path.name for path in (session / "Record Node 104").glob("settings*.xml")}
    assert found == {"settings.xml", "settings_3.xml", "settings_10.xml"}
    stream = "Record Node 104#Neuropix-PXI-100.ProbeB"
    for block in range(3):
        recording = read("openephys", session, stream_name=stream, block_index=block)
        assert sizes(recording) == [600, 0 if block == 1 else 600]
        assert recording.get_start_time(0) == pytest.approx(21.5 + 600 * block)
        assert_probe(recording, "NP2", FEW)


@pytest.mark.filterwarnings("ignore:Unable to compute saturation threshold")
def test_openephys_subset_and_four_shanks_with_lfp(tmp_path: Path) -> None:
    probe = Probe(kind="NP2_4shank", saved=FEW)
    streams = probe_streams(probe, bands=("AP", "LFP"))
    session = openephys.write_session(tmp_path / "s", streams, seconds=SHORT)
    for stream in streams:
        recording = read("openephys", session, stream_name=NODE + stream.folder)
        assert_probe(recording, "NP2_4shank", FEW)


def test_openephys_gui_05(tmp_path: Path) -> None:
    from probeinterface import read_openephys_neuropixels

    streams = [s for i in "01" for s in probe_streams(Probe(i, "NP2_4shank_ph1", int(i)))]
    session = openephys.write_session(tmp_path / "s", streams, seconds=SHORT, version="0.5.5.4")
    name = streams[1].folder
    recording = read("openephys", session, stream_name=NODE + name, load_sync_timestamps=True)
    assert recording.get_times()[-1] == payload.sync_times(3000, 30000.0, 21.5)[-1]
    settings = session / "Record Node 101" / "settings.xml"
    probe = read_openephys_neuropixels(settings, stream_name=name)
    np.testing.assert_allclose(probe.contact_positions, sites("NP2_4shank_ph1").xy_um)
    assert probe.serial_number == "1"


def test_openephys_onebox(tmp_path: Path) -> None:
    streams = probe_streams(Probe(kind="NP2_4shank"), processor="OneBox", sync=True)
    streams.append(openephys.onebox_adc_stream())
    session = openephys.write_session(tmp_path / "s", streams, seconds=SHORT)
    assert_probe(read("openephys", session, stream_name=NODE + streams[0].folder), "NP2_4shank")
    analog = read("openephys", session, stream_name=NODE + streams[1].folder)
    assert (analog.get_num_channels(), sizes(analog)) == (12, [3030])


def test_openephys_faults(tmp_path: Path) -> None:
    faults = Faults(
        edit_times=lambda stream, times: payload.with_gap(times, 5.0),
        empty=("ProbeA",),
        not_on_disk=("ProbeB",),
        unsynced=("ProbeC",),
        n_times={"ProbeD": 2999},
        lost_samples={"ProbeE": 60},
        dat_samples={"ProbeF": 1000},
    )
    probes = [Probe(f"Probe{x}", "NP2", saved=FEW) for x in "ABCDEF"]
    streams = [s for probe in probes for s in probe_streams(probe)]
    session = openephys.write_session(tmp_path / "s", streams, seconds=SHORT, faults=faults)
    folder = session / "Record Node 101" / "experiment1" / "recording1"
    parts = {p.name[-6:]: p for p in (folder / "continuous").iterdir()}
    oebin = json.loads((folder / "structure.oebin").read_text())
    assert len(oebin["continuous"]) == 6
    assert "ProbeB" not in parts
    sizes_on_disk = {name: (p / "continuous.dat").stat().st_size for name, p in parts.items()}
    assert sizes_on_disk["ProbeA"] == 0
    assert sizes_on_disk["ProbeF"] == 1000 * 2 * len(FEW)
    assert not (parts["ProbeC"] / "timestamps.npy").exists()
    assert len(np.load(parts["ProbeD"] / "timestamps.npy")) == 2999
    assert np.diff(np.load(parts["ProbeE"] / "sample_numbers.npy")).max() == 61
    assert np.diff(np.load(parts["ProbeE"] / "timestamps.npy")).max() == pytest.approx(5e-3)
    assert len(np.load(parts["ProbeA"] / "timestamps.npy")) == 0


# AIND


def small_streams() -> list[openephys.Stream]:
    """List the streams of a small AIND session."""
    probes = (Probe("ProbeA", saved=FEW), Probe("ProbeB", "NP2_4shank", 2, saved=FEW))
    return [*(s for probe in probes for s in probe_streams(probe)), ni_stream()]


@pytest.mark.parametrize(("layout", "base"), [("new", "ecephys"), ("old", "")])
def test_aind_zarr(tmp_path: Path, layout: aind.Layout, base: str) -> None:
    from spikeinterface.core import load

    session = tmp_path / "ecephys_700001_2024-01-17_10-31-05"
    faults = Faults(edit_times=lambda stream, times: payload.with_gap(times, 5.0))
    about: dict[str, Any] = {
        "layout": layout,
        "seconds": SHORT,
        "experiments": {1: (1, 2), 3: (1,)},
    }
    aind.write_session(session, small_streams(), **about, faults=faults, no_zarr=("ProbeA-LFP",))
    compressed = session / base / "ecephys_compressed"
    assert len(list(compressed.iterdir())) == 2 * 3
    recording = load(compressed / f"experiment1_{NODE}Neuropix-PXI-100.ProbeB.zarr")
    assert sizes(recording) == [3000, 3000]
    assert np.diff(recording.get_times(segment_index=1)).max() == pytest.approx(5e-3)
    assert_probe(recording, "NP2_4shank", FEW)
    traces = recording.get_traces(segment_index=0)
    clipped = session / base / "ecephys_clipped"
    part = read("openephys", clipped, stream_name=f"{NODE}Neuropix-PXI-100.ProbeB", block_index=0)
    assert sizes(part) == [100, 100]
    np.testing.assert_array_equal(part.get_traces(segment_index=0), traces[:100])
    assert json.loads((session / "data_description.json").read_text())["name"] == session.name


def test_aind_old_attributes_and_blank_names(tmp_path: Path) -> None:
    import zarr
    from spikeinterface.core import load

    about: dict[str, Any] = {"seconds": SHORT, "old_attributes": True, "blank_probe_names": True}
    aind.write_session(tmp_path / "ecephys_700002_2024-01-18_10-00-00", small_streams(), **about)
    for name, kind in (("ProbeA-AP", "NP1"), ("ProbeB", "NP2_4shank")):
        (path,) = tmp_path.rglob(f"*{name}.zarr")
        attributes = zarr.open(str(path), mode="r").attrs
        assert "probe" in attributes
        assert "probegroup" not in attributes
        recording = load(path)
        assert_probe(recording, kind, FEW)
        assert recording.get_probegroup().probes[0].annotations["name"] == ""


def test_aind_uncompressed_without_metadata(tmp_path: Path) -> None:
    session = aind.write_session(
        tmp_path / "s", small_streams(), layout="uncompressed", metadata=False, seconds=SHORT
    )
    assert [path.name for path in session.iterdir()] == ["ecephys"]
    stream = f"{NODE}Neuropix-PXI-100.ProbeA-AP"
    recording = read("openephys", session / "ecephys", stream_name=stream)
    assert_probe(recording, "NP1", FEW)


@pytest.mark.filterwarnings("ignore:Multi-threading is supported for wavpack")
def test_aind_wavpack_without_times(tmp_path: Path) -> None:
    pytest.importorskip("wavpack_numcodecs")
    from spikeinterface.core import load

    about: dict[str, Any] = {"seconds": SHORT, "codec": "wavpack", "save_times": False}
    aind.write_session(tmp_path / "s", probe_streams(Probe(saved=FEW)), **about)
    (path,) = tmp_path.rglob("*ProbeA-AP.zarr")
    recording = load(path)
    assert not recording.has_time_vector(0)
    assert recording.get_traces().std() > 5


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
