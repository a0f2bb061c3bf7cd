"""Names of sessions, streams and folders that would lead astray: they become plain file names."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from dispatch_assets.cli import main
from dispatch_assets_tests.outcome import dispatched, loaded
from dispatch_assets_tests.samples import SAVED, aind, openephys, spikeglx
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

ONE = probe_streams(Probe(kind="NP2", saved=SAVED))
NAMES = [
    "../../evil",
    "/etc/evil",
    "a/b",
    "a\0b",
    "a\nb",
    "..",
    "~",
    "a~b~~c__d",
    "-rf",
    ".hidden",
    " ",
    "😀 é",
    "x" * 300,
    "9" * 5_000,
    "a\ud800b",
    "\ud800",
    "job_a.json",
    "CON",
]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_odd_session_names(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    session = aind.write_session(data / "ecephys_1", ONE, seconds=0.02)
    file = session / "data_description.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"name": name}))
    report, jobs = dispatched(data, multi_session=True)
    (job,) = jobs.values()
    assert report.exit_status == 0
    assert "/" not in job.recording_name
    assert job.recording_name.isprintable()
    assert_results_are_plain_files(tmp_path / "data-results", tmp_path)


@pytest.mark.parametrize("name", ["..", "../../../etc", "/etc", "a\0b", "a\nb", "", "."])
def test_odd_stream_names(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    streams = [*ONE, *probe_streams(Probe("ProbeB", "NP2", 2, SAVED))]
    session = openephys.write_session(data / "s", streams, seconds=0.02)
    oebin = next(session.rglob("structure.oebin"))
    oebin.write_text(oebin.read_text().replace('"Neuropix-PXI-100.ProbeB/"', json.dumps(name)))
    report, jobs = dispatched(data)
    assert not [job for job in jobs.values() if not job.stream.endswith("ProbeA")]
    assert report.exit_status == 1
    assert [e for e in report.entries if e.reason == "missing_file"]
    # neo opens all streams of a recording or none: then the message names the cause
    for entry in (e for e in report.entries if e.reason == "unreadable"):
        assert "because of another file" in entry.message
    assert_results_are_plain_files(tmp_path / "data-results", tmp_path)


@pytest.mark.parametrize("name", ["~", "a__b", "-rf", "x" * 200, "😀", "a b", "job"])
def test_odd_folder_names(tmp_path: Path, name: str) -> None:
    data = tmp_path / "data"
    spikeglx.write_run(data / name, "r", {"imec0": "NP2"}, seconds=0.02, saved=SAVED, nidq=False)
    _, jobs = dispatched(data, multi_session=True)
    (job,) = jobs.values()
    assert loaded(job, data).get_traces().any()
    assert_results_are_plain_files(tmp_path / "data-results", tmp_path)


def test_names_that_are_no_utf8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from spikeinterface import load

    run = spikeglx.write_run(
        tmp_path / "data" / "good", "r", {"imec0": "NP2"}, seconds=0.02, saved=SAVED, nidq=False
    )
    shutil.copytree(run, tmp_path / "data" / os.fsdecode(b"bad \xff\xfe"))
    results = tmp_path / "results"
    about = ["dispatch", str(tmp_path / "data"), "--results", str(results), "--multi-session"]
    assert main(about) == 0
    assert "2 jobs" in capsys.readouterr().out
    for file in results.glob("job_*.json"):
        job = json.loads(file.read_bytes().decode("utf-8"))
        assert load(job["recording_dict"], base_folder=tmp_path / "data").get_traces().any()


def assert_results_are_plain_files(results: Path, root: Path) -> None:
    """Check that all that was written lies in the results folder itself, under usable names."""
    assert {p.name for p in root.iterdir()} == {"data", results.name}
    for path in results.glob("[!.]*"):
        assert path.is_file()
        assert path.name.startswith("job_")
        assert path.name.isascii()
        assert path.name.isprintable()
        assert len(path.name) < 255
        json.loads(path.read_text())
