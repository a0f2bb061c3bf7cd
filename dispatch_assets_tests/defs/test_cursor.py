"""The memory of the sensor, read from outside."""

from __future__ import annotations

from pathlib import Path

import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    SensorInstigatorData,
)

from dispatch_assets.defs.cursor import cursor_of
from dispatch_assets.defs.instance import instance_at
from dispatch_assets.errors import ParameterError


def sensor_state(name: str, cursor: str | None) -> InstigatorState:
    location = RegisteredCodeLocationOrigin("here")
    origin = RemoteInstigatorOrigin(RemoteRepositoryOrigin(location, "__repository__"), name)
    data = SensorInstigatorData(cursor=cursor)
    return InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.RUNNING, data)


def test_cursor_of_the_sensor_and_of_no_other(tmp_path: Path) -> None:
    store, home = str(tmp_path / "store"), tmp_path / "dagster_home"
    with instance_at(home) as instance:
        instance.add_instigator_state(sensor_state("another", "not this"))
        assert cursor_of(store, {}) is None
        instance.add_instigator_state(sensor_state("new_sessions", '{"a": 1}'))
    assert cursor_of(store, {}) == '{"a": 1}'
    assert cursor_of("s3://elsewhere/store", {"DAGSTER_HOME": str(home)}) == '{"a": 1}'


def test_looking_makes_no_instance(tmp_path: Path) -> None:
    assert cursor_of(str(tmp_path / "store"), {}) is None
    (tmp_path / "dagster_home").mkdir()
    assert cursor_of(str(tmp_path / "store"), {}) is None
    assert not list((tmp_path / "dagster_home").iterdir())
    with pytest.raises(ParameterError, match="must be an absolute path"):
        cursor_of(str(tmp_path / "store"), {"DAGSTER_HOME": "relative"})
