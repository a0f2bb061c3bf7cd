"""The default sorter, run for real: it finds the known units, and the same ones every time."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import spikeinterface.sorters as si_sorters
from spikeinterface.comparison import compare_sorter_to_ground_truth
from spikeinterface.core import BaseSorting, select_segment_sorting

from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import SORTING, StepContext
from dispatch_assets_tests.sorting.lab import SHORT, Known, context_of, publish_raw, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def sorted_once(
    known: Known, tmp_path_factory: pytest.TempPathFactory
) -> tuple[StepContext, StepResult]:
    context = context_of(known, tmp_path_factory.mktemp("once") / "results")
    publish_raw(context)
    return context, run(context, SORTING)[0]


def accuracies(truth: BaseSorting, found: BaseSorting) -> np.ndarray:
    comparison = compare_sorter_to_ground_truth(truth, found)
    return np.asarray(comparison.get_performance()["accuracy"], dtype=float)


def spikes_file(context: StepContext) -> bytes:
    return (context.results / SORTING / "sorting" / "spikes.npy").read_bytes()


def test_it_finds_the_known_units(
    known: Known, sorted_once: tuple[StepContext, StepResult]
) -> None:
    context, result = sorted_once
    assert np.sum(accuracies(known.truth, context.sorted()) >= 0.9) >= 4  # of 5, in 20 s
    assert result.facts["units"] == len(context.sorted().unit_ids)
    assert result.facts["sorter"] == "spykingcircus2"
    assert not (context.results / SORTING / "scratch").exists()


def test_the_same_seed_gives_the_same_result_whatever_the_workers(
    sorted_once: tuple[StepContext, StepResult], known: Known, tmp_path: Path
) -> None:
    once, _ = sorted_once
    again = context_of(known, tmp_path / "results")
    publish_raw(again)
    run(replace(again, n_jobs=2), SORTING)
    assert spikes_file(again) == spikes_file(once)


def test_without_torch_motion_stays_and_it_says_so(
    sorted_once: tuple[StepContext, StepResult],
    known: Known,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
    )
    asked = {"apply_motion_correction": True}  # as AIND's params file does
    chosen = {"min_drift_channels": 16, "sorter_params": asked}  # as many channels as there are
    params = {**SHORT, "spikesorting": chosen}
    context = context_of(known, tmp_path / "results", params)
    publish_raw(context)
    (result,) = run(context, SORTING)
    assert any("needs torch" in warning for warning in result.warnings)
    assert spikes_file(context) == spikes_file(sorted_once[0])


def test_after_a_kill_another_process_gives_the_same_result(
    sorted_once: tuple[StepContext, StepResult], known: Known, tmp_path: Path
) -> None:
    once, _ = sorted_once
    again = context_of(known, tmp_path / "results")
    publish_raw(again)
    (job,) = (tmp_path / "results_jobs").glob("job_*.json")
    command = [sys.executable, "-m", "dispatch_assets", "run", SORTING, "--n-jobs", "2"]
    command += ["--job", str(job), "--out", str(again.results), "--data", str(known.data)]
    kill_in_the_middle(command, again.results)
    assert not (again.results / SORTING).exists()

    done = subprocess.run(command, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert spikes_file(again) == spikes_file(once)
    assert "sorter: spykingcircus2" in done.stdout
    assert "sorting: Kept" in done.stderr  # what the sorter prints
    assert list(again.results.glob(".sorting-*")) == []


def kill_in_the_middle(command: list[str], results: Path) -> None:
    """Kill a command and all that it started, as soon as the sorter is at work."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + 120
        while not list(results.glob(".sorting-*/scratch/sorter/spikeinterface_params.json")):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.05)
        time.sleep(1.0)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize("takes_segments", [True, False])
def test_spikes_stand_in_their_segments(
    two_segments: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, takes_segments: bool
) -> None:
    sorter = si_sorters.sorter_dict["spykingcircus2"]
    monkeypatch.setattr(sorter, "handle_multi_segment", takes_segments)
    context = context_of(two_segments, tmp_path / "results")
    publish_raw(context)
    (result,) = run(context, SORTING)
    assert result.facts["sorted_as_one_segment"] is not takes_segments
    for segment in (0, 1):
        truth = select_segment_sorting(two_segments.truth, [segment])
        found = select_segment_sorting(context.sorted(), [segment])
        assert np.sum(accuracies(truth, found) >= 0.9) >= 4  # of 5
