"""Random sequences of what happens at a rig, against real files: what must hold at every moment.

- Nothing is asked for before it is whole, and nothing at all while the root is not mounted. (An
  empty folder is: it is no session, and inventories say so.)
- What was inventoried as it looks is not asked for again, nor what a run has not ended for.
- In the end every whole session is inventoried as it is, every other one is not, and there is
  peace: nothing more is asked for, and nothing remembered.

Dates alone change a look: a touched session is asked for once more, to no effect.
"""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from dispatch_assets.errors import DataRootError
from dispatch_assets.watch.cursor import GONE, parse_cursor
from dispatch_assets.watch.following import Options
from dispatch_assets.watch.ticks import Tick
from dispatch_assets_tests.watch.rig import BIN, META, Rig, bytes_of, copied, is_whole

ORDERS = ([BIN, META], [META, BIN])
DAY_S = 86_400.0


class LabMachine(RuleBasedStateMachine):
    """A rig that copies, a person who meddles, a daemon that ticks."""

    def __init__(self) -> None:
        super().__init__()
        self.base = Path(tempfile.mkdtemp(prefix="lab"))
        self.rig = Rig(self.base, Options(stuck_after_s=3600))
        self.copies: dict[str, Iterator[None]] = {}
        self.sizes: dict[str, int] = {}
        self.numbers = itertools.count(100)
        self.mounted = True

    def teardown(self) -> None:
        try:
            self._bring_to_an_end()
        finally:
            shutil.rmtree(self.base)

    # ── What the rig does ────────────────────────────────────────────────────────────────────

    def _names(self) -> list[str]:
        return sorted(self.sizes)

    def _begin(self, name: str, n_bytes: int, order: int, rsync: bool) -> None:
        copy = copied(self.rig.root / name, n_bytes, ORDERS[order], rsync)
        next(copy)
        self.copies[name], self.sizes[name] = copy, n_bytes

    @precondition(lambda self: self.mounted and len(self.sizes) < 8)
    @rule(order=st.integers(0, 1), rsync=st.booleans())
    def begin_a_copy(self, order: int, rsync: bool) -> None:
        number = next(self.numbers)
        self._begin(f"s{number}", number, order, rsync)

    @precondition(lambda self: self.mounted and self.copies)
    @rule(data=st.data(), steps=st.integers(1, 3))
    def go_on_copying(self, data: st.DataObject, steps: int) -> None:
        name = data.draw(st.sampled_from(sorted(self.copies)))
        for _ in range(steps):
            if next(self.copies[name], name) is name:
                del self.copies[name]
                return

    @precondition(lambda self: self.mounted and self.copies)
    @rule()
    def finish_copying(self) -> None:
        self._finish_all_copies()

    def _finish_all_copies(self) -> None:
        for copy in self.copies.values():
            for _ in copy:
                pass
        self.copies.clear()

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def crash(self, data: st.DataObject) -> None:
        del self.copies[data.draw(st.sampled_from(sorted(self.copies)))]

    @precondition(lambda self: self.mounted and self.sizes)
    @rule(data=st.data(), other=st.booleans(), order=st.integers(0, 1), rsync=st.booleans())
    def copy_again(self, data: st.DataObject, other: bool, order: int, rsync: bool) -> None:
        name = data.draw(st.sampled_from(self._names()))
        n_bytes = next(self.numbers) if other else self.sizes[name]
        self._begin(name, n_bytes, order, rsync)

    # ── What people do ───────────────────────────────────────────────────────────────────────

    @precondition(lambda self: self.mounted and self.sizes)
    @rule(data=st.data())
    def rename(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self._names()))
        new = f"r{next(self.numbers)}"
        (self.rig.root / name).rename(self.rig.root / new)
        self.copies.pop(name, None)
        self.sizes[new] = self.sizes.pop(name)

    @precondition(lambda self: self.mounted and self.sizes)
    @rule(data=st.data())
    def delete(self, data: st.DataObject) -> None:
        name = data.draw(st.sampled_from(self._names()))
        shutil.rmtree(self.rig.root / name)
        self.copies.pop(name, None)
        del self.sizes[name]

    @precondition(lambda self: self.mounted and self.sizes)
    @rule(data=st.data(), date_s=st.integers(1, 10**9))
    def touch(self, data: st.DataObject, date_s: int) -> None:
        folder = self.rig.root / data.draw(st.sampled_from(self._names()))
        for file in folder.iterdir():
            os.utime(file, (date_s, date_s))

    @precondition(lambda self: self.mounted)
    @rule(empty=st.booleans())
    def unmount(self, empty: bool) -> None:
        self.rig.root.rename(self.base / "disk")
        if empty:
            self.rig.root.mkdir()
        self.mounted = False

    @precondition(lambda self: not self.mounted)
    @rule()
    def mount(self) -> None:
        if self.rig.root.exists():
            self.rig.root.rmdir()
        (self.base / "disk").rename(self.rig.root)
        self.mounted = True

    @rule()
    def lose_the_cursor(self) -> None:
        self.rig.cursor = None

    @rule()
    def lose_the_index(self) -> None:
        (Path(self.rig.store) / "entries.json").unlink(missing_ok=True)

    # ── What Dagster does ────────────────────────────────────────────────────────────────────

    @rule(times=st.integers(1, 3), after_s=st.sampled_from([1.0, 60.0, 600.0]))
    def tick(self, times: int, after_s: float) -> None:
        for _ in range(times):
            self._tick(after_s)

    @rule(well=st.booleans())
    def end_runs(self, well: bool) -> None:
        self.rig.end_runs(well=well)

    @precondition(lambda self: self.mounted)
    @rule()
    def have_a_quiet_night(self) -> None:
        self._finish_all_copies()
        for _ in range(3):
            self._tick(DAY_S)
            self.rig.end_runs()

    def _tick(self, after_s: float = 60.0) -> Tick | None:
        before, in_flight = self.rig.seen, {e for r in self.rig.runs for e in r.entries}
        if not self.mounted:
            try:
                self.rig.tick(after_s=after_s)
            except DataRootError:
                return None
            raise AssertionError("an empty root was taken for one")
        try:
            done = self.rig.tick(after_s=after_s)
        except DataRootError:
            assert not self.sizes
            return None
        asked = [name for request in done.requests for name in request.entries]
        assert len(asked) == len(set(asked))
        assert in_flight.isdisjoint(asked)
        pending = parse_cursor(done.cursor)
        for name in asked:
            known = before.entries.get(name)
            if name in self.sizes:
                assert self._is_settled(name), name
                assert known is None or known.look != pending[name].look or known.vanished
            else:
                assert known is not None
                assert not known.vanished
                assert pending[name].look == GONE
        return done

    def _is_settled(self, name: str) -> bool:
        folder = self.rig.root / name
        return is_whole(folder) or not any(folder.iterdir())

    @invariant()
    def the_cursor_is_small(self) -> None:
        assert len(self.rig.cursor or "") < 1000 * (1 + len(self.rig.seen.entries) + 16)

    # ── In the end ───────────────────────────────────────────────────────────────────────────

    def _bring_to_an_end(self) -> None:
        if not self.mounted:
            self.mount()
        self.copies.clear()
        (self.rig.root / "kept").mkdir(exist_ok=True)  # never quite empty
        (self.rig.root / "kept" / "notes.txt").touch()
        self._come_to_rest()
        for name in self._names():  # and then everything changes once more
            self._begin(name, next(self.numbers), order=0, rsync=False)
        self._finish_all_copies()
        self._come_to_rest()

    def _come_to_rest(self) -> None:
        done = self.rig.tick(after_s=DAY_S)
        if done.problem:  # so much was deleted that it takes a person
            self.rig.inventory(())
        for _ in range(4):
            self.rig.end_runs()
            done = self.rig.tick(after_s=DAY_S)
        seen, states = self.rig.seen, {s.entry: s for s in done.states}
        whole = {name for name in self.sizes if self._is_settled(name)}
        assert not done.requests
        assert whole.isdisjoint(states)
        assert not [n for n in whole if seen.entries[n].vanished]
        for name in whole:
            assert self.rig.inventoried[name] == bytes_of(self.rig.root / name)
        for name in self.sizes.keys() - whole:
            assert states[name].state == "quarantined", (name, states[name])
        gone = seen.entries.keys() - self.sizes.keys() - {"kept"}
        assert all(seen.entries[name].vanished for name in gone)


LabMachine.TestCase.settings = settings(
    max_examples=250,
    stateful_step_count=30,
    suppress_health_check=list(HealthCheck),
)
TestLab = LabMachine.TestCase
