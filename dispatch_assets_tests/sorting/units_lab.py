"""Units measured from known spikes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from spikeinterface.core import BaseSorting

from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import StepContext
from dispatch_assets_tests.sorting.lab import (
    publish_sorting,
    run,
    spike_samples,
)

FS = 30_000


@dataclass(frozen=True)
class Measured:
    """A published result, and what it was made from."""

    context: StepContext
    result: StepResult
    units: pd.DataFrame
    given: dict[str, np.ndarray]

    @property
    def folder(self) -> Path:
        return self.context.results / "units"


def measure(context: StepContext, sorting: BaseSorting) -> Measured:
    publish_sorting(context, sorting)
    (result,) = run(context, "units")
    table = context.results / "units" / "units.csv"
    units = pd.read_csv(table, index_col=0, dtype={"unit_id": str}, keep_default_na=False)
    return Measured(context, result, units, spike_samples(sorting))
