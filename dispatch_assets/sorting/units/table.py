"""What a person wants to know about each unit: a table, and properties of the analyzer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.errors import count
from dispatch_assets.sorting.results import Check
from dispatch_assets.sorting.step import Fact
from dispatch_assets.sorting.units.analyzer import Dropped, shanks
from dispatch_assets.sorting.units.labels import GOOD, LABELS

if TYPE_CHECKING:
    import pandas as pd
    from spikeinterface.core import BaseRecording, SortingAnalyzer

MAX_ROWS = 500
# Refractory periods are 1-2 ms; with more than 1 % of intervals shorter, units are contaminated
MAX_VIOLATIONS = 0.01
_AT_A_GLANCE = (
    "label",
    "failed",
    "bombcell_label",
    "group",
    "shank",
    "channel_id",
    "depth_um",
    "amplitude_uv",
    "num_spikes",
    "firing_rate",
    "snr",
    "isi_violations_ratio",
    "rp_contamination",
    "presence_ratio",
)


def places(analyzer: SortingAnalyzer, recording: BaseRecording) -> pd.DataFrame:
    """Return where each unit is.

    Returns
    -------
    DataFrame
        One row per unit: `group`, `shank` and `channel_id` of the channel with its largest peak;
        `x_um` and `depth_um`, its place across and along the probe (the probe's x and y);
        `amplitude_uv`, the height of its mean waveform's peak.
    """
    import pandas as pd
    from spikeinterface.core.template_tools import get_template_amplitude_on_main_channel

    main = np.asarray(analyzer.get_main_channels(outputs="index", with_dict=False))
    locations = analyzer.get_extension("unit_locations").get_data()
    amplitudes = get_template_amplitude_on_main_channel(analyzer, with_dict=False)
    return pd.DataFrame(
        {
            "group": np.asarray(recording.get_channel_groups())[main],
            "shank": shanks(recording)[main],
            "channel_id": recording.channel_ids[main].astype(str),
            "x_um": np.round(locations[:, 0], 1),
            "depth_um": np.round(locations[:, 1], 1),
            "amplitude_uv": np.round(np.abs(amplitudes), 1),
        },
        index=pd.Index(analyzer.unit_ids, name="unit_id"),
    )


def keep_as_properties(analyzer: SortingAnalyzer, columns: pd.DataFrame) -> None:
    """Save columns as properties of the analyzer's units; texts as such, never as objects."""
    for name, values in columns.items():
        array = values.to_numpy()
        if array.dtype == object:
            array = array.astype(str)
        analyzer.set_sorting_property(name, array, save=True)


def at_a_glance(units: pd.DataFrame) -> list[dict[str, Fact]]:
    """Return a row per unit with what matters first, good units first; at most MAX_ROWS."""
    if units.empty:
        return []
    columns = [name for name in _AT_A_GLANCE if name in units.columns]
    rank = units["label"].map({label: i for i, label in enumerate(LABELS)})
    snr = units["snr"] if "snr" in units.columns else units["amplitude_uv"]
    order = np.lexsort((-snr.to_numpy(), rank.to_numpy()))[:MAX_ROWS]
    return [
        {"unit_id": str(units.index[i]), **{name: _fact(units.iloc[i][name]) for name in columns}}
        for i in order
    ]


def write_dropped(file: Path, dropped: list[Dropped]) -> None:
    """Write which units were left out, and why."""
    import pandas as pd

    columns = ["unit_id", "spikes", "reason", "of"]
    pd.DataFrame([vars(one) for one in dropped], columns=columns).to_csv(file, index=False)


def checks(units: pd.DataFrame) -> list[Check]:
    """Return what was verified about the units."""
    n_good = int((units["label"] == GOOD).sum()) if len(units) else 0
    found = [
        Check(
            name="good_units",
            passed=n_good > 0,
            message=f"{count(n_good, 'unit')} of {len(units)} labelled good",
        )
    ]
    if len(units) and {"isi_violations_count", "num_spikes"} <= set(units.columns):
        share = float(units["isi_violations_count"].sum() / units["num_spikes"].sum())
        found.append(
            Check(
                name="refractory_violations",
                passed=share <= MAX_VIOLATIONS,
                message=f"{100 * share:.2f} % of the spikes of all units come within the "
                f"refractory period of the one before (at most {100 * MAX_VIOLATIONS:g} %)",
            )
        )
    return found


def _fact(value: object) -> Fact:
    """Return a value as JSON has it: no NaN, no numpy."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return round(float(value), 4) if np.isfinite(value) else None
    return str(value)
