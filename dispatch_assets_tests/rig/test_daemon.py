"""A real daemon follows a rig: one correct job per recording, none before it is complete."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from dispatch_assets_tests.defs.webserver import wait_for
from dispatch_assets_tests.rig.copying import as_rsync, at_once, slowly
from dispatch_assets_tests.rig.daemon import Daemon, running
from dispatch_assets_tests.samples import openephys, spikeglx
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

SAVED = tuple(channel for channel in range(384) if channel % 50 < 2)


def run(folder: Path, name: str, seed: int) -> Path:
    """Write a SpikeGLX session of one recording."""
    spikeglx.write_run(
        folder / name, "run", {"imec0": "NP1"}, seconds=0.1, nidq=False, saved=SAVED, seed=seed
    )
    return folder / name


def experiment(folder: Path, name: str) -> Path:
    """Write an Open Ephys session of two recordings."""
    streams = probe_streams(Probe("ProbeA", "NP1", saved=SAVED), bands=("AP",))
    openephys.write_session(folder / name, streams, experiments={1: (1, 2)}, seconds=0.1)
    return folder / name


def of_run(name: str) -> str:
    return f"{name}~~block0_imec0.ap_recording1"


def of_experiment(name: str, n: int) -> str:
    return f"{name}~~experiment1_Record~20Node~20101~23Neuropix-PXI-100.ProbeA-AP_recording{n}"


@pytest.mark.slow
def test_every_recording_gets_its_job_once_and_not_too_early(tmp_path: Path) -> None:
    rig = tmp_path / "rig"
    daemon = Daemon(tmp_path / "lab")
    data = daemon.data
    for seed, name in enumerate(("old", "renamed", "again", "touched", "gone")):
        at_once(run(rig, name, seed), data / name)
    first = {of_run(name) for name in ("old", "renamed", "again", "touched", "gone")}
    with running(daemon):
        crashed = slowly(run(rig, "crashed", 7), data / "crashed")
        for _ in range(4):
            next(crashed)
        slow = slowly(experiment(rig, "slow"), data / "slow", metadata_last=True)
        by_rsync = as_rsync(run(rig, "synced", 8), data / "synced")
        for _ in range(6):  # their last files come later
            next(slow), next(by_rsync)
        wait_for("the first jobs", lambda: set(daemon.jobs.keys()) >= first)
        assert daemon.jobs.keys() == first

        before = daemon.jobs.read(of_run("again")).fingerprint
        (data / "renamed").rename(data / "renamed_to")
        shutil.rmtree(data / "gone")
        shutil.rmtree(data / "again")
        at_once(run(rig / "other", "again", 99), data / "again")
        for file in (data / "touched").rglob("*"):
            file.touch()
        for parts in (slow, by_rsync):
            for _ in parts:
                time.sleep(0.05)
        finished = time.time()
        late = {of_experiment("slow", 1), of_experiment("slow", 2), of_run("synced")}
        everything = first | late | {of_run("renamed_to")}

        def all_is_done() -> bool:
            changed = daemon.jobs.read(of_run("again")).fingerprint != before
            gone = daemon.shards.tombstones("gone") is not None
            return daemon.jobs.keys() >= everything and changed and gone

        wait_for("all jobs", all_is_done)
        time.sleep(8)  # in which nothing may happen twice

    assert daemon.jobs.keys() == everything
    times = daemon.written()
    assert times.pop(of_run("again")) == 2
    assert set(times.values()) == {1}
    assert daemon.first_written(of_run("synced")) > finished
    assert daemon.first_written(of_experiment("slow", 1)) > finished
    stones = daemon.shards.tombstones("renamed")
    assert stones is not None
    assert stones.recordings[of_run("renamed")].renamed_to == of_run("renamed_to")
