"""The table that a terminal shows."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.errors import RefusedError
from dispatch_assets.naming import job_key
from dispatch_assets.sorting.results import Refusal
from dispatch_assets.status.models import FleetStatus, RecordingState, RecordingStatus
from dispatch_assets.status.models import Problem as Wrong
from dispatch_assets.status.models import SessionStatus as Session
from dispatch_assets.status.table import MOST_ROWS, WIDTH, cells, plain, print_status, shortened
from dispatch_assets.watch.states import State
from dispatch_assets_tests.status.lab import Fleet

HOSTILE = (
    "<script>alert(1)</script>",
    "\"quotes\" and 'apostrophes' & <b>",
    "line\nbreak\ttab\rreturn",
    "\x1b[2J\x1b]0;owned\x07",
    "\N{MOUSE}" * 60,
    "x" * 300,
    "\udc80 no text",
    "\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe",
    "--all",
    "日本語の名前" * 10,
)


def session(name: str, error: str = "", n: int = 1) -> Session:
    state = RecordingState.FAILED if error else RecordingState.DISPATCHED
    recordings = [
        RecordingStatus(
            job_key=f"k{i}",
            recording_name=name,
            state=state,
            job="written",
            last_error=Wrong(where="sorting", message=error) if error else None,
            next_step="run sorting again",
            needs_attention=bool(error),
        )
        for i in range(n)
    ]
    return Session(
        session_name=name,
        state=State.DISPATCHED,
        since="",
        why="",
        recordings=recordings,
        next_step="nothing",
        needs_attention=bool(error),
    )


def fleet_of(*sessions: Session) -> FleetStatus:
    return FleetStatus(
        made_at="2026-01-01T00:00:00+00:00",
        data="/data",
        store="/store",
        results="",
        watched=False,
        steps=["preprocessed"],
        n_sessions={"dispatched": len(sessions)},
        n_recordings={"dispatched": sum(len(s.recordings) for s in sessions)},
        n_need_attention=sum(s.needs_attention for s in sessions),
        sessions=list(sessions),
    )


def test_a_real_fleet(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    key = job_key("beta", "block0_imec0.ap_recording1")
    refused = RefusedError("is all zero", "raw.bin", "Look at the rig", Refusal.ALL_ZERO)
    fleet.fail(key, "preprocessed", refused)
    fleet.sort(job_key("gamma", "block0_imec0.ap_recording1"))
    print_status(fleet.status())
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["session", "recording", "state", "units", "next"]
    assert lines[1].split()[:3] == ["beta", "block0_imec0.ap_recording1", "refused"]
    assert lines[2].startswith("    preprocessed: raw.bin: is all zero. Look at the rig. (20")
    assert lines[3].split()[:3] == ["alpha", "block0_imec0.ap_recording1", "dispatched"]
    assert lines[4].split()[:4] == ["gamma", "block0_imec0.ap_recording1", "done", "3/2/1"]
    assert lines[6:] == [
        "3 sessions: 3 dispatched",
        "3 recordings: 1 refused, 1 dispatched, 1 done",
        "1 session needs attention.",
    ]


def test_hostile_names_keep_to_their_columns(capsys: pytest.CaptureFixture[str]) -> None:
    shown = fleet_of(*(session(name, error=name * 3) for name in HOSTILE))
    print_status(shown, everything=True)
    out = capsys.readouterr().out
    assert all(c == "\n" or c.isprintable() for c in out)
    for line in out.splitlines():
        assert cells(line) <= WIDTH or line.startswith("    "), line
    starts = {line.index("failed") for line in out.splitlines() if "  failed  " in line}
    assert len(out.splitlines()) >= 2 * len(HOSTILE)
    assert starts


def test_long_lists_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    many = [session(f"s{i}", n=2) for i in range(100)]
    print_status(fleet_of(session("bad", "it broke"), *many))
    out = capsys.readouterr().out
    assert out.splitlines()[1].startswith("bad")
    assert "sessions that need nobody (--all shows them)" in out
    assert out.count("  dispatched  ") in range(MOST_ROWS - 2, MOST_ROWS + 2)
    print_status(fleet_of(*many), everything=True)
    out = capsys.readouterr().out
    assert out.count("  dispatched  ") == 200
    assert "--all" not in out


def test_an_empty_fleet(capsys: pytest.CaptureFixture[str]) -> None:
    print_status(fleet_of())
    assert capsys.readouterr().out.endswith("No session has been looked at yet.\n")


@given(st.text(), st.integers(1, 60))
def test_shortening_keeps_both_ends(text: str, width: int) -> None:
    short = shortened(plain(text), width)
    assert cells(short) <= width
    if cells(plain(text)) <= width:
        assert short == plain(text)
    elif text.isascii() and width > 2:
        head, _, tail = short.partition("\N{HORIZONTAL ELLIPSIS}")
        assert plain(text).startswith(head)
        assert plain(text).endswith(tail)


@given(st.text())
def test_plain_text_is_one_printable_line(text: str) -> None:
    assert plain(text).isprintable()
