"""A disk or share that gives no answer for a while: what is known stays, and it is asked again."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_assets.batch import build
from dispatch_assets.changes import Scan
from dispatch_assets.errors import DataRootError, StoreError, StreamError
from dispatch_assets.models import Reason
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets.transient import is_transient
from dispatch_assets.watch.inventories import Watched
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Seen
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, write_data
from dispatch_assets_tests.silence import silence

PARAMS = DispatchParams()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_data(tmp_path / "data")


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(str(tmp_path / "store"))


Inventory = Callable[[], Scan]


@pytest.fixture
def inventory(data: Path, shards: Shards, tmp_path: Path) -> Inventory:
    def look() -> Scan:
        watched = Watched(str(tmp_path / "store"), str(data), PARAMS)
        found = scan(str(data), PARAMS, shards, watched.scope)
        found.save(shards)
        watched.note(found)
        return found

    return look


def at_rest(data: Path) -> set[str]:
    """Return the entries that the sensor leaves alone."""
    seen = Seen.read(str(data.parent / "store"), str(data))
    looks = WatchedRoot(str(data), PARAMS).looks(())
    return {name for name, look in looks.items() if seen.at_rest(name, look)}


def middle_recording(data: Path) -> Path:
    (file,) = (data / "beta").rglob("recording2/**/continuous.dat")
    return file


def test_a_recording_that_gives_no_answer_stays_as_it_was(
    data: Path, shards: Shards, inventory: Inventory
) -> None:
    first = inventory()
    assert set(first.jobs) == set(KEYS)
    assert at_rest(data) == {"alpha", "beta"}

    with silence(middle_recording(data)):
        found = inventory()

    assert (found.vanished, found.changed, found.new) == ({}, [], [])
    assert found.jobs == first.jobs
    (failure,) = [e for e in found.entries if e.status == "failed"]
    assert failure.reason == Reason.NO_ANSWER
    assert "Input/output error" in failure.message
    assert at_rest(data) == {"alpha"}

    again = inventory()
    assert (again.vanished, again.changed, again.new, again.returned) == ({}, [], [], [])
    assert [e for e in again.entries if e.status == "failed"] == []
    assert at_rest(data) == {"alpha", "beta"}


@pytest.mark.parametrize("session", ["alpha", "beta"])
def test_a_session_that_gives_no_answer_has_not_vanished(
    data: Path, shards: Shards, inventory: Inventory, session: str
) -> None:
    first = inventory()

    with silence(data / session):
        found = inventory()

    assert (found.vanished, found.vanished_sessions) == ({}, [])
    assert {e.reason for e in found.entries if e.status == "failed"} == {Reason.NO_ANSWER}
    assert {str(e.job_key) for i in shards.present() for e in i.jobs} == set(KEYS)
    assert session not in at_rest(data)
    assert inventory().jobs == first.jobs
    assert at_rest(data) == {"alpha", "beta"}


def test_a_new_session_that_answers_in_part_is_dispatched_in_part(
    data: Path, shards: Shards, inventory: Inventory
) -> None:
    with silence(middle_recording(data)):
        assert set(inventory().jobs) == {ALPHA, BETA[0], BETA[2]}
    assert at_rest(data) == {"alpha"}
    assert [change.key for change in inventory().new] == [BETA[1]]


@pytest.mark.parametrize("part", ["", "Record Node 101"])
def test_a_data_root_that_is_a_session_and_gives_no_answer(
    data: Path, shards: Shards, part: str
) -> None:
    scan(str(data / "beta"), PARAMS, shards).save(shards)
    with (
        silence(data / "beta" / part),
        pytest.raises(DataRootError, match=r"gives no answer|Mount the disk"),
    ):
        scan(str(data / "beta"), PARAMS, shards)


def test_a_job_whose_recording_gives_no_answer_is_worth_another_try(
    data: Path, shards: Shards, inventory: Inventory
) -> None:
    inventory()
    with silence(middle_recording(data)):
        outcomes = {o.key: o.job for o in build(BETA, shards, PARAMS)}
    assert {key for key, job in outcomes.items() if isinstance(job, StreamError)} == {BETA[1]}
    assert is_transient(outcomes[BETA[1]])  # type: ignore[arg-type]


def test_causes_in_a_circle() -> None:
    a, b = StoreError("a"), StoreError("b")
    a.__cause__, b.__cause__ = b, a
    assert not is_transient(a)


@pytest.mark.parametrize("hidden", [True, False])
def test_an_error_that_came_while_another_was_handled(hidden: bool) -> None:
    """As careless libraries raise them."""
    told = ValueError("no header")
    told.__context__, told.__suppress_context__ = OSError(errno.ESTALE, "stale"), hidden
    assert is_transient(told) is not hidden
