"""Columns of the units table that hold one value per unit: labels, metrics, places."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.sorting.nwb.electrodes import clean_name

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import SortingAnalyzer

# written from other sources than the analyzer's properties
RESERVED = frozenset(
    {
        "id", "spike_times", "obs_intervals", "electrodes", "electrode_group", "waveform_mean",
        "waveform_sd", "waveforms", "unit_name", "recording_name", "probe", "shank",
        "peak_channel", "sampling_frequency_hz", "segment", "spike_times_original_clock",
    }
)  # fmt: skip
_METRICS = ("quality_metrics", "template_metrics")
_AXES = ("x_um", "depth_um", "z_um")  # along the probe's x, y and away from it
_KNOWN = {
    "label": "What the unit is held to be: good (one neuron), mua (several) or noise.",
    "failed": "Quality metrics that keep the unit from being good.",
    "not_computed": "Quality metrics that the label should rest on and that are not known.",
    "bombcell_label": "What Bombcell holds the unit to be.",
    "group": "Channel group of the unit.",
    "channel_id": "Channel with the largest peak.",
    "x_um": "Where the unit is across the probe (its x axis), in um.",
    "depth_um": "Where the unit is along the probe (its y axis), in um.",
    "z_um": "How far the unit is from the probe, in um.",
    "amplitude_uv": "Height of the mean waveform's largest peak, in uV.",
}

Value = str | int | float | bool
Columns = dict[str, list[Value]]


def columns_of(analyzer: SortingAnalyzer) -> Columns:
    """Return what is known of each unit, by name: properties, metrics, location.

    Metrics that were not computed are NaN. Of two values of one name, the first counts.
    What is called like an attribute of pynwb's table gets a trailing underscore.
    """
    columns: Columns = {}
    for name, values in (*_properties(analyzer), *_metrics(analyzer), *_locations(analyzer)):
        key = _column_name(name)
        if key not in RESERVED and not key.endswith("_index"):
            columns.setdefault(key, _plain(np.asarray(values)))
    return columns


def _column_name(name: str) -> str:
    """Return the name of a column; pynwb takes none for one that its table has as an attribute."""
    from pynwb.misc import Units

    key = clean_name(name).replace(" ", "_")
    is_taken = key not in RESERVED and hasattr(Units, key)
    return f"{key}_" if is_taken else key


def _properties(analyzer: SortingAnalyzer) -> Iterator[tuple[str, NDArray[Any]]]:
    sorting = analyzer.sorting
    for name in sorting.get_property_keys():
        values = np.asarray(sorting.get_property(name))
        if values.ndim == 1:
            yield name, values


def _metrics(analyzer: SortingAnalyzer) -> Iterator[tuple[str, NDArray[Any]]]:
    for extension in _METRICS:
        if analyzer.has_extension(extension):
            table = analyzer.get_extension(extension).get_data().reindex(analyzer.unit_ids)
            yield from ((str(name), table[name].to_numpy(dtype=object)) for name in table.columns)


def _locations(analyzer: SortingAnalyzer) -> Iterator[tuple[str, NDArray[Any]]]:
    if analyzer.has_extension("unit_locations"):
        locations = np.asarray(analyzer.get_extension("unit_locations").get_data())
        yield from zip(_AXES, locations.T, strict=False)


def _plain(values: NDArray[Any]) -> list[Value]:
    """Return values of one kind that NWB can hold: truth values, numbers or texts."""
    listed = values.tolist()
    known = [v for v in listed if not _is_missing(v)]
    if known and len(known) == len(listed):
        for kind in (bool, int):
            if all(type(v) is kind for v in known):
                return list(known)
    if all(isinstance(v, int | float) for v in known):
        return [np.nan if _is_missing(v) else float(v) for v in listed]
    return ["" if _is_missing(v) else str(v) for v in listed]


def _is_missing(value: object) -> bool:
    """Return whether a value is None, NaN or pandas's NA, which equals nothing."""
    return value is None or type(value).__name__ == "NAType" or value != value  # noqa: PLR0124


def filler(values: list[Value]) -> Value:
    """Return what stands for a value that another recording's units do not have."""
    return "" if values and isinstance(values[0], str) else np.nan


@cache
def descriptions() -> dict[str, str]:
    """Return what each column means; for metrics, in SpikeInterface's words."""
    from spikeinterface.metrics.quality import ComputeQualityMetrics
    from spikeinterface.metrics.template import ComputeTemplateMetrics

    metrics = (*ComputeQualityMetrics.metric_list, *ComputeTemplateMetrics.metric_list)
    known = {name: text for metric in metrics for name, text in metric.metric_descriptions.items()}
    return {**known, **_KNOWN}


def typed(values: list[Value]) -> Any:  # noqa: ANN401 - texts stay a list
    """Return values as HDF5 wants them: texts as a list, numbers as an array."""
    return values if isinstance(values[0], str) else np.asarray(values)


def of_one_kind(values: list[Value]) -> list[Value]:
    """Make texts of all values if any is one; else numbers with gaps are floats."""
    kinds = {type(v) for v in values}
    if len(kinds) < 2:
        return values
    if str in kinds:
        return ["" if v != v else str(v) for v in values]  # noqa: PLR0124 - NaN is no text
    return [float(v) for v in values]
