"""How found units are counted, on spikes written by hand."""

from __future__ import annotations

import numpy as np
from spikeinterface.core import NumpySorting

from dispatch_assets_tests.accuracy import score

FS = 30_000.0
SPIKES = np.arange(100) * 3000 + 500


def sorting(**units: np.ndarray) -> NumpySorting:
    return NumpySorting.from_unit_dict([dict(units)], FS)


def test_a_found_a_half_found_and_a_made_up_unit() -> None:
    truth = sorting(a=SPIKES, b=SPIKES + 1000)
    found = sorting(x=SPIKES, y=SPIKES[:50] + 1000, z=SPIKES + 2000)

    result = score(truth, found)

    assert (result.n_true, result.n_found, result.n_sorted) == (2, 1, 3)
    assert result.accuracies == (1.0, 0.5)
    assert result.false_positives == ("z",)
    assert result.mean_accuracy == 0.75


def test_nothing_found() -> None:
    result = score(sorting(a=SPIKES), sorting(a=SPIKES).select_units([]))
    assert (result.n_found, result.n_sorted, result.false_positives) == (0, 0, ())
