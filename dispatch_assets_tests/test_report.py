"""Inventories as text: every entry is told, in the stream where it belongs."""

from __future__ import annotations

import pytest

from dispatch_assets.models import InventoryEntry, Reason
from dispatch_assets.report import place, print_report, table

JOB = InventoryEntry(
    status="job",
    session_name="s1",
    input_format="openephys",
    block="experiment1",
    stream="ProbeA-AP",
    recording_name="experiment1_ProbeA-AP_recording1",
    job_key="k",
    segment=0,
    duration_s=1.234,
    n_channels=384,
    has_lfp=True,
    probe_names=["ProbeA", "ProbeA"],
)
LEFT_OUT = InventoryEntry(
    status="skipped",
    session_name="s1",
    input_format="openephys",
    block="experiment1",
    stream="NI",
    reason=Reason.AUXILIARY_STREAM,
    message="no probe",
)
FAILED = InventoryEntry(
    status="failed",
    session_name="s2",
    input_format="openephys",
    block="experiment1",
    stream="ProbeB",
    segment=1,
    reason=Reason.TRUNCATED,
    message="x.dat: is short. Copy it again.",
)


def test_jobs_and_what_was_left_out_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([JOB, LEFT_OUT], "results", {"experiment1_ProbeA-AP_recording1": ["times reset"]})
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[1].split() == ["s1", JOB.recording_name, "1.23", "384", "yes", "ProbeA"]
    assert "times reset" in printed.out
    assert "auxiliary_stream  no probe" in printed.out
    assert lines[-1] == "1 job in results, 1 left out, 0 failed"


def test_failures_go_to_stderr_with_their_remedy(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([JOB, FAILED, JOB])
    printed = capsys.readouterr()
    assert "s2 experiment1 ProbeB recording2 [truncated]" in printed.err
    assert "Copy it again." in printed.err
    assert "truncated" not in printed.out
    assert printed.out.splitlines()[-1] == "2 jobs, 0 left out, 1 failed"


def test_nothing_to_sort_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    print_report([LEFT_OUT])
    printed = capsys.readouterr()
    assert printed.out.splitlines()[-1] == "0 jobs, 1 left out, 0 failed"
    assert "No recording can be sorted." in printed.err


def test_tables_are_aligned() -> None:
    assert table(("a", "bb"), [("ccc", "d")]) == "a    bb\nccc  d"
    assert table((), [("x", "yy"), ("xx", "y")]) == "x   yy\nxx  y"


def test_places() -> None:
    assert place(FAILED) == "experiment1 ProbeB recording2"
    assert place(LEFT_OUT) == "experiment1 NI"


def test_what_is_no_session_is_not_called_expected(capsys: pytest.CaptureFixture[str]) -> None:
    unknown = InventoryEntry(
        status="skipped", session_name="notes", input_format="auto", reason=Reason.NOT_RECOGNISED
    )
    print_report([JOB, unknown])
    out = capsys.readouterr().out
    assert "Not sorted, as expected" not in out
    assert "Not recognised" in out
    assert out.splitlines()[-1] == "1 job, 0 left out, 1 not recognised, 0 failed"


def test_what_was_tried_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    entries = [
        InventoryEntry(
            status="skipped",
            session_name=name,
            input_format="auto",
            reason=Reason.NOT_RECOGNISED,
            message="nwb: no NWB file",
        )
        for name in ("notes", "plots")
    ]
    print_report([JOB, *entries])
    out = capsys.readouterr().out
    assert "  notes\n  plots\n    nwb: no NWB file\n" in out
    assert out.count("nwb: no NWB file") == 1
