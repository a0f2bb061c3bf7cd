"""How well a sorter found known units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spikeinterface.core import BaseSorting

FOUND = 0.8
"""A true unit counts as found from this accuracy on; SpikeInterface's "well detected"."""


@dataclass(frozen=True)
class Score:
    """Known units against found ones.

    Attributes
    ----------
    accuracies
        Accuracy of each true unit's best match, hits / (hits + misses + false alarms).
    n_sorted
        Units that the sorter found.
    false_positives
        Ids of sorted units that are no true unit.
    """

    accuracies: tuple[float, ...]
    n_sorted: int
    false_positives: tuple[str, ...]

    @property
    def n_true(self) -> int:
        """Number of true units."""
        return len(self.accuracies)

    @property
    def n_found(self) -> int:
        """Number of true units that were found."""
        return sum(a >= FOUND for a in self.accuracies)

    @property
    def mean_accuracy(self) -> float:
        """Mean accuracy over all true units, 0 to 1."""
        return float(np.mean(self.accuracies)) if self.accuracies else float("nan")


def score(truth: BaseSorting, found: BaseSorting) -> Score:
    """Compare a sorting with the truth."""
    from spikeinterface.comparison import compare_sorter_to_ground_truth

    if found.get_num_units() == 0:
        return Score((0.0,) * truth.get_num_units(), 0, ())
    compared = compare_sorter_to_ground_truth(truth, found, exhaustive_gt=True)
    accuracies = compared.get_performance()["accuracy"]
    false_positives = compared.get_false_positive_units()
    return Score(
        tuple(float(a) for a in accuracies),
        found.get_num_units(),
        tuple(str(unit) for unit in false_positives),
    )
