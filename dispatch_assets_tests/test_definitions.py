"""The definitions as Dagster's own commands load and run them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.definitions import defs
from dispatch_assets.errors import ParameterError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.shards import Shards
from dispatch_assets_tests.defs.lab import ALPHA, write_data

REPOSITORY = Path(__file__).parents[1]
MATERIALIZE = ("asset", "materialize", "-m", "dispatch_assets.definitions", "--select")
SETTINGS = ("DISPATCH_DATA", "DISPATCH_STORE", "DISPATCH_PARAMS", "DAGSTER_HOME")


def python(
    *arguments: str, settings: Mapping[str, str], cwd: Path = REPOSITORY
) -> subprocess.CompletedProcess[str]:
    """Run Python with these settings and no others."""
    environment = {k: v for k, v in os.environ.items() if k not in SETTINGS}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**environment, "DAGSTER_DISABLE_TELEMETRY": "1", **settings},
        text=True,
        capture_output=True,
        check=False,
    )


def dagster(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return python("-m", "dagster", *arguments, settings=settings)


def test_loading_needs_no_settings_and_nothing_heavy(tmp_path: Path) -> None:
    code = """
import sys
from dispatch_assets.definitions import defs
defs().resolve_asset_graph()
heavy = {"spikeinterface", "neo", "probeinterface", "h5py", "zarr", "pynwb", "pandas", "scipy"}
print(sorted(heavy & set(sys.modules)))
"""
    done = python("-W", "error", "-c", code, settings={}, cwd=tmp_path)
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_workspace_validates() -> None:
    done = dagster("definitions", "validate", "-w", "workspace.yaml")
    assert done.returncode == 0, done.stderr
    assert "All code locations passed validation" in done.stdout + done.stderr


@pytest.mark.parametrize("asset", ["session_inventory", "sorting_jobs"])
def test_bad_params_leave_the_graph_and_fail_every_run_with_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, asset: str
) -> None:
    monkeypatch.setenv("DISPATCH_DATA", str(tmp_path))
    monkeypatch.setenv("DISPATCH_PARAMS", '{"debugg": true}')
    job = defs().resolve_implicit_global_asset_job_def()
    partition = {"dagster/partition": "a~~b"} if asset == "sorting_jobs" else None
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("sorting_jobs", ["a~~b"])
        with pytest.raises(dg.Failure) as caught:
            job.execute_in_process(
                asset_selection=[dg.AssetKey(asset)], instance=instance, tags=partition
            )
    assert caught.value.description == (
        "DISPATCH_PARAMS: debugg: unknown parameter, did you mean 'debug'? "
        "Mend it, then reload the code location."
    )


def test_params_that_are_no_json_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPATCH_PARAMS", "nowhere.json")
    resource = (defs().resources or {})["dispatch_params"]
    with pytest.raises(ParameterError, match=r"^DISPATCH_PARAMS: 'nowhere.json' is neither"):
        resource.plain()


@pytest.mark.slow
def test_stock_commands_materialize_inventory_and_one_partition(tmp_path: Path) -> None:
    data, home, store = write_data(tmp_path / "data"), tmp_path / "home", tmp_path / "store"
    home.mkdir()
    settings = {
        "DISPATCH_DATA": str(data),
        "DISPATCH_STORE": str(store),
        "DAGSTER_HOME": str(home),
    }
    done = dagster(*MATERIALIZE, "session_inventory", **settings)
    assert done.returncode == 0, done.stderr
    assert len(Shards(str(store)).present()) == 2
    done = dagster(*MATERIALIZE, "sorting_jobs", "--partition", ALPHA, **settings)
    assert done.returncode == 0, done.stderr
    assert JobFiles(str(store)).keys() == {ALPHA}


def test_run_without_a_data_root_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS:
        monkeypatch.delenv(name, raising=False)
    job = defs().resolve_implicit_global_asset_job_def()
    with pytest.raises(dg.Failure) as caught, dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            asset_selection=[dg.AssetKey("session_inventory")], instance=instance
        )
    assert caught.value.description == (
        "DISPATCH_DATA: is not set. Set DISPATCH_DATA to the folder that holds your sessions, then "
        "reload."
    )
