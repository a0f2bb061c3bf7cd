"""`session_inventory` on a real instance, with real files."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.defs.assets import session_inventory as module
from dispatch_assets.params import DispatchParams
from dispatch_assets.watch import inventories
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.defs.lab import (
    ALPHA,
    BETA,
    KEYS,
    Lab,
    inventory_facts,
    reported,
    rows,
    sentence,
)


def test_first_scan_writes_shards_registers_and_reports(lab: Lab) -> None:
    result = lab.inventory()
    assert result.success
    assert lab.shards.names() == ["alpha", "beta"]
    assert lab.partitions() == KEYS
    assert reported(result) == (KEYS, KEYS)
    fingerprints = {e.job_key: e.fingerprint for i in lab.shards.present() for e in i.jobs}
    for key in KEYS:
        assert lab.tags(key, "recordings")["dagster/data_version"] == fingerprints[key]


def test_metadata_count_and_list_everything(lab: Lab) -> None:
    facts = inventory_facts(lab.inventory())
    counts = {"sessions": 2, "jobs": 4, "skipped": 3, "failed": 0, "new": 4, "vanished": 0}
    assert {name: facts[name] for name in counts} == counts
    assert facts["total duration (s)"] == pytest.approx(0.4)
    assert facts["total size (bytes)"] > 100_000
    jobs, others = rows(facts["sorting jobs"]), rows(facts["left out or failed"])
    assert [r["key"] for r in jobs] == KEYS
    assert jobs[0]["status"] == "new"
    assert jobs[0]["channels"] == 16
    assert {r["reason"] for r in others} == {"lfp_band", "sync_stream"}


def test_second_scan_reports_nothing_and_writes_nothing(lab: Lab) -> None:
    lab.inventory()
    shards = list(Path(lab.shards.place).iterdir())
    before = [p.stat().st_mtime_ns for p in shards]
    assert reported(lab.inventory()) == ([], [])
    assert [p.stat().st_mtime_ns for p in shards] == before


def test_changed_recording_is_reported_with_what_changed(lab: Lab) -> None:
    lab.inventory()
    lab.change(BETA[1])
    result = lab.inventory()
    assert reported(result) == ([BETA[1]], [BETA[1]])
    about = lab.metadata(BETA[1], "recordings")
    assert about["change"] == "changed"
    assert f"| **{about['fingerprint']}** |" in about["what changed"]
    assert inventory_facts(result)["changed"] == 1


def test_named_sessions_only(lab: Lab) -> None:
    assert lab.inventory(sessions=["alpha"]).success
    assert lab.partitions() == [ALPHA]
    assert lab.shards.names() == ["alpha"]


def test_unknown_session_is_a_sentence(lab: Lab) -> None:
    text = sentence(lab.inventory(sessions=["gamma"]))
    assert text == "sessions: no session is called 'gamma'. There are: alpha, beta."


def test_vanished_recording_keeps_its_partition_and_results(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    lab.damage(BETA[0])
    result = lab.inventory()
    assert [r["key"] for r in rows(inventory_facts(result)["vanished recordings"])] == [BETA[0]]
    assert lab.partitions() == KEYS
    assert lab.jobs.read(BETA[0]).job_key == BETA[0]
    text = sentence(lab.dispatch([BETA[0]]))
    assert "its recording is gone since 20" in text
    assert "its file is missing" in text
    assert "then materialize session_inventory." in text
    assert inventory_facts(lab.inventory())["vanished"] == 0  # is told once


def test_vanished_session_keeps_its_shard_and_may_return(lab: Lab) -> None:
    lab.inventory()
    away = lab.data.with_name("beta")
    (lab.data / "beta").rename(away)
    result = lab.inventory()
    assert result.success
    assert inventory_facts(result)["vanished"] == 3
    assert lab.shards.names() == ["alpha", "beta"]
    assert [i.session.name for i in lab.shards.present()] == ["alpha"]
    away.rename(lab.data / "beta")
    back = lab.inventory()
    assert inventory_facts(back)["returned"] == 3
    assert reported(back) == ([], [])
    assert lab.dispatch(BETA).success


def test_empty_data_root_is_an_error(lab: Lab) -> None:
    lab.inventory()
    lab.data.rename(lab.data.with_name("elsewhere"))
    lab.data.mkdir()
    text = sentence(lab.inventory())
    assert "the data folder is empty. Mount the disk" in text
    assert len(lab.shards.present()) == 2
    facts = inventory_facts(lab.inventory(allow_mass_removal=True))
    assert facts["vanished"] == 4
    assert lab.partitions() == KEYS


def test_data_root_without_any_session_is_an_error_once_there_were_some(lab: Lab) -> None:
    lab.inventory()
    for session in ("alpha", "beta"):
        lab.remove(session)
    (lab.data / "lost+found").mkdir()
    assert "2 of 2 known sessions are missing." in sentence(lab.inventory())


def test_missing_data_root_is_a_sentence(lab: Lab) -> None:
    lab.data.rename(lab.data.with_name("elsewhere"))
    assert "the data folder does not exist" in sentence(lab.inventory())


def test_new_recordings_beyond_the_cap_are_registered_unreported(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_NEW_REPORTED", 2)
    assert reported(lab.inventory())[0] == KEYS[:2]
    assert lab.partitions() == KEYS


def test_new_instance_over_an_old_store_gets_partitions_and_events(lab: Lab) -> None:
    lab.inventory()
    with dg.DagsterInstance.ephemeral() as fresh:
        other = Lab(lab.data, lab.store, fresh, lab.params)
        assert reported(other.inventory())[0] == KEYS
        assert other.partitions() == KEYS


def test_automated_inventory_leaves_alone_what_is_not_complete(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "PAUSE_S", 0.01)
    whole = lab.data_of(ALPHA).read_bytes()
    lab.data_of(ALPHA).write_bytes(whole[:-4])
    result = lab.inventory(only_complete=True)
    assert lab.partitions() == BETA
    (left_alone,) = rows(inventory_facts(result)["not complete yet"])
    assert left_alone["entry"] == "alpha"
    assert left_alone["why"]
    lab.data_of(ALPHA).write_bytes(whole)
    assert "not complete yet" not in inventory_facts(lab.inventory(only_complete=True))
    assert lab.partitions() == [*BETA, ALPHA]


def test_what_is_copied_again_keeps_its_job_until_it_is_complete(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inventories, "PAUSE_S", 0.01)
    lab.inventory(only_complete=True)
    whole = lab.data_of(ALPHA).read_bytes()
    lab.data_of(ALPHA).write_bytes(whole[:-4])
    facts = inventory_facts(lab.inventory(only_complete=True))
    assert (facts["vanished"], facts["changed"], facts["failed"]) == (0, 0, 0)
    assert lab.shards.find(ALPHA).session.name == "alpha"
    lab.data_of(ALPHA).write_bytes(whole[::-1])
    assert inventory_facts(lab.inventory(only_complete=True))["changed"] == 1


def test_what_changes_while_it_is_looked_at_is_left_alone(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = lab.data / "alpha" / "notes.txt"

    def somebody_writes(seconds: float) -> None:
        notes.write_text(f"after {seconds} s")

    monkeypatch.setattr("dispatch_assets.watch.inventories.time.sleep", somebody_writes)
    facts = inventory_facts(lab.inventory(only_complete=True, settle_s=300.0))
    (left_alone,) = rows(facts["not complete yet"])
    assert left_alone == {"entry": "alpha", "why": "it is changing"}
    assert notes.read_text() == "after 300.0 s"


def test_what_has_changed_since_it_was_asked_for_is_left_alone(lab: Lab) -> None:
    looks = {
        name: x.digest for name, x in WatchedRoot(str(lab.data), DispatchParams()).looks().items()
    }
    asked = {"entries": list(looks), "looked_at": looks, "only_complete": True}
    (lab.data / "alpha" / "notes.txt").write_text("somebody writes")
    (left_alone,) = rows(inventory_facts(lab.inventory(**asked))["not complete yet"])
    assert left_alone == {
        "entry": "alpha",
        "why": "it has changed since its inventory was asked for",
    }
    assert lab.partitions() == BETA
