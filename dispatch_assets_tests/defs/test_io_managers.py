"""Jobs go to files and come back, on a disk or elsewhere."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.defs.io_managers import SortingJobIOManager
from dispatch_assets.defs.partitions import SORTING_JOBS
from dispatch_assets.defs.resources import Store
from dispatch_assets.discovery import discover
from dispatch_assets.jobs import JobBuilder
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets_tests.defs.lab import ALPHA, KEYS, Lab


@pytest.fixture(scope="module")
def job(sample_data: Path) -> SortingJob:
    """The job of `ALPHA`, without Dagster."""
    params = DispatchParams(sessions=["alpha"])
    (session,) = discover(sample_data, params).sessions
    plan = plan_session(session, params)
    return JobBuilder(plan).build(plan.jobs[0])


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("sorting_jobs", KEYS)
        yield instance


def output(instance: dg.DagsterInstance, key: str) -> dg.OutputContext:
    return dg.build_output_context(
        asset_key=dg.AssetKey("sorting_jobs"),
        asset_partitions_def=SORTING_JOBS,
        asset_partition_key_range=dg.PartitionKeyRange(key, key),
        instance=instance,
    )


def load(
    instance: dg.DagsterInstance, manager: SortingJobIOManager, first: str, last: str
) -> object:
    context = dg.build_input_context(
        asset_key=dg.AssetKey("sorting_jobs"),
        asset_partitions_def=SORTING_JOBS,
        asset_partition_key_range=dg.PartitionKeyRange(first, last),
        instance=instance,
    )
    return manager.load_input(context)


@pytest.mark.parametrize("kind", ["local", "memory"])
def test_a_job_comes_back_as_it_was(
    instance: dg.DagsterInstance, job: SortingJob, kind: str, tmp_path: Path
) -> None:
    base = str(tmp_path / "x") if kind == "local" else f"memory://{uuid.uuid4().hex}/store"
    manager = SortingJobIOManager(store=Store(base=base))
    manager.handle_output(output(instance, ALPHA), job)
    assert load(instance, manager, ALPHA, ALPHA) == job
    assert manager.store.jobs().keys() == {ALPHA}


def test_several_partitions_load_as_a_dictionary(
    instance: dg.DagsterInstance, job: SortingJob, tmp_path: Path
) -> None:
    manager = SortingJobIOManager(store=Store(base=str(tmp_path)))
    jobs = {key: job.model_copy(update={"job_key": key}) for key in KEYS}
    for key in KEYS:
        manager.handle_output(output(instance, key), jobs[key])
    assert load(instance, manager, KEYS[0], KEYS[-1]) == jobs


def test_failed_write_keeps_the_old_file(
    instance: dg.DagsterInstance, job: SortingJob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = SortingJobIOManager(store=Store(base=str(tmp_path)))
    manager.handle_output(output(instance, ALPHA), job)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    changed = job.model_copy(update={"duration": 99.0})
    with pytest.raises(dg.Failure, match="No space left on device") as caught:
        manager.handle_output(output(instance, ALPHA), changed)
    assert caught.value.allow_retries is False
    assert [p.name for p in (tmp_path / "sorting_jobs").iterdir()] == [f"job_{ALPHA}.json"]
    assert load(instance, manager, ALPHA, ALPHA) == job


def test_job_of_another_partition_is_refused(
    instance: dg.DagsterInstance, job: SortingJob, tmp_path: Path
) -> None:
    manager = SortingJobIOManager(store=Store(base=str(tmp_path)))
    with pytest.raises(dg.Failure, match="The partitions are"):
        manager.handle_output(output(instance, KEYS[1]), job)


def test_missing_job_is_a_sentence(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    manager = SortingJobIOManager(store=Store(base=str(tmp_path)))
    with pytest.raises(dg.Failure, match=r"cannot be read .* Materialize it again"):
        load(instance, manager, ALPHA, ALPHA)


def test_whole_chain_on_a_url(lab: Lab) -> None:
    lab.store = f"memory://{uuid.uuid4().hex}/store"
    assert lab.inventory().success
    assert lab.dispatch(KEYS).success
    assert lab.jobs.keys() == set(KEYS)
    assert lab.metadata(ALPHA)["job file"].startswith("memory://")
