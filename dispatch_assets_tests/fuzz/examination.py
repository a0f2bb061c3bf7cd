"""What has to hold, whatever a file says: one damaged file, looked at as inventories look at it.

No exception but `DispatchError` anywhere; none at all out of what goes through many sessions; the
healthy session's job as ever; no word without a reason; nothing executed, nothing from outside.
"""

from __future__ import annotations

import json
import os
import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from dispatch_assets.batch import Outcome, build
from dispatch_assets.changes import Scan
from dispatch_assets.discovery import evidence
from dispatch_assets.errors import DataRootError, DispatchError, StoreError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.status.arrivals import Arrivals
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets.watch.cursor import dump_cursor, kept, parse_cursor
from dispatch_assets.watch.inventories import Watched
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.fuzz.corpus import PARAMS, Arena
from dispatch_assets_tests.fuzz.hostile import Traps
from dispatch_assets_tests.fuzz.texts import Target

MAX_MESSAGE = 10_000  # letters; it ends up in the store, on pages and in metadata
SCRATCH = "scratch"


@dataclass
class Findings:
    """What became of one damaged file.

    Attributes
    ----------
    fate
        ``refused`` (with a reason), ``other jobs``, or ``unharmed``.
    faults
        What must not be.
    """

    fate: str = "unharmed"
    faults: list[str] = field(default_factory=list)

    def check(self, holds: bool, fault: str) -> None:
        """Note a fault unless it `holds` that there is none."""
        if not holds:
            self.faults.append(fault)

    @contextmanager
    def guarded(self, what: str, *allowed: type[Exception]) -> Iterator[None]:
        """Note what is raised, unless it is allowed; then the file is refused."""
        try:
            yield
        except allowed as e:
            self.fate = "refused"
            self.check(0 < len(str(e)) <= MAX_MESSAGE, f"{what}: {len(str(e))} letters of message")
        except Exception as e:  # noqa: BLE001 - this is what is looked for
            last = "".join(traceback.format_exception(e)[-6:])
            self.faults.append(
                f"{what}: {type(e).__name__} escaped: {str(e)[:300]}\n{last[-3000:]}"
            )


def examine_text(target: Target, content: bytes, arena: Arena) -> Findings:
    """Hand a damaged text to the parser that it is for."""
    found = Findings()
    text = content.decode("utf-8", "surrogateescape")
    with found.guarded(target.kind, DispatchError):
        if target.kind == "cursor of the sensor":
            pending = kept(parse_cursor(text))
            found.fate = "unharmed" if pending else "refused"
            found.check(parse_cursor(dump_cursor(pending)) == pending, "cursor does not survive")
            arrivals = Arrivals(str(arena.data), text, PARAMS)
            fleet_status(str(arena.store), arrivals=arrivals).model_dump_json()
            return found
        values: Any = load_json_argument(text, "params")
        if not isinstance(values, dict):
            found.fate = "refused"
        elif target.kind == "parameters of sorting":
            parse_sorting_params(values)
        else:
            params = parse_params(values)
            params.hash()
            _inventory(arena, arena.store.with_name(SCRATCH), params, found)
    return found


def examine_file(arena: Arena, target: Target, damage: Callable[[Path], None], rng: Random,
                 traps: Traps) -> Findings:  # fmt: skip
    """Damage a file, look at its data folder as the sensor, an inventory and jobs do, and mend it.

    Parameters
    ----------
    arena, target
        The file and what it belongs to.
    damage
        Damages the file at a path.
    rng
        Decides whether jobs are built of what was inventoried before the damage.
    traps
        What must be left alone.
    """
    assert target.path is not None
    found, store = Findings(), arena.store.with_name(SCRATCH)
    shutil.rmtree(store, ignore_errors=True)
    shutil.copytree(arena.store, store)
    in_store = target.path.is_relative_to(arena.store)
    path = store / target.path.relative_to(arena.store) if in_store else target.path
    try:
        damage(path)
        if in_store:
            _read_store(arena, store, found)
            with found.guarded("inventory of one entry"):
                _inventory(arena, store, PARAMS, found, entries=("victim",))
        elif rng.random() < 0.25:
            _jobs(arena, store, list(arena.jobs), found, traps)
        with found.guarded("evidence", DataRootError):  # of what is not there
            for entry in sorted(arena.data.iterdir()):
                evidence(entry)
        with found.guarded("settling"):
            root = WatchedRoot(arena.data, PARAMS)
            for entry_name, look in root.looks().items():
                why = root.why_unsettled(entry_name, look)
                found.check(why is None or bool(why.strip()), "unsettled without a reason")
        scanned = None
        with found.guarded("inventory"):
            scanned = _inventory(arena, store, PARAMS, found)
        if scanned is not None:
            _jobs(arena, store, list(scanned.jobs), found, traps)
        if rng.random() < 0.1:
            _status(arena, store, found)
    finally:
        _mend(target)
    found.check(not traps.marker.exists(), "planted code has run")
    return found


