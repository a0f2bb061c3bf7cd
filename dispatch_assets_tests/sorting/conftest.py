"""Known recordings, written once per test run."""

from __future__ import annotations

import pytest

from dispatch_assets_tests.sorting.lab import Known, write_known


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def two_segments(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("two_segments"), durations_s=(12.0, 8.0), seed=2)
