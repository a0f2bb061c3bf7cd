"""What runs by itself: what it asks for, and what it says if it was set up wrongly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pytest

from dispatch_assets.definitions import defs

VARIABLES = ("DISPATCH_AUTOMATE", "DISPATCH_WATCH")


@pytest.fixture
def instance(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def sensor_says(instance: dg.DagsterInstance, graph: dg.Definitions) -> str:
    (sensor,) = [s for s in graph.sensors or () if s.name == "new_sessions"]
    given = graph.resources or {}
    resources = {name: given[name] for name in ("data_root", "store", "dispatch_params")}
    with dg.build_sensor_context(instance, resources=resources, definitions=graph) as context:
        return str(sensor.evaluate_tick(context).skip_message)


def schedule_tick(instance: dg.DagsterInstance, graph: dg.Definitions) -> Any:
    (schedule,) = graph.schedules or ()
    assert isinstance(schedule, dg.ScheduleDefinition)
    context = dg.build_schedule_context(instance, scheduled_execution_time=datetime.now(UTC))
    return schedule.evaluate_tick(context)


def running(graph: dg.Definitions) -> set[str]:
    switches = [*(graph.sensors or ()), *(graph.schedules or ())]
    return {s.name for s in switches if s.default_status.value == "RUNNING"}


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("DISPATCH_AUTOMATE", "new_session", "did you mean 'new_sessions'?"),
        ("DISPATCH_AUTOMATE", "sorting", "There are: new_sessions, dispatch_new_recordings"),
        ("DISPATCH_WATCH", '{"setle_s": 300}', "setle_s"),
        ("DISPATCH_WATCH", '{"full_inventory_cron": "daily"}', "is no cron expression"),
        ("DISPATCH_WATCH", "{", "DISPATCH_WATCH"),
    ],
)
def test_what_makes_no_sense_is_said_and_nothing_is_asked_for(
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
    told: str,
) -> None:
    monkeypatch.setenv(name, value)
    graph = defs()
    assert running(graph) == {"new_sessions"}
    assert told in sensor_says(instance, graph)
    scheduled = schedule_tick(instance, graph)
    assert told in scheduled.skip_message
    assert not scheduled.run_requests


def test_what_makes_sense_is_switched_on(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert running(defs()) == set()
    monkeypatch.setenv("DISPATCH_AUTOMATE", "sort_new_jobs, full_inventory")
    assert running(defs()) == {"sort_new_jobs", "full_inventory"}
    monkeypatch.setenv("DISPATCH_AUTOMATE", "all")
    assert len(running(defs())) == 4
    assert "DISPATCH_DATA: is not set" in sensor_says(instance, defs())


def test_the_full_inventory_is_as_patient_as_the_sensor(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DISPATCH_WATCH", '{"settle_s": 300, "full_inventory_cron": "5 3 * * *"}')
    graph = defs()
    assert [s.cron_schedule for s in graph.schedules or ()] == ["5 3 * * *"]  # type: ignore[union-attr]
    (request,) = schedule_tick(instance, graph).run_requests
    config = request.run_config["ops"]["session_inventory"]["config"]
    assert config["settle_s"] == 300
    assert config["reconcile"]
    assert config["only_complete"]
    assert request.tags["dispatch/automated"] == "true"
    assert int(request.tags["dagster/max_runtime"]) > 3_600
