"""The step ``sorting`` with sorters that the tests bring along: quick, and as bad as needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import spikeinterface.sorters as si_sorters

from dispatch_assets.sorting.chain import StepFailed
from dispatch_assets.sorting.results import Refusal
from dispatch_assets.sorting.step import PREPROCESSED, SORTING
from dispatch_assets_tests.sorting.lab import SHORT, Known, context_of, publish_raw, run
from dispatch_assets_tests.sorting.threshold import (
    Threshold,
    below,
    sort,
    sorters,
    sorting_context,
)


@pytest.fixture(autouse=True)
def _threshold_sorters(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, sorter in sorters().items():
        monkeypatch.setitem(si_sorters.sorter_dict, name, sorter)
    Threshold.given.clear()


def test_spikes_of_concatenated_segments_come_back_to_their_segments(
    two_segments: Known, tmp_path: Path
) -> None:
    context, result = sort(two_segments, tmp_path / "results")
    assert Threshold.given["segments"] == 1
    found, truth = context.sorted(), two_segments.truth
    assert found.get_num_segments() == 2
    for segment in (0, 1):
        spikes = found.get_unit_spike_train(0, segment)
        raw = context.preprocessed().get_traces(segment)
        np.testing.assert_array_equal(spikes, below(raw, 60.0))  # as if sorted one by one
        true = np.sort(truth.to_spike_vector(concatenated=False)[segment]["sample_index"])
        distance = np.abs(spikes[:, None] - true[None, :]).min(axis=1)
        assert np.mean(distance <= 15) > 0.9  # samples; noise is seldom below 60 uV
    assert result.facts["sorted_as_one_segment"] is True
    (row,) = result.tables["units"]
    n = [len(found.get_unit_spike_train(0, segment)) for segment in (0, 1)]
    assert row == {
        "unit": "0",
        "spikes": sum(n),
        "rate_hz_in_segment_0": round(n[0] / 12.0, 3),
        "rate_hz_in_segment_1": round(n[1] / 8.0, 3),
    }


def test_a_sorter_that_takes_segments_is_given_them(two_segments: Known, tmp_path: Path) -> None:
    context = sorting_context(two_segments, tmp_path / "r", sorter="threshold_of_segments")
    with pytest.raises(StepFailed):  # this one looks at its first segment only
        run(context, SORTING)
    assert Threshold.given["segments"] == 2


def test_the_sorter_sees_a_regular_clock_and_the_result_keeps_the_recordings(
    known: Known, tmp_path: Path
) -> None:
    context = sorting_context(known, tmp_path / "results", sorter="threshold")
    recording = context.preprocessed()
    times = 1000.0 + np.arange(recording.get_num_samples()) / 30_000.0
    times[300_000:] += 0.5
    np.save(tmp_path / "results" / PREPROCESSED / "recording" / "times_cached_seg0.npy", times)
    run(context, SORTING)
    assert Threshold.given["times"] == [0.0, pytest.approx(20.0, abs=1e-3)]
    kept = context.preprocessed()
    spikes = context.sorted().get_unit_spike_train(0)
    np.testing.assert_array_equal(kept.sample_index_to_time(spikes), times[spikes])


def test_what_is_published(known: Known, tmp_path: Path) -> None:
    context, result = sort(known, tmp_path / "results", threshold_uv=80)
    folder = tmp_path / "results" / SORTING
    n_spikes = int(context.sorted().to_spike_vector().size)
    assert {p.name for p in folder.iterdir()} == {
        "sorting",
        "sorter_log.json",
        "sorter_params.json",
        "result.json",
    }
    assert not list(folder.rglob("*.pkl"))
    assert result.facts["units"] == 1  # the second one had no spikes
    assert result.facts["spikes"] == n_spikes > 50
    assert result.facts["spikes_per_s"] == round(n_spikes / 20, 2)
    assert result.facts["sorter"] == "threshold"
    assert result.facts["sorter_version"] == result.versions["threshold"] == "1.2.3"
    assert result.facts["seed"] == 0
    assert isinstance(result.facts["run_time_s"], float)
    as_run = json.loads((folder / "sorter_params.json").read_text())
    assert as_run["sorter_params"] == Threshold.given["params"]
    assert as_run["sorter_params"] == {"threshold_uv": 80, "mishap": "", "num_workers": 1}
    assert json.loads((folder / "sorter_log.json").read_text())["error"] is False


def test_zero_units_are_a_result(known: Known, tmp_path: Path) -> None:
    context, result = sort(known, tmp_path / "results", mishap="finds none")
    assert result.facts["units"] == result.facts["spikes"] == 0
    assert result.tables["units"] == []
    assert len(context.sorted().unit_ids) == 0
    assert context.sorted().to_spike_vector().size == 0


def test_spikes_outside_of_the_recording_are_left_out(known: Known, tmp_path: Path) -> None:
    context, result = sort(known, tmp_path / "results", mishap="finds too much")
    n_samples = context.preprocessed().get_num_samples()
    assert context.sorted().get_unit_spike_train(0).max() < n_samples
    assert result.warnings == ["3 spikes that threshold put outside of the recording are left out"]


@pytest.mark.parametrize(
    ("mishap", "cause"),
    [("raises", "ValueError: all traces are flat"), ("worker dies", "BrokenProcessPool")],
)
def test_a_sorter_that_fails_says_why(
    known: Known, tmp_path: Path, mishap: str, cause: str
) -> None:
    context = sorting_context(
        known, tmp_path / "results", sorter="threshold", sorter_params={"mishap": mishap}
    )
    with pytest.raises(StepFailed) as raised:
        run(context, SORTING)
    failure = raised.value.failure
    assert cause in failure.message
    assert failure.message.startswith(f"{context.job.job_key}: the sorter 'threshold' failed (")
    assert not failure.refused
    assert failure.trace.startswith("Traceback (most recent call last):")
    assert "_run_from_folder" in failure.trace
    assert cause in failure.trace.splitlines()[-1]
    written = json.loads((tmp_path / "results" / f"{SORTING}.failed.json").read_text())
    assert written["trace"] == failure.trace
    left = {p.name for p in (tmp_path / "results").iterdir()}
    assert left == {PREPROCESSED, f"{SORTING}.failed.json", ".lock"}


def test_what_the_sorter_prints_becomes_lines_of_the_log(known: Known, tmp_path: Path) -> None:
    lines: list[str] = []
    context = sorting_context(known, tmp_path / "results", sorter="threshold")
    object.__setattr__(context, "log", lines.append)
    run(context, SORTING)
    assert f"{SORTING}: looking" in lines


def test_nothing_runs_if_a_later_step_cannot(known: Known, tmp_path: Path) -> None:
    params = {**SHORT, "spikesorting": {"sorter": "spyking_circus2"}}
    context = context_of(known, tmp_path / "results", params)
    with pytest.raises(StepFailed, match=r"did you mean 'spykingcircus2'\?") as raised:
        run(context, PREPROCESSED, SORTING)
    assert raised.value.failure.step == SORTING
    assert "Installed: " in raised.value.failure.message
    assert not (tmp_path / "results" / PREPROCESSED).exists()


@pytest.mark.parametrize(("motion", "corrects"), [("skip", True), ("apply", False)])
def test_motion_is_corrected_once(
    known: Known, tmp_path: Path, motion: str, corrects: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(Threshold._default_params, "corrects", True)
    switch = {"threshold": {"corrects": False}}
    monkeypatch.setattr(
        "dispatch_assets.sorting.sorters.arguments.WITHOUT_MOTION_CORRECTION", switch
    )
    monkeypatch.setattr("dispatch_assets.sorting.sorters.step.WITHOUT_MOTION_CORRECTION", switch)
    chosen = {"sorter": "threshold", "min_drift_channels": 16}
    params = {"preprocessing": {**SHORT["preprocessing"], "motion": motion}}
    context = context_of(known, tmp_path / "one", {**params, "spikesorting": chosen})
    publish_raw(context)
    run(context, SORTING)
    assert Threshold.given["params"]["corrects"] is corrects

    few = {**chosen, "min_drift_channels": 17}
    context = context_of(known, tmp_path / "two", {**params, "spikesorting": few})
    publish_raw(context)
    run(context, SORTING)
    assert Threshold.given["params"]["corrects"] is False

    asked = {**chosen, "sorter_params": {"corrects": True}}
    context = context_of(known, tmp_path / "three", {**params, "spikesorting": asked})
    publish_raw(context)
    (result,) = run(context, SORTING)
    assert Threshold.given["params"]["corrects"] is True
    assert any("once more" in w for w in result.warnings) is not corrects


def test_too_few_channels_for_a_sorter_are_a_refusal(
    known: Known, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needed = {"threshold": 17}
    monkeypatch.setattr("dispatch_assets.sorting.sorters.step.MIN_CHANNELS", needed)
    context = sorting_context(known, tmp_path / "results", sorter="threshold")
    with pytest.raises(StepFailed, match="16 channels left, and 'threshold' needs 17") as raised:
        run(context, SORTING)
    assert raised.value.failure.refused
    assert raised.value.failure.reason == Refusal.TOO_FEW_CHANNELS
    assert Threshold.given == {}
