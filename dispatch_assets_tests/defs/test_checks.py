"""Checks show what a person should look at, and stop nothing else."""

from __future__ import annotations

import json

import dagster as dg
import pytest

from dispatch_assets.defs.checks import CheckedJobs
from dispatch_assets.jobs import JobBuilder
from dispatch_assets.models import SortingJob
from dispatch_assets.stream_plans import PlannedJob
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab, rows, sentence


def verdict(result: dg.ExecuteInProcessResult) -> dg.AssetCheckEvaluation:
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_inventory_of_sound_data_passes(lab: Lab) -> None:
    evaluation = verdict(lab.inventory())
    assert evaluation.passed
    assert evaluation.description == "All 7 are accounted for."


def test_damaged_stream_is_shown_and_its_siblings_are_dispatched(lab: Lab) -> None:
    lab.damage(BETA[1])
    result = lab.inventory()
    assert result.success
    assert lab.partitions() == [k for k in KEYS if k != BETA[1]]
    evaluation = verdict(result)
    assert not evaluation.passed
    assert not evaluation.blocking
    (row,) = rows(evaluation.metadata["failed"])
    assert row["session"] == "beta"
    assert "continuous.dat" in row["message"]


def test_damage_stays_visible_when_only_another_session_is_scanned(lab: Lab) -> None:
    lab.damage(BETA[1])
    lab.inventory()
    assert not verdict(lab.inventory(sessions=["alpha"])).passed


def test_vanished_session_needs_no_attention(lab: Lab) -> None:
    lab.damage(BETA[1])
    lab.inventory()
    lab.remove("beta")
    assert verdict(lab.inventory()).passed


def test_job_that_does_not_open_is_not_written(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    lab.inventory()
    build = JobBuilder.build

    def wrong_path(self: JobBuilder, planned: PlannedJob) -> SortingJob:
        job = build(self, planned)
        if job.job_key != BETA[1]:
            return job
        text = json.dumps(job.recording_dict).replace("beta", "nowhere")
        return job.model_copy(update={"recording_dict": json.loads(text)})

    monkeypatch.setattr(JobBuilder, "build", wrong_path)
    many, one = lab.dispatch(KEYS), lab.dispatch([BETA[1]])
    assert lab.materialized() == lab.jobs.keys() == set(KEYS) - {BETA[1]}
    for result, counts in ((many, "3 of 4 jobs open"), (one, "0 of 1 job opens")):
        assert not result.success
        assert "cannot be read" in sentence(result)
        assert verdict(result).description == f"{counts}."
        (row,) = rows(verdict(result).metadata["failed"])
        assert row["recording"] == BETA[1]


def test_foreign_class_in_a_job_is_never_imported(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch([ALPHA])
    foreign = {"class": "os.system", "kwargs": {}}
    job = lab.jobs.read(ALPHA).model_copy(update={"recording_dict": foreign})
    why_not = CheckedJobs().add(job, str(lab.data))
    assert why_not is not None
    assert "'os.system'" in why_not
