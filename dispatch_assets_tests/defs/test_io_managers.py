"""Jobs go to files and come back, on a disk or elsewhere."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.defs.io_managers import SortingJobIOManager
from dispatch_assets.defs.partitions import SORTING_JOBS
from dispatch_assets.defs.resources import Store
from dispatch_assets.models import SortingJob
from dispatch_assets_tests.defs.lab import ALPHA, KEYS, Lab


@pytest.fixture
def job(lab: Lab) -> SortingJob:
    lab.inventory()
    lab.dispatch([ALPHA])
    return lab.jobs.read(ALPHA)


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
def test_a_job_comes_back_as_it_was(lab: Lab, job: SortingJob, kind: str, tmp_path: Path) -> None:
    base = str(tmp_path / "x") if kind == "local" else f"memory://{uuid.uuid4().hex}/store"
    manager = SortingJobIOManager(store=Store(base=base))
    manager.handle_output(output(lab.instance, ALPHA), job)
    assert load(lab.instance, manager, ALPHA, ALPHA) == job
    assert manager.store.jobs().keys() == {ALPHA}


def test_whole_chain_on_a_url(lab: Lab) -> None:
    url = f"memory://{uuid.uuid4().hex}/store"
    lab.store = url  # type: ignore[assignment]
    assert lab.inventory().success
    assert lab.dispatch(KEYS).success
    assert lab.jobs.keys() == set(KEYS)
    assert lab.metadata(ALPHA)["job file"].startswith("memory://")


def test_several_partitions_load_as_a_dictionary(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    manager = SortingJobIOManager(store=Store(base=str(lab.store)))
    loaded = load(lab.instance, manager, KEYS[0], KEYS[-1])
    assert loaded == {key: lab.jobs.read(key) for key in KEYS}


def test_failed_write_keeps_the_old_file(
    lab: Lab, job: SortingJob, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = SortingJobIOManager(store=Store(base=str(lab.store)))
    before = Path(lab.jobs.path(ALPHA)).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    changed = job.model_copy(update={"duration": 99.0})
    with pytest.raises(dg.Failure, match="No space left on device") as caught:
        manager.handle_output(output(lab.instance, ALPHA), changed)
    assert caught.value.allow_retries is False
    assert Path(lab.jobs.path(ALPHA)).read_bytes() == before
    assert [p.name for p in Path(lab.jobs.path(ALPHA)).parent.iterdir()] == [f"job_{ALPHA}.json"]


def test_job_of_another_partition_is_refused(lab: Lab, job: SortingJob) -> None:
    manager = SortingJobIOManager(store=Store(base=str(lab.store)))
    with pytest.raises(dg.Failure, match="The partitions are"):
        manager.handle_output(output(lab.instance, KEYS[1]), job)


def test_missing_job_is_a_sentence(lab: Lab) -> None:
    lab.inventory()
    manager = SortingJobIOManager(store=Store(base=str(lab.store)))
    with pytest.raises(dg.Failure, match=r"cannot be read .* Materialize it again"):
        load(lab.instance, manager, ALPHA, ALPHA)
