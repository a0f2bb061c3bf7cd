"""What automation asks for, and what a full inventory finds that it has missed."""

from __future__ import annotations

import warnings
from typing import Any

import dagster as dg

from dispatch_assets.defs.reconcile import missed
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.sorting.chain import STEPS
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab, reported


def behind(lab: Lab, params: DispatchParams | None = None) -> list[str]:
    found = scan(str(lab.data), params or lab.params, lab.shards)
    return sorted(change.key for change in missed(lab.instance, found))


def test_recordings_without_a_job(lab: Lab) -> None:
    lab.inventory()
    assert behind(lab) == sorted(KEYS)
    lab.dispatch(BETA)
    assert behind(lab) == [ALPHA]
    lab.dispatch([ALPHA])
    assert behind(lab) == []


def test_change_that_was_lost_is_reported_again(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    lab.change(BETA[1])
    lab.inventory()  # reports the change; suppose that nobody acts on it
    assert reported(lab.inventory()) == ([], [])
    assert reported(lab.inventory(reconcile=True)) == ([BETA[1]], [BETA[1]])
    assert lab.metadata(BETA[1], "recordings")["change"] == "none; reported again"
    lab.dispatch([BETA[1]])
    assert reported(lab.inventory(reconcile=True)) == ([], [])


def test_change_that_is_just_being_reported_is_reported_once(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    lab.change(BETA[1])
    assert reported(lab.inventory(reconcile=True)) == ([BETA[1]], [BETA[1]])


def test_parameters_that_have_changed(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    assert behind(lab, DispatchParams(debug=True, debug_duration=0.05)) == sorted(KEYS)


def test_sorting_of_an_earlier_job(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    for key in (ALPHA, BETA[0]):
        event = dg.AssetMaterialization("preprocessed", partition=key)
        lab.instance.report_runless_asset_event(event)
    assert behind(lab) == []
    lab.dispatch([ALPHA])
    assert behind(lab) == [ALPHA]


class Ticks:
    """Ticks of the two sensors, which do not know of each other."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._cursors: dict[tuple[str, ...], Any] = {}

    def __call__(self) -> tuple[list[str], list[str]]:
        """Return the partitions of which jobs, and sorting, are requested now."""
        (jobs,) = self._tick("sorting_jobs")
        sorting, *others = self._tick(*STEPS)
        assert all(step == sorting for step in others)  # all five, or none
        return jobs, sorting

    def _tick(self, *assets: str) -> list[list[str]]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", dg.BetaWarning)
            result = dg.evaluate_automation_conditions(
                self._lab.definitions,
                instance=self._lab.instance,
                asset_selection=dg.AssetSelection.assets(*assets),
                cursor=self._cursors.get(assets),
            )
        self._cursors[assets] = result.cursor
        return [
            sorted(map(str, result.get_requested_partitions(dg.AssetKey(name)))) for name in assets
        ]


def test_automation_follows_new_and_changed_recordings(lab: Lab) -> None:
    """From nothing to jobs, from jobs to the chain; then only what has changed."""
    tick = Ticks(lab)
    assert tick() == ([], [])
    lab.inventory()
    assert tick() == (sorted(KEYS), [])
    lab.dispatch(KEYS)
    assert tick() == ([], sorted(KEYS))
    assert tick() == ([], [])
    lab.change(BETA[1])
    lab.inventory()
    assert tick() == ([BETA[1]], [])
    lab.dispatch([BETA[1]])
    assert tick() == ([], [BETA[1]])
    lab.inventory(reconcile=True)
    assert tick() == ([], [])


def test_bad_recording_is_not_sorted_and_its_siblings_are(lab: Lab) -> None:
    tick = Ticks(lab)
    tick()
    lab.inventory()
    tick()
    lab.damage(BETA[0])
    lab.dispatch(KEYS)
    assert tick() == ([], sorted({*KEYS} - {BETA[0]}))


def test_switching_automation_on_does_not_sort_what_was_there(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch(KEYS)
    tick = Ticks(lab)
    assert tick() == ([], [])
    assert tick() == ([], [])
