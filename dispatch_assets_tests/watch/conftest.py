"""Whole sessions, written once per test run, and a world to watch."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets_tests.watch.lab import WRITERS
from dispatch_assets_tests.watch.rig import Rig


@pytest.fixture(scope="session")
def sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sessions")
    for name, write in WRITERS.items():
        write(root / name)
    return root


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return Rig(tmp_path)
