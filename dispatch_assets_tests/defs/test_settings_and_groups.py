"""Settings of single sessions, and groups, as Dagster sees them."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.defs import runner
from dispatch_assets.defs.environment import settings_from
from dispatch_assets.defs.resources import DispatchParamsResource
from dispatch_assets.params import DispatchParams
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab, inventory_facts, reported, rows

GROUP = "group~2fbeta~~group-beta_Record~20Node~20101~23Neuropix-PXI-100.ProbeA-AP_recording"
GROUPS = {"beta": BETA[:2]}


def say(lab: Lab, session: str, values: object) -> None:
    (lab.data / session / "dispatch.json").write_text(json.dumps(values))


@pytest.fixture
def place(lab: Lab, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Lab:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    return lab


def test_what_is_due_when_settings_and_members_change(place: Lab) -> None:
    params = DispatchParams(groups=GROUPS)
    assert set(runner.materialize(place.data, place.store, params).written) == {*KEYS, GROUP}
    say(place, "alpha", {"skip_timestamps_check": True})
    place.change(BETA[0])
    summary = runner.materialize(place.data, place.store, params)
    assert set(summary.written) == {ALPHA, BETA[0], GROUP}
    assert summary.counts == {"new": 0, "changed": 2, "returned": 0, "vanished": 0}
    (place.data / "alpha" / "dispatch.json").write_text("{")
    summary = runner.materialize(place.data, place.store, params)
    assert summary.exit_status == 1
    assert [e.reason for e in summary.of_status("failed")] == ["bad_settings"]
    assert (summary.counts["vanished"], summary.written) == (1, {})


def test_what_an_inventory_run_says_of_excluded_sessions(lab: Lab) -> None:
    say(lab, "alpha", {"exclude": "it was a test"})
    (row,) = [
        r
        for r in rows(inventory_facts(lab.inventory())["left out or failed"])
        if r["session"] == "alpha"
    ]
    assert (row["status"], row["reason"]) == ("skipped", "excluded")
    assert row["message"].startswith("it was a test")


def test_a_group_is_a_partition_like_any_other(lab: Lab) -> None:
    lab.params = DispatchParams(groups=GROUPS)
    observed, made = reported(lab.inventory())
    assert GROUP in observed
    assert observed == made
    assert set(lab.partitions()) == {*KEYS, GROUP}
    assert lab.dispatch([GROUP]).success
    job = lab.jobs.read(GROUP)
    assert job.concatenated is not None
    assert [c.job_key for c in job.concatenated] == BETA[:2]
    assert lab.tags(GROUP)["dagster/data_version"]
    assert lab.dispatch(list(lab.partitions())).success
    assert lab.materialized() == {*KEYS, GROUP}


def test_a_changed_member_is_reported_with_its_group(lab: Lab) -> None:
    lab.params = DispatchParams(groups=GROUPS)
    lab.inventory()
    lab.change(BETA[1])
    observed, _ = reported(lab.inventory(sessions=["beta"]))
    assert set(observed) == {BETA[1], GROUP}


def test_both_are_parameters_of_the_resource() -> None:
    params = DispatchParams(groups=GROUPS, settings_folder="/settings")
    resource = DispatchParamsResource(**params.model_dump())
    assert resource.plain() == params
    fields = DispatchParamsResource.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]
    assert {"groups", "settings_folder"} <= set(fields)
    given = settings_from({"DISPATCH_PARAMS": json.dumps({"groups": GROUPS})})
    assert given.params.groups == GROUPS
    assert isinstance(resource, dg.ConfigurableResource)
