"""What the samples' writers make of SpikeGLX, Open Ephys and AIND opens as if from a rig."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.opening import FEW, NODE, SHORT, assert_probe, read, sizes
from dispatch_assets_tests.samples import aind, openephys, payload, spikeglx
from dispatch_assets_tests.samples.neuropixels import sites
from dispatch_assets_tests.samples.openephys import Faults, Probe, ni_stream, probe_streams

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
