"""Entries of the data root with names that lead astray, from the first look to the jobs."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch_assets.batch import build
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets.status.arrivals import Arrivals
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets.status.page import render
from dispatch_assets.watch.following import Questions
from dispatch_assets.watch.inventories import Watched
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.states import State
from dispatch_assets.watch.ticks import Tick, tick
from dispatch_assets_tests.formats.tampering import copy, snapshot
from dispatch_assets_tests.samples import generic

NAMES = [
    "..x",
    "a\nb",
    "\t\x1b[2J",
    "a\\b",
    "😀 é",
    "x" * 255,
    "é" * 127,
    "a__b",
    "~",
    "a~b~~c",
    "-rf",
    "$(touch x)",
    "<script>alert(1)",
    "'\"&;|",
    "not_sessions",
    "CON",
    os.fsdecode(b"bad \xff\xfe"),
]
PARAMS = DispatchParams(multi_session=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("odd")
    session = generic.write_binary_folder(root / "saved", seconds=(0.05,), n_channels=4).parent
    for name in NAMES:
        copy(session / "saved", root / "data" / name / "recording")
    return root / "data"


def ticked(data: Path, store: str, cursor: str | None, minute: int) -> Tick:
    watched = WatchedRoot(data, PARAMS)
    looks = watched.looks()
    questions = Questions(watched.why_unsettled)
    return tick(cursor, looks, Seen.read(store, data), NOW + timedelta(minutes=minute), questions)


def test_odd_names_are_asked_for_once_inventoried_and_built(data: Path, tmp_path: Path) -> None:
    before, store = snapshot(data), str(tmp_path / "store")
    first = ticked(data, store, None, 0)
    assert not first.requests
    second = ticked(data, store, first.cursor, 1)
    (request,) = second.requests
    entries = [n for n in NAMES if not n.startswith(".")]  # hidden ones are none
    assert sorted(request.entries) == sorted(entries)

    shards = Shards(store)
    watched = Watched(store, str(data), PARAMS, entries=request.entries)
    found = scan(str(data), PARAMS, shards, watched.scope)
    found.save(shards, request.entries)
    watched.note(found)
    assert len(found.jobs) == len(entries)
    for outcome in build(found.jobs, shards, PARAMS):
        assert isinstance(outcome.job, SortingJob), outcome.job
        assert JobFiles(store).write(outcome.job).startswith(f"{store}{os.sep}sorting_jobs")
    assert len(JobFiles(store).keys()) == len(entries)

    third = ticked(data, store, second.cursor, 2)
    assert not third.requests
    assert not third.states
    assert not [*found.others, *(f for i in found.inventories for f in i.failures)]
    fleet = fleet_status(store, arrivals=Arrivals(str(data), third.cursor, PARAMS))
    assert {s.state for s in fleet.sessions} == {State.DISPATCHED}
    assert sorted(s.session_name for s in fleet.sessions) == sorted(entries)
    assert "<script>alert(1)" not in render(fleet, tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"store"}  # nothing was led astray
    assert snapshot(data) == before


def test_an_odd_name_is_vanished_when_it_is_gone(data: Path, tmp_path: Path) -> None:
    root, store = copy(data, tmp_path / "data"), str(tmp_path / "store")
    watched = Watched(store, str(root), PARAMS)
    found = scan(str(root), PARAMS, Shards(store))
    found.save(Shards(store))
    watched.note(found)
    (root / "a\nb").rename(root / "a\rb")
    cursor = None
    for minute in range(2):
        done = ticked(root, store, cursor, minute)
        cursor = done.cursor
    assert [r.entries for r in done.requests] == [("a\nb", "a\rb")]
    again = Watched(store, str(root), PARAMS, entries=done.requests[0].entries)
    renamed = scan(str(root), PARAMS, Shards(store), again.scope)
    assert list(renamed.vanished) == ["a~0ab~~block0_stream0_recording1"]