def _status(arena: Arena, store: Path, found: Findings) -> None:
    with found.guarded("status"):
        fleet_status(str(store), arrivals=Arrivals(str(arena.data), "", PARAMS))


def _inventory(
    arena: Arena,
    store: Path,
    params: DispatchParams,
    found: Findings,
    entries: tuple[str, ...] = (),
) -> Scan:
    """Do what the asset ``session_inventory`` does."""
    shards = Shards(str(store))
    watched = Watched(str(store), str(arena.data), params, entries=entries)
    scanned = scan(str(arena.data), params, shards, watched.scope)
    told = [*scanned.others, *(e for i in scanned.inventories for e in i.entries)]
    for entry in told:
        if entry.status != "job":
            size = len(entry.message.strip())
            found.check(0 < size <= MAX_MESSAGE, f"{size} letters of message: {entry.message[:99]}")
    if any(e.status == "failed" for e in told):
        found.fate = "refused"
    scanned.save(shards, entries)
    watched.note(scanned)
    return scanned


def _jobs(arena: Arena, store: Path, keys: list[str], found: Findings, traps: Traps) -> None:
    """Build jobs, and compare the healthy session's with what they are otherwise."""
    outcomes: list[Outcome] = []
    with found.guarded("jobs"):
        outcomes = list(build(keys, Shards(str(store)), PARAMS))
        found.check(len(outcomes) == len(keys), f"{len(outcomes)} outcomes of {len(keys)} keys")
    texts: dict[str, str] = {}
    for outcome in outcomes:
        if isinstance(outcome.job, SortingJob):
            with found.guarded("job file"):
                texts[outcome.key] = Path(JobFiles(str(store)).write(outcome.job)).read_text()
                job = json.loads(texts[outcome.key], parse_constant=_refuse)
                found.check(not _leads_to(job, traps.outside, arena.data), "a job leads outside")
        else:
            found.fate = "refused"
            size = len(str(outcome.job).strip())
            found.check(0 < size <= MAX_MESSAGE, f"{outcome.key}: {size} letters of message")
    if any(texts.get(k) != v for k, v in arena.jobs.items()) and found.fate == "unharmed":
        found.fate = "other jobs"
    for key, text in arena.healthy.items():
        found.check(texts.get(key) == text, f"the job of the healthy session {key} is another one")


def _refuse(name: str) -> None:
    raise ValueError(f"{name} in a job")


def _leads_to(value: Any, outside: Path, base: Path, name: str = "") -> bool:
    """Say whether a job names a file of a folder that it has no business with."""
    if isinstance(value, dict):
        return any(_leads_to(v, outside, base, k) for k, v in value.items())
    if isinstance(value, list):
        return any(_leads_to(v, outside, base, name) for v in value)
    if not isinstance(value, str) or "path" not in name or len(value) > 4096 or "\0" in value:
        return False
    return Path(os.path.normpath(base / value)).is_relative_to(outside)


def _read_store(arena: Arena, store: Path, found: Findings) -> None:
    """Read what is damaged in a store wherever it is read."""
    files, shards = JobFiles(str(store)), Shards(str(store))
    with found.guarded("status of a damaged store"):
        fleet_status(str(store), arrivals=Arrivals(str(arena.data), None, PARAMS)).model_dump_json()
    for key in arena.jobs:
        with found.guarded("a job's file", StoreError):
            files.read(key)
        with found.guarded("what a job is made from"):
            files.is_made_from(key, "x", "y")
        with found.guarded("finding a job", DispatchError):
            shards.find(key)


def _mend(target: Target) -> None:
    path = target.path
    assert path is not None
    if path.is_symlink() or (path.exists() and not path.is_file()):
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    path.write_bytes(target.content)
