"""The watch: runs that fail or come late, a lost memory, entries that vanish."""

from __future__ import annotations

import itertools
import shutil
from pathlib import Path

import pytest

from dispatch_assets.watch.cursor import parse_cursor
from dispatch_assets.watch.states import State
from dispatch_assets_tests.watch.rig import BIN, Rig, entries, state_of, states, write


def test_a_change_during_the_inventory_is_seen_afterwards(rig: Rig) -> None:
    folder = write(rig.root / "a")
    rig.tick()
    rig.tick()
    rig.inventory(rig.runs.pop().entries, lambda: write(folder, 101))
    assert states(rig)["a"] == State.CHANGED
    rig.tick()
    assert entries(rig.tick()) == [("a",)]


@pytest.mark.parametrize("known", [True, False])
def test_an_entry_that_gave_no_answer_is_asked_for_again_ever_more_rarely(
    rig: Rig, known: bool
) -> None:
    write(rig.root / "a")
    if known:
        rig.settle("a")
        rig.inventory(("a",), answers=False)
    minutes = []
    for minute in range(40):
        rig.tick()
        if rig.runs:
            minutes.append(minute)
            rig.inventory(rig.runs.pop().entries, answers=False)
    gaps = [b - a for a, b in itertools.pairwise(minutes)]
    assert len(gaps) >= 4
    assert gaps == [gaps[0] * 2**i for i in range(len(gaps))]
    rig.tick(after_s=3_600)
    rig.end_runs()
    assert states(rig) == {"a": State.DISPATCHED}


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
    assert "asked for 10 times: see why the runs of session_inventory" in why
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
