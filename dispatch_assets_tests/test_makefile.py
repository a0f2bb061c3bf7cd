"""``make dev`` shows the demo with the demo's own parameters, and other data with none of them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets_tests.demo_sorting import PARAMS

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A place with a space in its name where the demo has run, and a `dagster` that tells."""
    place = tmp_path / "a place"
    (place / ".dispatch" / "demo").mkdir(parents=True)
    (place / ".venv" / "bin").mkdir(parents=True)
    (place / "dispatch_assets" / "defs").mkdir(parents=True)
    shutil.copy(REPOSITORY / "Makefile", place)
    settings = Path("dispatch_assets", "defs", "dagster.yaml")
    shutil.copy(REPOSITORY / settings, place / settings)
    dagster = place / ".venv" / "bin" / "dagster"
    dagster.write_text("#!/bin/sh\nenv\n")
    dagster.chmod(0o755)
    return place


def dev(place: Path, **environment: str) -> dict[str, str]:
    """Return the environment that `make dev` gives to Dagster; nothing is set up."""
    ours = ("DISPATCH_", "DAGSTER_", "MAKE", "MFLAGS")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(ours)}
    done = subprocess.run(
        ["make", "--silent", "-o", "setup", "dev"],
        cwd=place,
        env=plain | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_the_demo_is_shown_with_its_parameters(place: Path) -> None:
    told = dev(place)
    assert parse_sorting_params(json.loads(told["DISPATCH_SORTING"])) == (PARAMS, [])
    assert told["DISPATCH_DATA"] == str(place / ".dispatch" / "demo" / "data")
    assert told["DAGSTER_HOME"] == str(place / ".dispatch" / "demo" / "dagster_home")


def test_parameters_that_are_set_stay(place: Path) -> None:
    assert dev(place, DISPATCH_SORTING='{"seed": 3}')["DISPATCH_SORTING"] == '{"seed": 3}'


def test_other_data_are_shown_with_the_defaults(place: Path) -> None:
    told = dev(place, DISPATCH_DATA="/data")
    assert "DISPATCH_SORTING" not in told
    assert told["DAGSTER_HOME"] == str(place / ".dispatch" / "dagster_home")
