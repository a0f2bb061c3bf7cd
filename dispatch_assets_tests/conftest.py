"""Fixtures that every test module shares."""

from __future__ import annotations

import gc

import pytest
from hypothesis import settings
from xdist.scheduler import Scheduling  # type: ignore[import-untyped]

# the same examples in every run, else a change would fail for what it has not touched
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", max_examples=1000, deadline=None)
settings.load_profile("repeatable")

pytest.register_assert_rewrite(
    "dispatch_assets_tests.formats.contract_jobs",
    "dispatch_assets_tests.formats.contract_planning",
    "dispatch_assets_tests.formats.sample_session",
    "dispatch_assets_tests.security.lab",
)

from dispatch_assets_tests.distribution import CompilingOnce, order  # noqa: E402 - as below
from dispatch_assets_tests.formats.sample_session import Library  # noqa: E402 - after registering


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process has to wait for it in the end."""
    items.sort(key=lambda item: order(item.nodeid))


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    """Keep a module in one process, and modules that compile with numba in the same one."""
    return CompilingOnce(config, log)


@pytest.fixture(scope="module", autouse=True)
def _little_to_collect() -> None:
    """Let the garbage collector pass over what modules have imported and made so far.

    SpikeInterface collects garbage for each recording that it writes or reads; with all that is
    imported here, that took a quarter of the tests' time.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """Sample sessions of all formats, each written when first asked for; nobody changes them."""
    return Library(tmp_path_factory.mktemp("library"))
