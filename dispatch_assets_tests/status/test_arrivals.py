"""States of entries of the data root, as the status tells them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dispatch_assets.status.arrivals import Arrivals
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets.watch.following import Options, Questions
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.ticks import tick
from dispatch_assets_tests.status.lab import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Six dispatched sessions that are watched."""
    made = Fleet(tmp_path, watched=True)
    for i in range(6):
        made.add(f"s{i}")
    made.inventory()
    made.dispatch()
    return made


def cursor_of(
    fleet: Fleet, before: str | None = None, *, ago_s: float = 0, options: Options | None = None
) -> str:
    """Return what the sensor would remember after a tick."""
    root = WatchedRoot(fleet.data, fleet.params)
    seen = Seen.read(str(fleet.store), fleet.data)
    now = datetime.now(UTC) - timedelta(seconds=ago_s)
    return tick(before, root.looks(), seen, now, Questions(root.why_unsettled), options).cursor


def test_sessions_at_rest(fleet: Fleet) -> None:
    found = fleet.status()
    assert found.n_sessions == {"dispatched": 6}
    assert not found.watched
    assert all(s.since > "2020" for s in found.sessions)
    assert found.exit_status == 0


def test_what_arrives_changes_and_vanishes(fleet: Fleet) -> None:
    (fleet.data / "new").mkdir()
    (fleet.data / "new" / "run_g0_t0.imec0.ap.bin").write_bytes(b"half")
    fleet.change("s1")
    (fleet.data / "s1" / "more.txt").write_text("another file")
    shutil.rmtree(fleet.data / "s2")
    found = fleet.status(cursor=cursor_of(fleet))
    states = {s.session_name: str(s.state) for s in found.sessions}
    assert states["new"] == "copying"
    assert states["s1"] == "changed"
    assert states["s0"] == "dispatched"
    assert states["s2"] in ("changed", "vanished")
    assert found.watched
    new = next(s for s in found.sessions if s.session_name == "new")
    assert (new.recordings, new.next_step) == ([], "wait until complete")
    assert new.why
    assert found.exit_status == 0
    # where no sensor looks, waiting would be for ever
    steps = {s.session_name: s.next_step for s in fleet.status().sessions}
    assert steps["new"] == steps["s1"] == "materialize once complete"
    fleet.inventory()
    assert fleet.session("s2").state == "vanished"


def test_what_never_settles_needs_a_person(fleet: Fleet) -> None:
    (fleet.data / "new").mkdir()
    (fleet.data / "new" / "run_g0_t0.imec0.ap.bin").write_bytes(b"half")
    patience = Options(stuck_after_s=3600)
    first = cursor_of(fleet, ago_s=7200)
    assert fleet.status(cursor=first).exit_status == 0
    cursor = cursor_of(fleet, first, options=patience)
    arrivals = Arrivals(str(fleet.data), cursor, fleet.params, patience)
    found = fleet_status(str(fleet.store), arrivals=arrivals)
    (new,) = [s for s in found.sessions if s.needs_attention]
    assert (new.session_name, new.state, new.next_step) == ("new", "quarantined", "see why")
    assert new.why
    assert found.exit_status == 1


def test_an_unmounted_disk_is_one_problem(fleet: Fleet) -> None:
    fleet.data.rename(fleet.root / "elsewhere")
    found = fleet.status()
    (problem,) = found.problems
    assert "Is the disk mounted?" in problem.message
    assert found.n_sessions == {"dispatched": 6}
    assert found.exit_status == 1
    fleet.data.mkdir()
    assert fleet.status().n_sessions == {"dispatched": 6}
    assert len(fleet.status().problems) == 1
    shutil.copytree(fleet.root / "elsewhere" / "s0", fleet.data / "s0")
    found = fleet.status()
    assert found.n_sessions == {"dispatched": 6}
    assert "5 of 6 known entries are missing" in found.problems[0].message


def test_a_damaged_index_is_none(fleet: Fleet) -> None:
    (fleet.store / "entries.json").write_text("{")
    assert fleet.status().n_sessions == {"dispatched": 6}
