"""Fleets that every test of the status shares."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets_tests.status.lab import Fleet


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """Three sessions of one recording, dispatched; nothing is sorted."""
    made = Fleet(tmp_path)
    for name in ("alpha", "beta", "gamma"):
        made.add(name)
    made.inventory()
    made.dispatch()
    return made
