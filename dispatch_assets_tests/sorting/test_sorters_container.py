"""Sorters in containers: what Docker is asked, what comes back, and that none is left running."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeinterface.sorters as si_sorters

from dispatch_assets.sorting.attempt import attempt_folder
from dispatch_assets.sorting.chain import StepFailed
from dispatch_assets.sorting.sorters.containers import none_left
from dispatch_assets.sorting.step import PREPROCESSED, SORTING
from dispatch_assets_tests.sorting.containers import (
    Containers,
    stand_in_for_docker,
    stand_in_for_singularity,
)
from dispatch_assets_tests.sorting.lab import Known, run
from dispatch_assets_tests.sorting.threshold import Threshold, below, sorters, sorting_context


@pytest.fixture(autouse=True)
def containers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Containers:
    monkeypatch.setitem(si_sorters.sorter_dict, "threshold", sorters()["threshold"])
    monkeypatch.setattr(Threshold, "is_installed", lambda: False)
    return stand_in_for_docker(tmp_path, monkeypatch)


def in_docker(known: Known, results: Path, image: str = "lab/threshold", **params: object) -> Any:
    return sorting_context(
        known,
        results,
        sorter="threshold",
        sorter_params=params,
        container="docker",
        container_image=image,
    )


def test_what_a_sorter_in_a_container_finds_comes_back(
    two_segments: Known, tmp_path: Path, containers: Containers
) -> None:
    results = tmp_path / "results"
    context = in_docker(two_segments, results)
    (result,) = run(context, SORTING)
    for segment in (0, 1):
        spikes = context.sorted().get_unit_spike_train(0, segment)
        raw = context.preprocessed().get_traces(segment)
        np.testing.assert_array_equal(spikes, below(raw, 60.0))
    assert result.facts["container"] == "docker"
    assert result.facts["sorter_version"] == "1.2.3"
    as_run = json.loads((results / SORTING / "sorter_params.json").read_text())
    assert as_run["container_image"] == "lab/threshold"
    assert {p.name for p in results.iterdir()} == {PREPROCESSED, SORTING, ".lock"}

    (container,) = containers.all()
    assert container["image"] == "lab/threshold"
    assert container["status"] == "removed"
    modes = {Path(folder): how["mode"] for folder, how in container["volumes"].items()}
    (writable,) = (folder for folder, mode in modes.items() if mode == "rw")
    assert writable.is_relative_to(results)
    assert modes[results / PREPROCESSED] == "ro"


def test_a_sorter_that_fails_in_a_container_says_why(known: Known, tmp_path: Path) -> None:
    context = in_docker(known, tmp_path / "results", mishap="raises")
    with pytest.raises(StepFailed) as raised:
        run(context, SORTING)
    failure = raised.value.failure
    assert "failed (ValueError: all traces are flat)" in failure.message
    assert "_run_from_folder" in failure.trace
    left = {p.name for p in (tmp_path / "results").iterdir()}
    assert left == {PREPROCESSED, f"{SORTING}.failed.json", ".lock"}


def test_an_image_that_cannot_be_had_is_said(known: Known, tmp_path: Path) -> None:
    context = in_docker(known, tmp_path / "results", image="lab/missing")
    with pytest.raises(StepFailed, match="pull access denied for lab/missing"):
        run(context, SORTING)


def test_no_answer_is_said_before_anything_is_done(
    known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = in_docker(known, tmp_path / "results")
    monkeypatch.setenv("NO_ENGINE", "")
    with pytest.raises(StepFailed) as raised:
        run(context, PREPROCESSED, SORTING)
    told = str(raised.value)
    assert "Docker gives no answer (connection refused). Is its service running" in told
    assert raised.value.failure.step == SORTING


def test_an_interrupted_step_stops_its_container(
    known: Known, tmp_path: Path, containers: Containers
) -> None:
    context = in_docker(known, tmp_path / "results", image="lab/interrupted")
    with pytest.raises(KeyboardInterrupt):
        run(context, SORTING)
    (container,) = containers.all()
    assert container["status"] == "removed"
    shell, _, script, owner, folder = container["commands"][-1]
    assert (shell, owner) == ("sh", f"{os.getuid()}:{os.getgid()}")
    assert script.startswith("kill -9 -1; chown -R")
    assert folder in container["volumes"]
    assert {p.name for p in (tmp_path / "results").iterdir()} == {PREPROCESSED, ".lock"}


def test_a_container_whose_program_ends_at_once_is_removed(
    known: Known, tmp_path: Path, containers: Containers
) -> None:
    context = in_docker(known, tmp_path / "results", image="lab/ends")
    with pytest.raises(StepFailed, match="is not running"):
        run(context, SORTING)
    assert containers.all()[0]["status"] == "removed"


def test_what_killed_attempts_left_running_is_stopped_and_nothing_else(
    tmp_path: Path, containers: Containers
) -> None:
    results, other = tmp_path / "results", tmp_path / "other"
    dead = results / ".sorting-dead" / "scratch"
    with (
        attempt_folder(results, SORTING, "lives") as living,
        attempt_folder(results, SORTING, "mine") as mine,
    ):
        dead.mkdir(parents=True)  # root's: could not be cleared away
        (results / "my analysis" / "scratch").mkdir(parents=True)
        containers.has(results / PREPROCESSED, dead)
        containers.has(results / ".sorting-gone" / "scratch")
        containers.has(dead, status="exited", image="lab/ends")
        n_dead = len(containers.all())
        containers.has(living / "scratch")
        containers.has(other / ".sorting-dead" / "scratch")
        containers.has(results / PREPROCESSED)
        containers.has(results / SORTING / "scratch")  # a person's
        containers.has(results / "my analysis" / "scratch")
        containers.has()
        with none_left("docker", mine / "scratch", print):
            pass
        statuses = [container["status"] for container in containers.all()]
    assert statuses[:n_dead] == ["removed"] * n_dead
    assert set(statuses[n_dead:]) == {"running"}
    assert containers.all()[1]["commands"] == []  # Docker would make its folder again
    assert not dead.parent.exists()
    assert (results / "my analysis" / "scratch").exists()


def test_that_a_container_cannot_be_stopped_does_not_hide_why_the_sorter_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []

    def fails() -> None:
        with none_left("docker", tmp_path / "results" / ".sorting-x" / "scratch", lines.append):
            monkeypatch.setenv("NO_LIST", "")
            raise ValueError("no spikes")

    with pytest.raises(ValueError, match="no spikes"):
        fails()
    (line,) = lines
    assert "cannot be stopped (connection lost). `docker ps` shows it." in line


@pytest.mark.parametrize(("folder", "stopped"), [("/proc", ["a", "b"]), ("/nowhere", [])])
def test_an_instance_of_singularity_is_known_by_its_mounts(
    folder: str, stopped: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = stand_in_for_singularity(
        tmp_path, monkeypatch, {"a": os.getpid(), "b": os.getpid(), "has ended": 2**22 + 1}
    )

    def interrupted() -> None:
        with none_left("singularity", Path("/nowhere"), print):
            pass
        with none_left("singularity", Path(folder), print):
            told.unlink()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    stops = [line for line in told.read_text().splitlines() if "stop" in line]
    assert stops == [f"--quiet instance stop --force {name}" for name in stopped]
