"""Open Ephys: nodes, experiments, GUI versions, and every fault a recording folder can have."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.formats.openephys_lab import (
    ANOTHER,
    AP,
    LFP,
    NODE,
    ONE,
    PROBE_B,
    PXI,
    STREAMS,
    TIMES,
    read,
    stream_folder,
    write,
)
from dispatch_assets_tests.outcome import dispatched, loaded, loaded_lfp, names, planned, reasons
from dispatch_assets_tests.samples import SAVED, openephys, payload
from dispatch_assets_tests.samples.neuropixels import sites
from dispatch_assets_tests.samples.openephys import Probe, Stream, ni_stream, probe_streams


class TestContract(InputFormatContract):
    input_format = "openephys"
    decides = "Record Node 101/experiment1/recording1/structure.oebin"
    jobs = {("experiment1", AP): 1, ("experiment1", PROBE_B): 4}
    left_out = {
        ("experiment1", f"{NODE}NI-DAQmx-112.PXIe-6341"): "auxiliary_stream",
        ("experiment1", LFP): "lfp_band",
        ("experiment1", f"{PXI}ProbeA-APSYNC"): "sync_stream",
        ("experiment1", f"{PXI}ProbeA-LFPSYNC"): "sync_stream",
        ("experiment1", f"{PXI}ProbeBSYNC"): "sync_stream",
    }
    raw = (
        "*/*/recording1/continuous/*.ProbeA-AP/continuous.dat",
        "*/*/recording2/continuous/*.ProbeA-AP/continuous.dat",
    )
    raw_stream = ("experiment1", AP)

    def write(self, folder: Path) -> Path:
        experiments = {1: (1, 2)}
        return openephys.write_session(folder, STREAMS, experiments=experiments, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        return read(session, stream)


def test_experiments_keep_their_numbers_and_recordings_count_from_one(tmp_path: Path) -> None:
    write(tmp_path, experiments={10: (1,), 1: (2, 5), 3: (1,)})
    _, jobs = dispatched(tmp_path)
    assert list(jobs) == [
        f"experiment1_{AP}_recording1",
        f"experiment1_{AP}_recording2",
        f"experiment3_{AP}_recording1",
        f"experiment10_{AP}_recording1",
    ]
    folders = ["experiment1/recording2", "experiment1/recording5"]
    folders += ["experiment3/recording1", "experiment10/recording1"]
    for job, folder in zip(jobs.values(), folders, strict=True):
        dat = stream_folder(tmp_path / "s", AP, folder) / "continuous.dat"
        traces = np.fromfile(dat, np.int16).reshape(3000, -1)
        np.testing.assert_array_equal(loaded(job, tmp_path).get_traces(), traces)
        assert loaded_lfp(job, tmp_path).get_times()[0] == loaded(job, tmp_path).get_times()[0]


def test_nodes_are_separate_streams(tmp_path: Path) -> None:
    write(tmp_path, {"Record Node 101": ONE, "Record Node 102": [*ONE, *ANOTHER]})
    other = "Record Node 102#Neuropix-PXI-100."
    streams = [AP, f"{other}ProbeA-AP", f"{other}ProbeB"]
    assert names(planned(tmp_path)) == [f"experiment1_{s}_recording1" for s in streams]


def test_times_are_those_of_the_synchronisation(tmp_path: Path) -> None:
    write(tmp_path)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert (job.timestamps.verdict, job.skip_times) == ("kept", False)
    times = loaded(job, tmp_path).get_times()
    np.testing.assert_array_equal(times, TIMES)
    lfp_times = loaded_lfp(job, tmp_path).get_times()
    np.testing.assert_array_equal(lfp_times, payload.sync_times(250, 2500.0, 21.5))


def test_gui_05(tmp_path: Path) -> None:
    # GUI 0.5 numbers probes, its settings do not name the streams, and it has no LFP for 2.0
    streams = [
        s for i in "01" for s in probe_streams(Probe(i, "NP2_4shank_ph1", int(i), saved=None))
    ]
    write(tmp_path, streams, version="0.5.5.4", seconds=0.02)
    _, jobs = dispatched(tmp_path)
    expected = [f"experiment1_{PXI}{i}_recording1_group{shank}" for i in "01" for shank in range(4)]
    assert list(jobs) == expected
    shank_1 = loaded(jobs[expected[1]], tmp_path)
    where = sites("NP2_4shank_ph1")
    np.testing.assert_allclose(shank_1.get_channel_locations(), where.xy_um[where.shank == 1])
    assert shank_1.get_property("inter_sample_shift").max() > 0
    assert shank_1.get_times()[0] == 21.5


def test_gui_05_numbers_both_bands_of_a_probe(tmp_path: Path) -> None:
    probes = [Probe("A", "Ultra", 1), Probe("B", "NP1", 2), Probe("C", "Ultra", 3)]
    bands = [(probe, *band) for probe in probes for band in ((30000.0, "AP"), (2500.0, "LFP"))]
    streams = [
        Stream("Neuropix-PXI", 100, str(i), rate, band, 0, probe)
        for i, (probe, rate, band) in enumerate(bands)
    ]
    write(tmp_path, streams, version="0.5.5.4", seconds=0.02)
    _, jobs = dispatched(tmp_path)
    for number, probe in ((0, probes[0]), (2, probes[1]), (4, probes[2])):
        recording = loaded(jobs[f"experiment1_{PXI}{number}_recording1"], tmp_path)
        where = recording.get_channel_locations()
        np.testing.assert_allclose(where, sites(probe.kind).xy_um)
        assert recording.get_probegroup().probes[0].serial_number == str(probe.serial)


def test_streams_without_a_probe_are_no_jobs(tmp_path: Path) -> None:
    imu = Stream("IMU Source", 130, "BNO055", 100.0, "AI", 10)
    write(tmp_path, [*ONE, ni_stream(rate=30000.0), imu])
    report = planned(tmp_path)
    assert names(report) == [f"experiment1_{AP}_recording1"]
    assert report.exit_status == 0
    assert list(reasons(report, "skipped").values()).count("auxiliary_stream") == 2


def test_onebox(tmp_path: Path) -> None:
    probe = Probe(kind="NP2_4shank", saved=SAVED)
    streams = probe_streams(probe, processor="OneBox", sync=True)
    write(tmp_path, [*streams, openephys.onebox_adc_stream()])
    report = planned(tmp_path, split_groups=False)
    assert names(report) == [f"experiment1_{NODE}OneBox-100.ProbeA_recording1"]
    skipped = {stream: reason for (_, stream, _), reason in reasons(report, "skipped").items()}
    assert skipped == {
        f"{NODE}OneBox-100.OneBox-ADC": "auxiliary_stream",
        f"{NODE}OneBox-100.ProbeASYNC": "sync_stream",
    }


def test_analog_inputs_saved_with_the_headstage(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    from dispatch_assets_tests.samples.generic import linear_probe

    board = Stream("Acquisition Board", 100, "Rhythm Data", 30000.0, "CH", 16)
    session = write(tmp_path, [board])
    report = planned(tmp_path)
    assert reasons(report) == {
        ("experiment1", f"{NODE}Acquisition Board-100.Rhythm Data", 0): "no_probe"
    }
    assert "probe_paths" in report.entries[0].message
    # the remedy that the message names
    write_probeinterface(tmp_path / "probe.json", linear_probe(16))
    info = {
        "reader_type": "openephysbinary",
        "reader_kwargs": {"folder_path": str(session)},
        "probe_paths": "probe.json",
    }
    remedied = planned(tmp_path, input="spikeinterface", spikeinterface_info=info)
    assert names(remedied) == [f"block0_{NODE}Acquisition Board-100.Rhythm Data_recording1"]


def test_a_probe_whose_name_contains_a_band(tmp_path: Path) -> None:
    probes = [Probe("MAPS", saved=SAVED), Probe("LFProbe", "NP2", 2, SAVED)]
    write(tmp_path, [s for p in probes for s in probe_streams(p)])
    _, jobs = dispatched(tmp_path)
    lfp = {name.split("#")[1]: job.recording_lfp_dict is not None for name, job in jobs.items()}
    assert lfp == {
        "Neuropix-PXI-100.LFProbe_recording1": False,
        "Neuropix-PXI-100.MAPS-AP_recording1": True,
    }


def test_lfp_channels_follow_the_ap_group(tmp_path: Path) -> None:
    probe = Probe("ProbeB", "NP2_4shank", 2, SAVED)
    write(tmp_path, probe_streams(probe, bands=("AP", "LFP")))
    _, jobs = dispatched(tmp_path)
    assert len(jobs) == 4
    for job in jobs.values():
        ap, lfp = loaded(job, tmp_path), loaded_lfp(job, tmp_path)
        np.testing.assert_array_equal(ap.get_channel_locations(), lfp.get_channel_locations())
        assert lfp.get_sampling_frequency() == 2500.0


@pytest.mark.parametrize("version", ["0.6.7", "1.0.0"])
@pytest.mark.parametrize("names_", [("Probe1", "Probe10"), ("Probe10", "Probe1")])
def test_a_probe_gets_its_own_geometry(
    tmp_path: Path, version: str, names_: tuple[str, str]
) -> None:
    kinds = {"Probe1": "NP2_4shank", "Probe10": "NP2"}
    probes = [Probe(n, kinds[n], i + 1, SAVED) for i, n in enumerate(names_)]
    streams = [s for p in probes for s in probe_streams(p)]
    write(tmp_path, streams, version=version)
    _, jobs = dispatched(tmp_path, split_groups=False)
    for name, kind in kinds.items():
        job = jobs[f"experiment1_{PXI}{name}_recording1"]
        where = loaded(job, tmp_path).get_channel_locations()
        np.testing.assert_allclose(where, sites(kind).xy_um[list(SAVED)])


def test_sessions_one_folder_further_down(tmp_path: Path) -> None:
    for name in ("a", "b"):
        openephys.write_session(tmp_path / "mouse" / name, ONE, seconds=0.1)
    report = planned(tmp_path, multi_session=True)
    assert {e.session_name for e in report.entries} == {"a", "b"}
    assert len(names(report)) == 2


@pytest.mark.parametrize("below", ["", "Record Node 101", "Record Node 101/experiment1"])
def test_a_part_of_a_session_is_a_data_folder_too(tmp_path: Path, below: str) -> None:
    session = write(tmp_path)
    report, jobs = dispatched(session / below)
    assert report.exit_status == 0
    (job,) = jobs.values()
    assert loaded(job, session / below).get_num_samples() == 3000


def test_one_recording_folder_alone(tmp_path: Path) -> None:
    session = write(tmp_path)
    shutil.move(session / "Record Node 101" / "experiment1", tmp_path / "moved" / "experiment1")
    shutil.rmtree(session)
    report = planned(tmp_path)
    # without settings.xml the recording is there, but nothing says where the contacts are
    assert set(reasons(report).values()) == {"no_probe"}
