"""Probes of Open Ephys: each stream gets its own or none, never another one's."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from dispatch_assets_tests.outcome import dispatched, loaded, loaded_lfp, names, planned, reasons
from dispatch_assets_tests.samples import SAVED, openephys
from dispatch_assets_tests.samples.neuropixels import sites
from dispatch_assets_tests.samples.openephys import Probe, Stream, probe_streams

NODE = "Record Node 101#"
FIRST, SECOND = 22400000001, 22400000002
OTHERS = tuple(channel + 1 for channel in SAVED)


def write(data: Path, streams: Any, **about: Any) -> Path:
    return openephys.write_session(data / "s", streams, seconds=0.1, **about)


def settings_of(session: Path, node: int = 101) -> Path:
    return session / f"Record Node {node}" / "settings.xml"


def edit(settings: Path, old: str, new: str) -> None:
    text = settings.read_text()
    assert old in text
    settings.write_text(text.replace(old, new))


def assert_lies_at(recording: Any, kind: str, channels: Any, serial: int) -> None:
    (probe,) = recording.get_probegroup().probes
    assert probe.serial_number == str(serial)
    expected = sites(kind).xy_um[list(channels)]
    np.testing.assert_allclose(recording.get_channel_locations(), expected)


@pytest.mark.parametrize("second", ["OneBox", "Neuropix-PXI"])
@pytest.mark.parametrize(
    ("version", "kind"), [("0.6.7", "NP1"), ("0.6.7", "NP2"), ("1.0.0", "NP1")]
)
def test_two_devices_whose_probes_have_one_name(
    tmp_path: Path, second: str, version: str, kind: str
) -> None:
    probes = [Probe("ProbeA", kind, FIRST, SAVED), Probe("ProbeA", "NP2_4shank", SECOND, OTHERS)]
    streams = [
        *probe_streams(probes[0], node=100),
        *probe_streams(probes[1], node=105, processor=second),
    ]
    write(tmp_path, streams, version=version)
    report, jobs = dispatched(tmp_path, split_groups=False)
    assert report.exit_status == 0
    name = "ProbeA-AP" if kind == "NP1" else "ProbeA"
    first, other = (f"{NODE}Neuropix-PXI-100.{name}", f"{NODE}{second}-105.ProbeA")
    assert set(jobs) == {f"experiment1_{s}_recording1" for s in (first, other)}
    ap = jobs[f"experiment1_{first}_recording1"]
    assert_lies_at(loaded(ap, tmp_path), kind, SAVED, FIRST)
    if kind == "NP1":
        assert_lies_at(loaded_lfp(ap, tmp_path), kind, SAVED, FIRST)
    job = jobs[f"experiment1_{other}_recording1"]
    assert_lies_at(loaded(job, tmp_path), "NP2_4shank", OTHERS, SECOND)
    assert loaded(job, tmp_path).get_traces().any()


def test_a_stream_that_comes_from_none_of_the_devices(tmp_path: Path) -> None:
    streams = [
        *probe_streams(Probe("ProbeA", "NP2", FIRST, SAVED), node=100),
        *probe_streams(Probe("ProbeB", "NP2", SECOND, SAVED), node=105),
    ]
    session = write(tmp_path, streams)
    edit(settings_of(session), 'nodeId="105"', 'nodeId="106"')
    report = planned(tmp_path)
    assert names(report) == [f"experiment1_{NODE}Neuropix-PXI-100.ProbeA_recording1"]
    stream = f"{NODE}Neuropix-PXI-105.ProbeB"
    assert reasons(report) == {("experiment1", stream, 0): "no_probe"}


@pytest.mark.parametrize("names_", [("Probe1", "Probe10"), ("Probe10", "Probe1")])
def test_probes_with_similar_names_and_other_numbers_of_channels(
    tmp_path: Path, names_: tuple[str, str]
) -> None:
    about = {"Probe1": ("NP2", None), "Probe10": ("NP2_4shank", SAVED)}
    probes = [Probe(n, about[n][0], FIRST + i, about[n][1]) for i, n in enumerate(names_)]
    write(tmp_path, [s for p in probes for s in probe_streams(p)])
    report, jobs = dispatched(tmp_path, split_groups=False)
    assert report.exit_status == 0
    for probe in probes:
        job = jobs[f"experiment1_{NODE}Neuropix-PXI-100.{probe.name}_recording1"]
        assert_lies_at(loaded(job, tmp_path), probe.kind, probe.channels, probe.serial)


def test_shanks_of_a_quad_base_probe_share_its_name(tmp_path: Path) -> None:
    probes = [Probe("Quad-1", "NP2", FIRST, SAVED), Probe("Quad-2", "NP2_4shank", SECOND, SAVED)]
    session = write(tmp_path, [s for p in probes for s in probe_streams(p)])
    tree = ET.parse(settings_of(session))
    for shank, element in enumerate(tree.iter("NP_PROBE")):
        element.set("custom_probe_name", "Quad")
        element.set("shank", str(shank))
    tree.write(settings_of(session))
    _, jobs = dispatched(tmp_path, split_groups=False)
    for probe in probes:
        job = jobs[f"experiment1_{NODE}Neuropix-PXI-100.{probe.name}_recording1"]
        assert_lies_at(loaded(job, tmp_path), probe.kind, SAVED, probe.serial)
        assert job.timestamps.verdict == "kept"


def test_more_than_ten_probes_of_gui_05_are_not_confused(tmp_path: Path) -> None:
    probes = [Probe(str(i), "NP2" if i == 1 else "Ultra", FIRST + i) for i in range(11)]
    streams = [Stream("Neuropix-PXI", 100, p.name, 30000.0, "CH", 0, p) for p in probes]
    write(tmp_path, streams, version="0.5.5.4")
    report, jobs = dispatched(tmp_path)
    assert len(jobs) == 10
    for probe in (probes[0], probes[1], probes[9]):
        job = jobs[f"experiment1_{NODE}Neuropix-PXI-100.{probe.name}_recording1"]
        assert_lies_at(loaded(job, tmp_path), probe.kind, probe.channels, probe.serial)
    assert reasons(report) == {("experiment1", f"{NODE}Neuropix-PXI-100.10", 0): "no_probe"}


@pytest.mark.parametrize("part_number", ["NP9999", "NP1100", "NP2013"])
def test_a_probe_that_is_not_in_the_catalogue(tmp_path: Path, part_number: str) -> None:
    from probeinterface import write_probeinterface

    from dispatch_assets_tests.samples.generic import linear_probe

    probe_b = probe_streams(Probe("ProbeB", "NP2", SECOND, SAVED))
    session = write(tmp_path, [*probe_streams(Probe("ProbeA", "NP1", FIRST, SAVED)), *probe_b])
    edit(settings_of(session), "PRB_1_4_0480_1", part_number)
    report = planned(tmp_path)
    assert names(report) == [f"experiment1_{NODE}Neuropix-PXI-100.ProbeB_recording1"]
    stream = f"{NODE}Neuropix-PXI-100.ProbeA-AP"
    assert reasons(report) == {("experiment1", stream, 0): "no_probe"}
    (entry,) = [e for e in report.entries if e.status == "failed"]
    assert "settings.xml" in entry.message
    assert "again" not in entry.message
    # the remedy that the message names
    settings_of(session).rename(tmp_path.with_name(f"{tmp_path.name}-settings.xml"))
    write_probeinterface(tmp_path / "probe.json", linear_probe(len(SAVED)))
    info = {
        "reader_type": "openephysbinary",
        "reader_kwargs": {"folder_path": str(session)},
        "keep_stream_substrings": ["ProbeA-AP"],
        "probe_paths": "probe.json",
    }
    remedied = planned(tmp_path, input="spikeinterface", spikeinterface_info=info)
    assert names(remedied) == [f"block0_{stream}_recording1"]


@pytest.fixture
def two_nodes(tmp_path: Path) -> Path:
    """Write a session of two Record Nodes that save the same number of channels."""
    streams = probe_streams(Probe("ProbeA", "NP2", FIRST, SAVED))
    return write(tmp_path, {"Record Node 101": streams, "Record Node 102": streams})


def test_record_nodes_that_save_other_channels(tmp_path: Path, two_nodes: Path) -> None:
    for node in (101, 102):
        tree = ET.parse(settings_of(two_nodes, node))
        (saving,) = tree.iterfind("SIGNALCHAIN/PROCESSOR[@nodeId='102']")
        for stream in saving.iterfind("CUSTOM_PARAMETERS/STREAM"):
            stream.set("recording_state", "".join("01"[i in OTHERS] for i in range(384)))
        tree.write(settings_of(two_nodes, node))
    _, jobs = dispatched(tmp_path)
    assert_lies_at(loaded(jobs[job_of(101)], tmp_path), "NP2", SAVED, FIRST)
    assert_lies_at(loaded(jobs[job_of(102)], tmp_path), "NP2", OTHERS, FIRST)


def job_of(node: int) -> str:
    return f"experiment1_Record Node {node}#Neuropix-PXI-100.ProbeA_recording1"


def test_a_channel_map_behind_one_of_the_record_nodes(tmp_path: Path) -> None:
    streams = probe_streams(Probe("ProbeA", "NP2", FIRST))
    session = write(tmp_path, {"Record Node 101": streams, "Record Node 102": streams})
    for node in (101, 102):
        tree = ET.parse(settings_of(session, node))
        (chain,) = tree.iterfind("SIGNALCHAIN")
        sorting = ET.Element("PROCESSOR", {"name": "Channel Map", "nodeId": "110"})
        ET.SubElement(sorting, "STREAM", {"name": "ProbeA"})
        parameters = ET.SubElement(ET.SubElement(sorting, "CUSTOM_PARAMETERS"), "STREAM")
        for i in reversed(range(384)):
            ET.SubElement(parameters, "CH", {"index": str(i)})
        chain.insert(2, sorting)  # source, Record Node 101, map, Record Node 102
        tree.write(settings_of(session, node))
    _, jobs = dispatched(tmp_path)
    assert_lies_at(loaded(jobs[job_of(101)], tmp_path), "NP2", range(384), FIRST)
    assert_lies_at(loaded(jobs[job_of(102)], tmp_path), "NP2", range(383, -1, -1), FIRST)
