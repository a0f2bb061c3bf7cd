"""Groups: in the store they change and vanish with their members."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.batch import build
from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason, SortingJob
from dispatch_assets.naming import file_stem
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import Scope, scan
from dispatch_assets.shards import Shards
from dispatch_assets.transient import is_transient
from dispatch_assets_tests.groups.lab import BOTH, DAY1, DAY2, KEY
from dispatch_assets_tests.outcome import dispatched
from dispatch_assets_tests.silence import silence


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(str(tmp_path / "store"))


def look(data: Path, shards: Shards, *sessions: str, **params: Any) -> Any:
    found = scan(
        str(data), DispatchParams(**{"groups": BOTH, **params}), shards, Scope(sessions=sessions)
    )
    found.save(shards)
    return found


def test_a_group_is_found_and_built_from_the_store(data: Path, shards: Shards) -> None:
    found = look(data, shards)
    assert KEY in found.jobs
    assert shards.find(KEY).session.name == "group/week"
    again = look(data, shards)
    assert (again.new, again.changed, again.vanished, again.vanished_sessions) == ([], [], {}, [])
    params = DispatchParams(groups=BOTH)
    built = {o.key: o.job for o in build([DAY1, KEY, DAY2], shards, params)}
    job = built[KEY]
    assert isinstance(job, SortingJob), job
    assert job.parameters_hash == shards.find(KEY).parameters_hash
    assert job.fingerprint == found.jobs[KEY].fingerprint
    assert all(isinstance(j, SortingJob) for j in built.values())


def test_a_changed_member_changes_its_groups_even_if_only_it_was_looked_at(
    data: Path, shards: Shards
) -> None:
    look(data, shards)
    assert look(data, shards, "day1").changed == []
    file = data / "day2" / "day2_g1_imec0" / "day2_g1_t0.imec0.ap.bin"
    file.write_bytes(bytes(reversed(file.read_bytes())))
    assert {c.key for c in look(data, shards, "day2").changed} == {DAY2, KEY}


def test_a_member_that_gives_no_answer_leaves_its_groups_as_they_were(
    data: Path, shards: Shards
) -> None:
    jobs = look(data, shards).jobs
    with silence(data / "day2" / "day2_g1_imec0" / "day2_g1_t0.imec0.ap.bin"):
        found = look(data, shards)
        (built,) = build([KEY], shards, DispatchParams(groups=BOTH))
    assert (found.jobs, found.vanished, found.changed) == (jobs, {}, [])
    assert {e.reason for e in found.entries if e.status == "failed"} == {Reason.NO_ANSWER}
    assert isinstance(built.job, StreamError)
    assert is_transient(built.job)
    again = look(data, shards)
    assert (again.jobs, again.returned) == (jobs, [])
    assert all(e.status != "failed" for e in again.entries)


def test_settings_of_a_member_are_settings_of_its_groups(data: Path, shards: Shards) -> None:
    look(data, shards)
    before = shards.find(KEY).parameters_hash
    (data / "day2" / "dispatch.json").write_text('{"skip_timestamps_check": true}')
    look(data, shards)
    assert shards.find(KEY).parameters_hash != before


def test_a_member_that_vanished(data: Path, shards: Shards) -> None:
    look(data, shards)
    (data / "day2").rename(data.parent / "away")
    found = look(data, shards)
    assert set(found.vanished) == {DAY2, KEY}
    assert found.vanished_sessions == ["day2"]
    (outcome,) = build([KEY], shards, DispatchParams(groups=BOTH))
    assert DAY2 in str(outcome.job)
    (data.parent / "away").rename(data / "day2")
    assert {c.key for c in look(data, shards).returned} == {DAY2, KEY}


@pytest.mark.parametrize("asked", [(), ("day2",)], ids=["everything", "the session"])
def test_a_member_that_is_gone_is_called_so(
    asked: tuple[str, ...], data: Path, shards: Shards, tmp_path: Path
) -> None:
    look(data, shards)
    (data / "day2").rename(tmp_path / "away")
    look(data, shards, *asked)
    (entry,) = shards.read(file_stem("group/week")).entries
    assert f"{DAY2}: its session is not in the data folder any more" in entry.message
    assert "take it out of the group" in entry.message


def test_a_group_that_is_no_longer_declared(data: Path, shards: Shards) -> None:
    look(data, shards)
    assert look(data, shards, "day1", groups={}).vanished == {}  # not all was looked at
    found = look(data, shards, groups={})
    assert (found.vanished_sessions, set(found.vanished)) == (["group/week"], {KEY})


def test_a_job_of_a_removed_group_is_set_aside(data: Path) -> None:
    dispatched(data, multi_session=True, groups=BOTH)
    report, _ = dispatched(data, multi_session=True)
    assert [Path(p).name for p in report.stale_files] == [f"job_{KEY}.json"]
