"""Partitions are added once, in order, whoever else adds them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import dagster as dg
import pytest
from sqlalchemy.exc import IntegrityError

from dispatch_assets.defs import partitions


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def test_keys_are_deduplicated_and_in_natural_order(instance: dg.DagsterInstance) -> None:
    assert partitions.register(instance, ["b10", "b9", "a", "b9"]) == ["a", "b9", "b10"]
    assert partitions.register(instance, ["a", "c"]) == ["c"]
    assert instance.get_dynamic_partitions("sorting_jobs") == ["a", "b9", "b10", "c"]


def test_many_keys_go_in_chunks(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes, add = [], instance.add_dynamic_partitions

    def counted(name: str, keys: Sequence[str]) -> None:
        sizes.append(len(keys))
        add(name, keys)

    monkeypatch.setattr(instance, "add_dynamic_partitions", counted)
    keys = [f"k{i}" for i in range(12_000)]
    partitions.register(instance, keys)
    assert sizes == [5000, 5000, 2000]
    assert instance.get_dynamic_partitions("sorting_jobs") == keys


@pytest.mark.parametrize("failures", [2, 99])
def test_another_run_adding_the_same_keys(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    left, add = [failures], instance.add_dynamic_partitions

    def contested(name: str, keys: Sequence[str]) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise IntegrityError("INSERT", {}, ValueError("UNIQUE"))
        add(name, keys)

    monkeypatch.setattr(instance, "add_dynamic_partitions", contested)
    monkeypatch.setattr("time.sleep", lambda _: None)
    if failures == 99:
        with pytest.raises(IntegrityError):
            partitions.register(instance, ["a"])
    else:
        assert partitions.register(instance, ["a"]) == ["a"]


def test_stretches_without_gaps(instance: dg.DagsterInstance) -> None:
    instance.add_dynamic_partitions("sorting_jobs", list("dabcfe"))
    wanted = ["f", "a", "d", "c", "unknown"]
    assert partitions.contiguous(instance, wanted) == [["d", "a"], ["c", "f"]]
