"""The second half of ``make demo``: sort a recording whose spikes are known, and say how well."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

from dispatch_assets.defs.environment import Settings, absolute
from dispatch_assets.defs.instance import instance_at
from dispatch_assets.errors import DispatchError, count
from dispatch_assets.params import DispatchParams
from dispatch_assets.report import table
from dispatch_assets.sorting.chain import results_of
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.sorting.step import SORTING, UNITS, UNITS_NWB, UNITS_REPORT
from dispatch_assets_tests.accuracy import Score, score
from dispatch_assets_tests.samples.ground_truth import write_known_session

SESSION = "known_units_g0"
PARAMS = SortingParams.model_validate(
    {"preprocessing": {"min_preprocessing_duration": 30.0}}  # the demo's recording has 40 s
)


def write_session(data: Path, truth: Path) -> None:
    """Write the session, and its true spikes elsewhere."""
    write_known_session(data / SESSION).save_truth(truth)


def sort_known(data: Path, store: Path, home: Path, truth: Path, say: Callable[[str], None]) -> int:
    """Sort what is not sorted yet, print how well, and return the exit status."""
    from dispatch_assets.defs.sorting_runner import sort

    settings = Settings(absolute(str(data)), absolute(str(store)), DispatchParams(), sorting=PARAMS)
    results = Path(settings.store, "sorting")
    keys = {g.name: f"{SESSION}~~block0_imec0.ap_recording1_group{g.name}" for g in truth.iterdir()}
    due = [key for key in keys.values() if UNITS_NWB not in results_of(results / key)]
    if due:
        say(f"sorting {count(len(due), 'recording')} of 40 s; about two minutes on two cores")
        with instance_at(home) as instance:
            for key, why in sort(settings, instance, due).items():
                print(f"not sorted: {key}: {why}", file=sys.stderr)
    try:
        scores = {key: _score(truth / group, results / key) for group, key in keys.items()}
    except DispatchError as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    _print(scores, results)
    return 0


def _score(truth: Path, results: Path) -> Score:
    from spikeinterface import load, load_sorting_analyzer

    analyzer = results / UNITS / "analyzer"
    found = (
        load_sorting_analyzer(analyzer).sorting if analyzer.exists() else load(results / SORTING)
    )
    return score(load(truth), found)


def _print(scores: dict[str, Score], results: Path) -> None:
    rows = []
    for key, found in scores.items():
        facts = results_of(results / key)[UNITS].facts
        numbers = (found.n_true, found.n_found, f"{found.mean_accuracy:.3f}")
        more = (len(found.false_positives), str(facts.get("good", "")))
        rows.append(tuple(map(str, (key, *numbers, *more))))
    columns = ("recording", "true units", "found", "accuracy", "false positives", "labelled good")
    print(table(columns, rows))
    shown = Path(os.path.relpath(results))
    first = next(iter(scores))
    published = results_of(results / first)
    print(f"\nSorted with {published[SORTING].facts.get('sorter', '')}. For each recording:")
    print(f"  {shown / first / UNITS_REPORT / published[UNITS_REPORT].files['report']}")
    print("      units, waveforms, drift and quality, to open in a browser")
    print(f"  {shown / first / UNITS_NWB / str(published[UNITS_NWB].facts['file'])}")
    print("      the units in NWB")
