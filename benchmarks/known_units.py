"""Recordings whose units are known, and the comparison with what was found.

``python -m benchmarks.known_units write WORK N_CHANNELS N_UNITS DURATION_S`` writes one and its
job; ``score WORK`` prints, separated by blanks: units with an SNR above 5, how many of them were
found with an accuracy of at least 0.9, the worst accuracy among them, units labelled good that are
no true unit, and whether SpikeInterface by hand found the same spikes.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikeinterface.core import BaseSorting

EASY_SNR, ACCURATE = 5.0, 0.9


def write(work: Path, n_channels: int, n_units: int, duration_s: float) -> None:
    """Write the recording, its true spikes and its job."""
    from dispatch_assets.dispatch import dispatch
    from dispatch_assets.params import DispatchParams
    from dispatch_assets_tests.samples.ground_truth import COMMON_UV
    from dispatch_assets_tests.sorting.lab import write_known

    known = write_known(
        work / "data",
        n_channels=n_channels,
        n_units=n_units,
        durations_s=(duration_s,),
        seed=7,
        common_uv=COMMON_UV,
    )
    known.truth.save(folder=work / "truth")
    dispatch(work / "data", work / "jobs", DispatchParams())


def score(work: Path) -> str:
    """Return what ``score`` prints."""
    import pandas as pd
    from spikeinterface import load, load_sorting_analyzer

    from dispatch_assets_tests import accuracy

    truth = load(work / "truth")
    found = accuracy.score(truth, load_sorting_analyzer(work / "results/units/analyzer").sorting)
    labels = pd.read_csv(work / "results/units/units.csv", dtype={"unit_id": str})
    good = labels.loc[labels["label"] == "good", "unit_id"]
    by_unit = dict(zip(map(str, truth.unit_ids), found.accuracies, strict=True))
    same = _same(load(work / "results/sorting/sorting"), work / "by_hand" / "sorting")
    return f"{row(by_unit, _snr(truth, work), good, found.false_positives)} {same}"


def row(
    accuracies: Mapping[str, float],
    snr: Mapping[str, float],
    good: Iterable[str],
    false: Iterable[str],
) -> str:
    """Return the scores of a row: easy units, those found, the worst of them, false good ones.

    Parameters
    ----------
    accuracies, snr
        Of each true unit; a unit without spikes has no SNR.
    good, false
        Units labelled good, and those that are no true unit.
    """
    easy = [a for unit, a in accuracies.items() if snr.get(unit, 0.0) > EASY_SNR]
    worst = f"{min(easy):.3f}" if easy else "-"
    return f"{len(easy)} {sum(a >= ACCURATE for a in easy)} {worst} {len({*good} & {*false})}"


def _snr(truth: BaseSorting, work: Path) -> dict[str, float]:
    """Return the signal-to-noise ratio of the true units in the preprocessed recording."""
    from spikeinterface import create_sorting_analyzer, load

    recording = load(work / "results/preprocessed/recording")
    for key in list(truth.get_property_keys()):
        truth.delete_property(key)  # the generator names main channels that may be left out now
    analyzer = create_sorting_analyzer(
        truth.remove_empty_units(), recording, sparse=False, main_channel_indices=None
    )
    analyzer.compute(["random_spikes", "noise_levels", "templates"])
    analyzer.compute("quality_metrics", metric_names=["snr"], skip_pc_metrics=True)
    metrics = analyzer.get_extension("quality_metrics").get_data()
    return {str(unit): float(value) for unit, value in metrics["snr"].items()}


def _same(found: BaseSorting, by_hand: Path) -> str:
    if not by_hand.exists():
        return "-"
    import numpy as np
    from spikeinterface import load

    other = load(by_hand)
    a, b = (
        sorted((s.get_unit_spike_train(u) for u in s.unit_ids), key=lambda t: t[:5].tolist())
        for s in (found, other)
    )
    return "yes" if len(a) == len(b) and all(map(np.array_equal, a, b)) else "no"


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    folder = Path(sys.argv[2])
    if sys.argv[1] == "write":
        write(folder, int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5]))
    else:
        print(score(folder))
