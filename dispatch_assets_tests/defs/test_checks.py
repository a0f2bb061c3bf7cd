"""Checks show what a person should look at, and stop nothing else."""

from __future__ import annotations

import dagster as dg

from dispatch_assets.defs.batch import Outcome
from dispatch_assets.defs.checks import CheckedJobs
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab, rows


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


def test_job_that_does_not_open_fails_the_check(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    job = lab.jobs.read(ALPHA)
    lab.damage(ALPHA)
    (lab.store / "sorting_jobs" / f"job_{BETA[0]}.json").write_text("{}")
    checked = CheckedJobs(lab.jobs)
    for key in (ALPHA, BETA[0], BETA[1]):
        checked.add(Outcome(key, job, None, str(lab.data)))
    result = checked.result()
    assert not result.passed
    assert result.description == "1 of 3 jobs open."
    why = {r["recording"]: r["why"] for r in rows(result.metadata["failed"])}
    assert "cannot be read" in why[ALPHA]
    assert "is not what this version writes" in why[BETA[0]]


def test_foreign_class_in_a_job_is_never_imported(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch([ALPHA])
    job = lab.jobs.read(ALPHA)
    lab.jobs.write(job.model_copy(update={"recording_dict": {"class": "os.system", "kwargs": {}}}))
    checked = CheckedJobs(lab.jobs)
    checked.add(Outcome(ALPHA, job, None, str(lab.data)))
    (row,) = rows(checked.result().metadata["failed"])
    assert "'os.system'" in row["why"]
