"""Settings of single sessions: inventories in the store that were made with them."""

from __future__ import annotations

from pathlib import Path

from dispatch_assets.batch import build
from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets_tests.settings.lab import INTAN, inventories, say


def test_jobs_follow_from_the_settings_of_the_inventory(data: Path, tmp_path: Path) -> None:
    say(data / "one", {"split_segments": False, "skip_timestamps_check": True})
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    inventory = shards.read("one")
    keys = [str(e.job_key) for i in shards.present() for e in i.jobs]
    made = {o.key: o.job for o in build(keys, shards, params)}
    assert all(isinstance(job, SortingJob) for job in made.values()), made
    (job,) = (j for j in made.values() if isinstance(j, SortingJob) and j.session_name == "one")
    assert job.n_samples == [3000, 9000]
    assert job.parameters_hash == inventory.parameters_hash != params.hash()


def test_changed_settings_concern_that_session_only(data: Path, tmp_path: Path) -> None:
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    before = {i.session.name: i.parameters_hash for i in shards.present()}
    say(data / "two", {"skip_timestamps_check": True})
    found = scan(str(data), params, shards)
    found.save(shards)
    after = {i.session.name: i.parameters_hash for i in shards.present()}
    assert {n for n in after if after[n] != before[n]} == {"two"}
    assert (found.new, found.changed, found.vanished) == ([], [], {})


def test_shards_of_before_there_were_settings_still_load(data: Path) -> None:
    inventory = inventories(data)["one"].model_dump(mode="json")
    del inventory["parameters"], inventory["session"]["settings"]
    assert Inventory.model_validate(inventory).session.settings is None


def test_broken_settings_keep_a_session_that_lives_on_them(data: Path, tmp_path: Path) -> None:
    say(data / "odd", INTAN)
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    say(data / "odd", "{")
    found = scan(str(data), params, shards)
    assert found.vanished_sessions == []
    assert [e.reason for i in found.inventories for e in i.failures] == ["bad_settings"]
