from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from dispatch_assets.params import DispatchParams
from dispatch_assets.watch import cursor as cursor_module
from dispatch_assets.watch.cursor import parse_cursor
from dispatch_assets.watch.following import Options, Questions
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.states import State
from dispatch_assets.watch.ticks import Tick, tick
from dispatch_assets_tests.watch.rig import BEGIN, BIN, META, Rig, contents, state_of, write


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)


def entries(done: Tick) -> list[tuple[str, ...]]:
    return [r.entries for r in done.requests]


def states(rig: Rig) -> dict[str, State]:
    return {s.entry: s.state for s in rig.states()}


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


def test_a_change_during_the_inventory_is_seen_afterwards(rig: Rig) -> None:
    folder = write(rig.root / "a")
    rig.tick()
    rig.tick()
    rig.inventory(rig.runs.pop().entries, lambda: write(folder, 101))
    assert states(rig)["a"] == State.CHANGED
    rig.tick()
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


def test_a_failed_run_is_asked_for_again_ever_more_rarely(rig: Rig) -> None:
    write(rig.root / "a")
    keys, minutes = [], []
    for minute in range(300):
        done = rig.tick()
        if done.requests:
            keys.append(done.requests[0].run_key)
            minutes.append(minute)
            rig.end_runs(well=False)
    gaps = [b - a for a, b in itertools.pairwise(minutes)]
    assert gaps == [1, 2, 4, 8, 16, 32, 60, 60, 60]
    assert len(set(keys)) == len(keys)
    why = state_of(rig.tick().states, "a").why
    assert "for the 10th time: see why the runs of session_inventory" in why
    rig.end_runs()


def test_nothing_is_asked_for_while_its_run_has_not_ended(rig: Rig) -> None:
    folder = write(rig.root / "a")
    rig.tick()
    rig.tick()
    for _ in range(200):
        assert not rig.tick().requests
    rig.cursor = None
    for _ in range(5):
        assert not rig.tick().requests
    assert states(rig)["a"] == State.SETTLED
    write(folder, 101)  # its run has not ended, and may have seen the old one or the new one
    for _ in range(5):
        assert not rig.tick().requests
    rig.end_runs()
    assert not any(rig.tick().requests for _ in range(5))


def test_a_lost_cursor_asks_for_the_same_run(rig: Rig) -> None:
    for name in "abc":
        write(rig.root / name)
    rig.tick()
    (request,) = rig.tick().requests
    rig.cursor = None
    rig.runs.clear()  # as if the run could not be found
    rig.tick()
    assert rig.tick().requests == (request,)
    assert not rig.runs  # Dagster knows its key


@pytest.mark.parametrize(
    "damaged",
    ["", "{", "[]", "[" * 100_000, '{"version": 2}', '{"version": 1, "pending": {"a": 3}}'],
)
def test_a_damaged_cursor_is_an_empty_one(rig: Rig, damaged: str) -> None:
    write(rig.root / "a")
    rig.settle("a")
    rig.cursor = damaged
    assert parse_cursor(damaged) == {}
    assert not rig.tick().states


@pytest.mark.parametrize("damaged", [b"", b"{", b"[]", b'{"entries": 3}', b"\xff", b"[" * 10**5])
def test_a_damaged_index_makes_everything_new(rig: Rig, damaged: bytes) -> None:
    write(rig.root / "a")
    rig.settle("a")
    rig.tick()
    (Path(rig.store) / "entries.json").write_bytes(damaged)
    rig.tick()
    assert entries(rig.tick()) == [("a",)]
    assert not rig.runs  # Dagster knows the key of this run; the next one has another
    assert entries(rig.tick()) == [("a",)]
    rig.end_runs()
    assert states(rig) == {"a": State.DISPATCHED}


def test_the_index_of_another_root_does_not_count(rig: Rig) -> None:
    write(rig.root / "a")
    rig.settle("a")
    rig.tick()
    rig.root = rig.root.rename(rig.base / "elsewhere")
    for _ in range(3):
        rig.tick()
    rig.end_runs()
    assert not rig.tick().states


def test_what_vanishes_is_asked_for_and_remembered(rig: Rig) -> None:
    for name in "ab":
        write(rig.root / name)
    rig.settle("a")
    shutil.rmtree(rig.root / "a")
    gone = rig.tick()
    assert not gone.requests
    assert state_of(gone.states, "a").state == State.VANISHED
    assert entries(rig.tick()) == [("a",)]
    rig.end_runs()
    assert rig.seen.entries["a"].vanished
    assert rig.seen.entries["a"].sessions == ["a"]
    assert not rig.tick().states
    assert states(rig) == {"a": State.VANISHED, "b": State.DISPATCHED}
    write(rig.root / "a")
    assert state_of(rig.tick().states, "a").state == State.COPYING
    assert entries(rig.tick()) == [("a",)]
    rig.end_runs()
    assert states(rig) == {"a": State.DISPATCHED, "b": State.DISPATCHED}


def test_what_is_back_before_it_was_missed_is_at_rest(rig: Rig) -> None:
    write(rig.root / "b")
    folder = write(rig.root / "a")
    rig.settle("a")
    folder.rename(rig.base / "a")
    rig.tick()
    (rig.base / "a").rename(folder)
    assert not rig.tick().states


def test_a_renamed_session_is_asked_for_together_with_its_old_name(rig: Rig) -> None:
    for name in "abc":
        write(rig.root / name, ord(name))
    rig.settle("a")
    (rig.root / "a").rename(rig.root / "z")
    done = rig.tick()
    assert state_of(done.states, "a").why == "It may have been renamed to z."
    assert "looks as a did, which is gone" in state_of(done.states, "z").why
    assert entries(rig.tick()) == [("a", "z")]


@pytest.mark.parametrize(("known", "gone", "refused"), [(4, 4, True), (5, 3, False), (30, 7, True)])
def test_an_unmounted_root_is_no_mass_removal(
    rig: Rig, known: int, gone: int, refused: bool
) -> None:
    for i in range(known):
        write(rig.root / f"s{i}")
    rig.settle("s0")
    for i in range(gone):
        shutil.rmtree(rig.root / f"s{i}")
    write(rig.root / "new")  # or another disk is mounted there
    before = rig.cursor
    done = [rig.tick() for _ in range(5)]
    assert any(d.requests for d in done) != refused
    assert bool(done[0].problem) == refused
    if refused:
        assert rig.cursor == before
        assert f"{gone} of {known} known entries are missing" in done[0].problem
        assert "allow_mass_removal: true" in done[0].problem


def test_a_copy_that_was_given_up_is_forgotten(rig: Rig) -> None:
    folder = write(rig.root / "a")
    write(rig.root / "b")
    (folder / BIN).unlink()
    rig.tick()
    shutil.rmtree(folder)
    assert [s.entry for s in rig.tick().states] == ["b"]


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


def test_a_run_that_comes_too_late_leaves_out_what_is_copied_again(rig: Rig) -> None:
    folder = write(rig.root / "a")
    write(rig.root / "b")
    rig.tick()
    rig.tick()
    (folder / BIN).write_bytes(b"")
    rig.end_runs()
    assert set(rig.seen.entries) == {"b"}
    write(folder, 101)
    rig.tick()
    assert entries(rig.tick()) == [("a",)]
