"""A good session for the traps to lie beside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.samples import generic

SMALL: dict[str, Any] = {"seconds": (0.1,), "n_channels": 4}


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Return the folder that every trap would make."""
    return tmp_path / "trap_has_run"


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a recording as a binary folder, and as a Zarr store."""
    folder = tmp_path_factory.mktemp("saved")
    generic.write_binary_folder(folder / "recording", **SMALL)
    generic.write_zarr(folder / "recording.zarr", **SMALL)
    return folder


@pytest.fixture
def data(saved: Path, tmp_path: Path) -> Path:
    """Return a data folder with one good session."""
    copy(saved / "recording", tmp_path / "data" / "good" / "recording")
    return tmp_path / "data"
