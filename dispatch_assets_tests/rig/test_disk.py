"""A disk that is full, or cannot be written to: a sentence, and nothing lost."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets_tests.samples import generic

MOUNT = ["unshare", "--user", "--map-root-user", "--mount", "/bin/sh", "-c"]
PYTHON = shlex.quote(sys.executable)


def mounted(place: Path, options: str, script: str) -> subprocess.CompletedProcess[str]:
    """Run a script where `place` is a small disk of its own."""
    place.mkdir(exist_ok=True)
    mount = f"mount -t tmpfs -o {options} tmpfs {shlex.quote(str(place))} || exit 99"
    environment = {k: v for k, v in os.environ.items() if k != "DAGSTER_HOME"}
    done = subprocess.run(
        [*MOUNT, f"{mount}\n{script}"],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
        env=environment,
    )
    if done.returncode == 99 or "unshare" in done.stderr:
        pytest.skip(f"this machine mounts nothing for users: {done.stderr}")
    return done


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for i in range(12):
        generic.write_binary_folder(root / f"s{i:02d}" / "x", seconds=(0.05,), n_channels=4, seed=i)
    return root


def test_full_disk_of_dispatch(data: Path, tmp_path: Path) -> None:
    disk, kept = tmp_path / "disk", tmp_path / "kept"
    command = (
        f"{PYTHON} -m dispatch_assets dispatch {data} --results {disk}/results --multi-session"
    )
    script = f"{command}; echo status $?; cp -r {disk} {kept}"
    done = mounted(disk, "size=56k", script)
    assert "status 1" in done.stdout
    assert "No space left on device" in done.stderr
    assert "Check free space" in done.stderr
    assert "Traceback" not in done.stderr
    whole = [SortingJob.model_validate_json(f.read_text()) for f in kept.rglob("job_*.json")]
    assert 0 < len(whole) < 12


def test_full_and_then_read_only_disk_of_materialize(data: Path, tmp_path: Path) -> None:
    """The store fills up; with room again, the same command does the rest; then it is read-only."""
    disk, kept, home = tmp_path / "disk", tmp_path / "kept", tmp_path / "home"
    command = f"DAGSTER_HOME={home} {PYTHON} -m dispatch_assets materialize --data {data}"
    script = "\n".join(
        [
            f"{command} --store {disk}/store --sessions s00,s01; echo first $?",
            f"head -c 10m /dev/zero > {disk}/ballast; sync",
            f"{command} --store {disk}/store; echo full $?",
            f"mkdir {kept}; cp -r {disk}/store {kept}/full; rm {disk}/ballast",
            f"{command} --store {disk}/store --sessions s00,s01,s02,s03; echo room $?",
            f"cp -r {disk}/store {kept}/room; mount -o remount,ro tmpfs {disk} || exit 99",
            f"{command} --store {disk}/store; echo closed $?; ls {disk}/store/sorting_jobs",
        ]
    )
    done = mounted(disk, "size=2m", script)
    for line in ("first 0", "full 1", "room 0", "closed 1"):
        assert line in done.stdout
    assert "No space left on device" in done.stderr
    assert "Read-only file system" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("job_s0") >= 4
    for store, n in (("full", 2), ("room", 4)):
        jobs = list((kept / store / "sorting_jobs").glob("job_*.json"))
        assert len(jobs) == n
        for job in jobs:
            SortingJob.model_validate_json(job.read_text())
        for shard in (kept / store / "session_inventory").glob("[!.]*.json"):
            Inventory.model_validate(json.loads(shard.read_text()))
