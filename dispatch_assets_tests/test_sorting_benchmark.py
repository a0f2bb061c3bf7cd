"""The accuracy benchmark: its table, its exit status, and scores of results made by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from benchmarks import known_units, sorting_accuracy
from benchmarks.measure import Usage
from benchmarks.sorting_accuracy import SETS, Set

OURS = Usage(status=0, cpu_s=110.0, peak_mb=700.4, wall_s=60.0, said="done")
BY_HAND = Usage(status=0, cpu_s=100.0, peak_mb=600.0, wall_s=50.0, said="")
BROKEN = Usage(status=1, cpu_s=3.0, peak_mb=100.0, wall_s=3.0, said="no sorter")


@pytest.mark.parametrize(
    ("accuracies", "snr", "good", "false", "expected"),
    [
        ({"a": 1.0, "b": 0.95}, {"a": 9.0, "b": 6.0}, ["0", "1"], [], "2 2 0.950 0"),
        ({"a": 1.0, "b": 0.5}, {"a": 9.0, "b": 6.0}, ["0"], ["1"], "2 1 0.500 0"),
        ({"a": 0.9, "b": 0.1}, {"a": 9.0, "b": 5.0}, ["0", "1"], ["1", "2"], "1 1 0.900 1"),
        ({"a": 0.9, "silent": 0.0}, {"a": 9.0}, [], [], "1 1 0.900 0"),
        ({"a": 0.2}, {"a": 1.0}, [], [], "0 0 - 0"),
    ],
)
def test_only_units_that_are_large_enough_count(
    accuracies: dict[str, float],
    snr: dict[str, float],
    good: list[str],
    false: list[str],
    expected: str,
) -> None:
    assert known_units.row(accuracies, snr, good, false) == expected


def result_by_hand(work: Path) -> None:
    """Put results into place in which the largest unit lacks every second spike."""
    import numpy as np
    import pandas as pd
    from spikeinterface import create_sorting_analyzer, load
    from spikeinterface.core import NumpySorting

    truth = load(work / "truth")
    (raw,) = (work / "data").iterdir()
    load(raw).save(folder=work / "results" / "preprocessed" / "recording", verbose=False)
    trains = {str(u): truth.get_unit_spike_train(u) for u in truth.unit_ids}
    trains["0"] = trains["0"][::2]
    trains["made_up"] = np.arange(500, 60_000, 1_700)
    found = NumpySorting.from_unit_dict([trains], truth.sampling_frequency)
    create_sorting_analyzer(
        found,
        load(raw),
        folder=work / "results" / "units" / "analyzer",
        format="binary_folder",
        sparse=False,
    )
    table = pd.DataFrame({"unit_id": list(trains), "label": ["good"] * len(trains)})
    table.to_csv(work / "results" / "units" / "units.csv", index=False)
    for folder in ("results/sorting/sorting", "by_hand/sorting"):
        found.save(folder=work / folder)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")
def test_a_recording_is_written_and_results_are_scored(tmp_path: Path) -> None:
    known_units.write(tmp_path, 12, 3, 2.0)
    assert len(list((tmp_path / "jobs").glob("job_*.json"))) == 1
    result_by_hand(tmp_path)
    n_easy, n_found, worst, n_false, same = known_units.score(tmp_path).split()
    assert (n_easy, n_found, n_false, same) == ("3", "2", "1", "yes")
    assert 0.4 < float(worst) < 0.6


def answers(scores: str) -> Callable[..., list[str]]:
    """Return what writes a job and no recording, and what answers with `scores`."""

    def helper(what: str, work: Path, *arguments: object) -> list[str]:
        (work / "jobs").mkdir(exist_ok=True)
        (work / "jobs" / "job_x.json").touch()
        return [] if what == "write" else scores.split()

    return helper


@pytest.mark.parametrize(
    ("ours", "scores", "status", "cells"),
    [
        (OURS, "12 12 0.980 0 yes", 0, "12 12 0.980 0 yes 110 700 100 1.10"),
        (OURS, "12 11 0.300 0 yes", 1, "12 11 0.300 0 yes 110 700 100 1.10"),
        (OURS, "12 12 0.980 1 no", 1, "12 12 0.980 1 no 110 700 100 1.10"),
        (BROKEN, "", 1, "failed no sorter"),
    ],
)
def test_a_missing_unit_a_false_good_one_and_a_failure_set_the_exit_status(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    ours: Usage,
    scores: str,
    status: int,
    cells: str,
) -> None:
    def run(command: Sequence[str], cwd: Path, log: Path) -> Usage:
        return BY_HAND if "benchmarks.by_hand" in command else ours

    monkeypatch.setattr(sorting_accuracy, "run", run)
    monkeypatch.setattr(sorting_accuracy, "_helper", answers(scores))
    assert sorting_accuracy.main(["--sets", "32"]) == status
    about, head, row = capsys.readouterr().out.splitlines()
    assert "spikeinterface 0." in about
    assert row.startswith(str(SETS[32]))
    assert row.removeprefix(str(SETS[32])).split() == cells.split()
    assert status or len(row) == len(head)


def test_a_script_by_hand_that_fails_is_not_called_fast() -> None:
    assert sorting_accuracy._costs(OURS, BROKEN) == ("110", "700", "failed", "-")
    assert str(Set(16, 4, 12.5)) == "16 ch, 4 units, 12.5 s"
