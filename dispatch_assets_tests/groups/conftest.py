"""Two days of recording with one probe, written once per test run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dispatch_assets_tests.groups.lab import day


@pytest.fixture(scope="session")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("days") / "data"
    day(data, "day1", triggers=(0, 1))
    day(data, "day2", gate=1)
    return data


@pytest.fixture
def data(two_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_days, tmp_path / "data"))
