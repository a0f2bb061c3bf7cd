"""A world for the watch: a data root, runs that may fail, a clock, and copies that take their time.

Sessions are SpikeGLX runs of one small file, so that hundreds of sequences take seconds.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dispatch_assets.errors import DataRootError
from dispatch_assets.params import DispatchParams
from dispatch_assets.watch.following import Options, Questions, Request
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Inventoried, Seen
from dispatch_assets.watch.states import EntryState, State
from dispatch_assets.watch.ticks import Tick, all_states, tick

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BIN, META = "run_g0_t0.imec0.ap.bin", "run_g0_t0.imec0.ap.meta"
OLD_S = 1_600_000_000  # date that rsync -a brings along


def contents(n_bytes: int) -> dict[str, bytes]:
    """Return the files of a session; the length of its data says which one it is."""
    meta = f"fileSizeBytes={n_bytes}\nnSavedChans=1\n~snsChanMap=(1,0,0)(AP0;0:0)\n"
    return {BIN: bytes([n_bytes % 251]) * n_bytes, META: meta.encode()}


def write(folder: Path, n_bytes: int = 100) -> Path:
    """Write a session at once."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents(n_bytes).items():
        (folder / name).write_bytes(content)
    return folder


def copied(folder: Path, n_bytes: int, order: list[str], rsync: bool) -> Iterator[None]:
    """Copy a session step by step, over what is there."""
    folder.mkdir(exist_ok=True)
    yield
    for name in order:
        content, file = contents(n_bytes)[name], folder / name
        target = folder / f".{name}.Q1wE{n_bytes % 10}r" if rsync else file
        for part in (content[: len(content) // 2], content):
            target.write_bytes(part)
            yield
        if rsync:
            os.utime(target, (OLD_S, OLD_S))
            target.rename(file)
            yield


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return the files of a session, as far as they are there."""
    return {n: (folder / n).read_bytes() for n in (BIN, META) if (folder / n).exists()}


def is_whole(folder: Path) -> bool:
    """Say whether a folder holds one whole session, judged by every byte."""
    found = bytes_of(folder)
    return BIN in found and found == contents(len(found[BIN]))


class Rig:
    """The data root, the store, and the daemon's part."""

    def __init__(self, base: Path, options: Options | None = None) -> None:
        self.base, self.store = base, str(base / "store")
        self.root = base / "data"
        self.root.mkdir(parents=True)
        self.options = options or Options()
        self.now = BEGIN
        self.cursor: str | None = None
        self.runs: list[Request] = []  # not ended
        self.run_keys: set[str] = set()  # of all runs ever
        self.checked: list[str] = []
        self.inventoried: dict[str, object] = {}  # what was in each entry when it was read last

    @property
    def seen(self) -> Seen:
        return Seen.read(self.store, self.root)

    def pass_time(self, seconds: float = 60.0) -> None:
        self.now += timedelta(seconds=seconds)

    def _questions(self, watched: WatchedRoot) -> Questions:
        def why(entry: str, look: object) -> str | None:
            self.checked.append(entry)
            return watched.why_unsettled(entry, looks[entry])

        looks = watched.looks()
        return Questions(why, in_flight=lambda: {e for r in self.runs for e in r.entries})

    def tick(self, *, after_s: float = 60.0) -> Tick:
        """Let time pass, tick, and start the runs that are new."""
        self.pass_time(after_s)
        self.checked.clear()
        watched = WatchedRoot(self.root, DispatchParams())
        looks = watched.looks()
        done = tick(self.cursor, looks, self.seen, self.now, self._questions(watched), self.options)
        self.cursor = done.cursor
        for request in done.requests:
            if request.run_key not in self.run_keys:  # as Dagster does
                self.run_keys.add(request.run_key)
                self.runs.append(request)
        return done

    def inventory(
        self,
        entries: tuple[str, ...],
        meanwhile: Callable[[], object] = tuple,
        *,
        answers: bool = True,
    ) -> None:
        """Inventory some entries, as `session_inventory` does; something may happen meanwhile."""
        watched = WatchedRoot(self.root, DispatchParams())
        looks = watched.looks(entries)
        moved = {name: look for name, look in looks.items() if not self.seen.at_rest(name, look)}
        skipped = {name for name, look in moved.items() if watched.why_unsettled(name, look)}
        meanwhile()
        read = {name: look for name, look in looks.items() if name not in skipped}
        self.inventoried |= {name: bytes_of(self.root / name) for name in read}
        sessions = {name: [name] for name in read}
        done = Inventoried(read, sessions, {}, entries, skipped, () if answers else entries)
        Seen.record(self.store, self.root, done, self.now)

    def states(self, *, lost_cursor: bool = False) -> list[EntryState]:
        """Return the state of every entry, as people are told without a tick."""
        looks = WatchedRoot(self.root, DispatchParams()).looks()
        cursor = None if lost_cursor else self.cursor
        return all_states(cursor, looks, self.seen, self.now, self.options)

    def end_runs(self, *, well: bool = True) -> None:
        """End all runs; those that fail write nothing."""
        for request in self.runs:
            if well:
                try:
                    self.inventory(request.entries)
                except DataRootError:
                    continue
        self.runs.clear()

    def settle(self, name: str) -> None:
        """Have a session that is there inventoried."""
        self.tick()
        self.tick()
        self.end_runs()
        assert name in self.seen.entries


def state_of(states: tuple[EntryState, ...] | list[EntryState], entry: str) -> EntryState:
    """Return the state of one entry."""
    (state,) = [s for s in states if s.entry == entry]
    return state


def entries(done: Tick) -> list[tuple[str, ...]]:
    """Return the entries of every request of a tick."""
    return [r.entries for r in done.requests]


def states(rig: Rig) -> dict[str, State]:
    """Return the states of all entries."""
    return {s.entry: s.state for s in rig.states()}
