"""A lab for each test.

Most tests have their instance in memory: the same SQL at a third of the cost. Those that are about
what stays have it on disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.params import DispatchParams
from dispatch_assets_tests.defs.lab import Lab, write_data


@pytest.fixture(scope="session")
def sample_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("lab"))


@pytest.fixture
def data(sample_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sample_data, tmp_path / "data"))


@pytest.fixture
def lab(data: Path, tmp_path: Path) -> Iterator[Lab]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Lab(data, tmp_path / "store", instance, DispatchParams())


@pytest.fixture
def lab_on_disk(data: Path, tmp_path: Path) -> Iterator[Lab]:
    with dg.instance_for_test() as instance:
        yield Lab(data, tmp_path / "store", instance, DispatchParams())
