"""When the watch asks for an inventory of an entry, and what it says until then."""

from __future__ import annotations

import functools
import itertools
import json
import os
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch_assets.params import DispatchParams
from dispatch_assets.watch import cursor as cursor_module
from dispatch_assets.watch.cursor import parse_cursor
from dispatch_assets.watch.following import Options, Questions
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.states import State
from dispatch_assets.watch.ticks import tick
from dispatch_assets_tests.watch.rig import (
    BEGIN,
    BIN,
    META,
    Rig,
    contents,
    entries,
    state_of,
    states,
    write,
)


def test_a_session_is_asked_for_when_it_looks_the_same_twice(rig: Rig) -> None:
    write(rig.root / "a")
    first = rig.tick()
    assert not first.requests
    assert not rig.checked
    assert state_of(first.states, "a").state == State.COPYING
    assert "New, or still changing (2 files" in state_of(first.states, "a").why
    second = rig.tick()
    assert entries(second) == [("a",)]
    settled = state_of(second.states, "a")
    assert settled.state == State.SETTLED
    assert settled.since == (BEGIN + timedelta(minutes=2)).isoformat()
    rig.end_runs()
    third = rig.tick()
    assert not third.requests
    assert not third.states
    assert not rig.checked
    assert json.loads(str(rig.cursor)) == {"version": 1, "pending": {}}
    assert states(rig) == {"a": State.DISPATCHED}


def test_a_session_that_is_not_complete_is_not_asked_for(rig: Rig) -> None:
    folder = write(rig.root / "a")
    (folder / BIN).write_bytes(contents(100)[BIN][:50])
    for _ in range(4):
        assert not rig.tick().requests
    copying = state_of(rig.tick().states, "a")
    assert copying.state == State.COPYING
    assert "50 bytes are there, 100 according to its .meta file" in copying.why
    assert copying.since == (BEGIN + timedelta(minutes=1)).isoformat()
    write(folder)
    assert entries(rig.tick()) + entries(rig.tick()) == [("a",)]


def test_files_are_opened_ever_more_rarely_while_nothing_changes(rig: Rig) -> None:
    (write(rig.root / "a") / BIN).unlink()
    times = [i for i in range(600) if rig.tick().states and rig.checked]
    assert times[:3] == [1, 2, 3]
    assert len(times) < 30
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) == 60


def test_a_session_has_to_rest_as_long_as_asked_for(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Options(settle_s=180))
    write(rig.root / "a")
    rig.tick()
    waiting = rig.tick()
    assert "has to stay as it is for 180 s" in state_of(waiting.states, "a").why
    assert not rig.checked
    assert not rig.tick().requests
    assert entries(rig.tick()) == [("a",)]


def test_what_never_settles_is_quarantined_and_comes_back(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Options(stuck_after_s=3600))
    folder = write(rig.root / "a")
    (folder / META).unlink()
    for _ in range(60):
        rig.tick()
        assert states(rig) == {"a": State.COPYING}
    stuck = state_of(rig.tick().states, "a")
    assert stuck.state == State.QUARANTINED
    assert "run_g0_t0.imec0.ap.bin: belongs to a spikeglx session" in stuck.why
    assert stuck.since == rig.now.isoformat()
    (folder / "log.txt").write_text("still writing")
    assert state_of(rig.tick().states, "a").state == State.QUARANTINED
    write(folder)
    rig.tick()
    assert entries(rig.tick()) == [("a",)]


def test_a_change_is_asked_for_again(rig: Rig) -> None:
    folder = write(rig.root / "a")
    rig.settle("a")
    write(folder, 101)
    changed = rig.tick()
    assert state_of(changed.states, "a").state == State.CHANGED
    assert state_of(changed.states, "a").sessions == ["a"]
    assert entries(rig.tick()) == [("a",)]


def test_touching_asks_once_more_and_no_oftener(rig: Rig) -> None:
    folder = write(rig.root / "a")
    rig.settle("a")
    os.utime(folder / BIN, (1, 1))
    rig.tick()
    assert entries(rig.tick()) == [("a",)]
    rig.end_runs()
    for _ in range(3):
        assert not rig.tick().requests


def test_requests_are_of_bounded_size(tmp_path: Path) -> None:
    rig = Rig(tmp_path, Options(max_entries=4))
    for i in range(10):
        write(rig.root / f"s{i}")
    rig.tick()
    done = rig.tick()
    assert [len(r) for r in entries(done)] == [4, 4, 2]
    assert len({r.run_key for r in done.requests}) == 3


def test_the_cursor_is_of_bounded_size(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cursor_module, "MAX_PENDING", 4)
    for i in range(10):
        write(rig.root / f"s{i}")
    for _ in range(8):
        rig.tick()
        assert len(parse_cursor(rig.cursor)) <= 4
        rig.end_runs()
    assert len(rig.seen.entries) == 10


def test_stuck_entries_leave_room_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor_module, "MAX_PENDING", 4)
    rig = Rig(tmp_path, Options(stuck_after_s=300))
    for i in range(4):
        (write(rig.root / f"s{i}") / BIN).unlink()
    for _ in range(6):
        rig.tick()
    write(rig.root / "z")
    rig.tick()
    assert entries(rig.tick()) == [("z",)]


def test_entries_have_their_turn_when_time_is_short(rig: Rig) -> None:
    for i in range(5):
        (write(rig.root / f"s{i}") / BIN).unlink()
    rig.tick()
    watched, asked = WatchedRoot(rig.root, DispatchParams()), list[str]()

    def unsettled(entry: str, _: object) -> str:
        asked.append(entry)
        return "x: is missing"

    def may_check(n_before: int) -> bool:
        return len(asked) == n_before

    for n in range(5):
        rig.pass_time(1)
        questions = Questions(unsettled, functools.partial(may_check, len(asked)))
        done = tick(rig.cursor, watched.looks(), rig.seen, rig.now, questions)
        rig.cursor = done.cursor
        waiting = [s for s in done.states if "its turn comes" in s.why]
        assert len(waiting) == 4 - n
    assert sorted(asked) == [f"s{i}" for i in range(5)]


def test_states_can_be_asked_for_without_a_cursor(rig: Rig) -> None:
    for name in "abc":
        write(rig.root / name)
    rig.settle("a")
    write(rig.root / "b", 101)
    write(rig.root / "d")
    found = rig.states(lost_cursor=True)
    assert {s.entry: s.state for s in found} == {
        "a": State.DISPATCHED,
        "b": State.CHANGED,
        "c": State.DISPATCHED,
        "d": State.COPYING,
    }
    assert state_of(found, "a").why == "Inventoried as it is now: 1 session."


def test_looking_at_states_asks_nothing_and_opens_nothing(rig: Rig) -> None:
    (write(rig.root / "a") / BIN).unlink()
    for _ in range(3):
        rig.tick()
    rig.checked.clear()
    rig.pass_time(7200)
    (copying,) = rig.states()
    assert not rig.checked
    assert copying.state == State.COPYING
    assert "there is no .bin file yet" in copying.why
