"""SpikeInterface's readers: their blocks and streams, which of them are kept, and their probes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets_tests.outcome import dispatched, loaded, planned, reasons
from dispatch_assets_tests.samples import SAVED, generic, openephys
from dispatch_assets_tests.samples.openephys import Probe, ni_stream, probe_streams


def reader(kind: str, kwargs: Any, **info: Any) -> dict[str, Any]:
    info |= {"reader_type": kind, "reader_kwargs": kwargs}
    return {"input": "spikeinterface", "spikeinterface_info": info}


@pytest.fixture(scope="module")
def intan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from probeinterface import write_probeinterface

    data = tmp_path_factory.mktemp("intan")
    generic.write_intan(data / "rec_240115_100000.rhd", seconds=0.1, n_amplifiers=8)
    for n_channels, n_shanks in ((8, 2), (3, 1)):
        probe = generic.linear_probe(n_channels, n_shanks)
        write_probeinterface(data / f"probe{n_channels}.json", probe)
    return data


AMPLIFIERS = "RHD2000 amplifier channel"
FILE = {"file_path": "rec_240115_100000.rhd"}


def test_streams_are_kept_by_name_with_a_probe_each(intan: Path) -> None:
    probes = {AMPLIFIERS: "probe8.json", "RHD2000 auxiliary input channel": "probe3.json"}
    keep = ["amplifier", "auxiliary"]
    report, jobs = dispatched(
        intan, **reader("intan", FILE, keep_stream_substrings=keep, probe_paths=probes)
    )
    assert [(job.stream, job.group, job.n_channels) for job in jobs.values()] == [
        (AMPLIFIERS, "0", 4),
        (AMPLIFIERS, "1", 4),
        ("RHD2000 auxiliary input channel", None, 3),
    ]
    assert list(reasons(report, "skipped").values()) == ["filtered_out"] * 3
    assert report.exit_status == 0
    for job in jobs.values():
        assert loaded(job, intan).has_probe()
        assert job.session_name == "session0"


def test_streams_are_skipped_by_name(intan: Path) -> None:
    skip = ["auxiliary", "supply", "board", "digital", "USB"]
    report = planned(
        intan, **reader("intan", FILE, skip_stream_substrings=skip, probe_paths="probe8.json")
    )
    assert {e.stream for e in report.entries if e.status == "job"} == {AMPLIFIERS}


def test_a_probe_per_session(intan: Path) -> None:
    info = reader(
        "intan",
        [FILE, FILE],
        keep_stream_substrings="amplifier",
        probe_paths=["probe8.json", {AMPLIFIERS: "probe8.json"}],
        session_names=["first", "second"],
    )
    report = planned(intan, multi_session=True, **info)
    assert [e.session_name for e in report.entries if e.status == "job"] == [
        *(["first"] * 2),
        *(["second"] * 2),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"probe_paths": "nowhere.json"}, "nowhere.json"),
        ({"probe_paths": "probe3.json"}, "probe3.json"),
        ({}, "no probe"),
    ],
)
def test_a_wrong_or_missing_probe_is_a_clear_failure(
    intan: Path, change: dict[str, Any], expected: str
) -> None:
    report = planned(intan, **reader("intan", FILE, keep_stream_substrings="amplifier", **change))
    (entry,) = [e for e in report.entries if e.status == "failed"]
    assert expected in entry.message
    assert "Traceback" not in entry.message


def test_a_reader_that_does_not_exist(intan: Path) -> None:
    with pytest.raises(ParameterError, match="no reader 'intann', did you mean 'intan'"):
        planned(intan, **reader("intann", FILE))
    with pytest.raises(ParameterError, match="'openephyslegacy' or 'openephysbinary'"):
        planned(intan, **reader("openephys", FILE))


@pytest.mark.parametrize("kwargs", [{"file_path": "x.rhd"}, {"file": "x"}, {**FILE, "zzz": 1}])
def test_arguments_that_a_reader_does_not_take(intan: Path, kwargs: dict[str, Any]) -> None:
    report = planned(intan, **reader("intan", kwargs))
    assert report.exit_status == 1
    assert all(e.status == "failed" and e.message for e in report.entries)


def test_one_wrong_path_leaves_the_other_sessions(intan: Path) -> None:
    kwargs = [{"file_path": "missing.rhd"}, FILE]
    about = reader(
        "intan", kwargs, keep_stream_substrings="amplifier", probe_paths=["probe8.json"] * 2
    )
    report = planned(intan, multi_session=True, **about)
    assert [e.session_name for e in report.entries if e.status == "job"] == ["session1"] * 2
    assert [e.session_name for e in report.entries if e.status == "failed"] == ["session0"]


def test_blocks_and_streams_of_a_reader(tmp_path: Path) -> None:
    probes = [Probe(f"Probe{i}", "NP2", i, SAVED) for i in (1, 2)]
    streams = [s for probe in probes for s in probe_streams(probe, sync=True)]
    openephys.write_session(
        tmp_path / "s", streams, experiments={1: (1, 2), 3: (1, 2)}, seconds=0.05
    )
    params = reader("openephysbinary", {"folder_path": "s"})
    report, jobs = dispatched(tmp_path, **params)
    expected = [
        f"block{block}_Record Node 101#Neuropix-PXI-100.Probe{i}_recording{n}"
        for block in (0, 1)
        for i in (1, 2)
        for n in (1, 2)
    ]
    assert list(jobs) == expected
    assert set(reasons(report, "skipped").values()) == {"sync_stream"}
    traces = [loaded(job, tmp_path).get_traces().tobytes() for job in jobs.values()]
    assert len(set(traces)) == len(expected)


def test_one_band_of_an_open_ephys_session(tmp_path: Path) -> None:
    """The example of the README, and what becomes of the other streams without its filter."""
    from probeinterface import write_probeinterface

    streams = [*probe_streams(Probe(saved=SAVED), sync=True), ni_stream()]
    openephys.write_session(tmp_path / "s", streams, seconds=0.05)
    write_probeinterface(tmp_path / "probe.json", generic.linear_probe(len(SAVED)))
    info = {"keep_stream_substrings": ["AP"], "session_names": ["s"], "probe_paths": "probe.json"}
    kept, jobs = dispatched(tmp_path, **reader("openephysbinary", {"folder_path": "s"}, **info))
    assert kept.exit_status == 0
    assert [job.stream for job in jobs.values()] == ["Record Node 101#Neuropix-PXI-100.ProbeA-AP"]
    del info["keep_stream_substrings"]
    whole = planned(tmp_path, **reader("openephysbinary", {"folder_path": "s"}, **info))
    (entry,) = [e for e in whole.entries if e.status == "failed"]
    assert (entry.stream[-13:], entry.reason) == ("112.PXIe-6341", "no_probe")
    assert f"{len(SAVED)} contacts are wired in it, but the stream has 8 channels" in entry.message
    assert "keep_stream_substrings" in entry.message


def test_raw_binary_files(tmp_path: Path) -> None:
    about = generic.write_raw(tmp_path / "raw", seconds=(0.2, 0.1), n_channels=8, n_shanks=2)
    about["file_paths"] = [f"raw/{name}" for name in about["file_paths"]]
    report, jobs = dispatched(tmp_path, **reader("binary", about, probe_paths="raw/probe.json"))
    assert report.exit_status == 0
    assert list(jobs) == [f"block0_stream0_recording{n}_group{g}" for n in (1, 2) for g in (0, 1)]
    tmp_path.rename(tmp_path.with_name("moved"))
    for job in jobs.values():
        assert loaded(job, tmp_path.with_name("moved")).get_traces().any()
    tmp_path.with_name("moved").rename(tmp_path)


def test_neuroscope(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    generic.write_neuroscope(tmp_path / "s", seconds=0.1, n_channels=8)
    write_probeinterface(tmp_path / "probe.json", generic.linear_probe(8))
    params = reader("neuroscope", {"file_path": "s/recording.xml"}, probe_paths="probe.json")
    _, jobs = dispatched(tmp_path, **params)
    (job,) = jobs.values()
    assert loaded(job, tmp_path).get_num_samples() == 2000
