"""Settings from the environment, and the instance that goes with a store."""

from __future__ import annotations

import fcntl
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.defs.environment import settings_from
from dispatch_assets.defs.instance import CONFIGURATION, LOCK, home_for, instance_at
from dispatch_assets.errors import ParameterError, StoreError

REPOSITORY = Path(__file__).parents[2]


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_from({})
    assert (settings.data, settings.store) == ("", str(tmp_path / ".dispatch" / "store"))
    assert home_for(settings.store, {}) == tmp_path / ".dispatch" / "dagster_home"


def test_paths_become_absolute_and_urls_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_from({"DISPATCH_DATA": "data", "DISPATCH_STORE": "s3://bucket/x"})
    assert (settings.data, settings.store) == (str(tmp_path / "data"), "s3://bucket/x")
    assert home_for(settings.store, {}) == tmp_path / ".dispatch" / "dagster_home"


def test_params_as_json_or_as_a_file(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"job_dispatch": {"debug": true}, "preprocessing": {}}')
    assert settings_from({"DISPATCH_PARAMS": str(file)}).params.debug
    assert settings_from({"DISPATCH_PARAMS": '{"debug": true}'}).params.debug


@pytest.mark.parametrize("text", ["[1]", "nowhere.json", '{"debugg": true}'])
def test_bad_params_are_a_sentence(text: str) -> None:
    with pytest.raises(ParameterError, match=r"DISPATCH_PARAMS|debugg"):
        settings_from({"DISPATCH_PARAMS": text})


def test_home_is_the_one_that_is_set(tmp_path: Path) -> None:
    assert home_for("/x/store", {"DAGSTER_HOME": str(tmp_path)}) == tmp_path
    with pytest.raises(ParameterError, match="must be an absolute path"):
        home_for("/x/store", {"DAGSTER_HOME": "relative"})


def test_configuration_of_others_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    with instance_at(tmp_path):
        pass
    assert (tmp_path / "dagster.yaml").read_text() == "telemetry:\n  enabled: false\n"


def test_home_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Set DAGSTER_HOME"), instance_at(tmp_path / "file" / "x"):
        pass


def test_only_one_process_makes_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_config = dg.DagsterInstance.from_config

    def making(home: str) -> dg.DagsterInstance:
        with (Path(home) / LOCK).open("w") as other, pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return from_config(home)

    monkeypatch.setattr(dg.DagsterInstance, "from_config", making)
    with instance_at(tmp_path), instance_at(tmp_path) as second:  # nobody waits for an open one
        assert second.get_runs_count() == 0


def test_shipped_configuration_is_one_and_valid(tmp_path: Path) -> None:
    assert (REPOSITORY / "deploy" / "dagster.yaml").read_text() == CONFIGURATION.read_text()
    with instance_at(tmp_path) as instance:
        assert not instance.telemetry_enabled
        assert not instance.nux_enabled
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds > 0
        assert isinstance(instance, dg.DagsterInstance)
        assert instance.global_op_concurrency_default_limit == 1
