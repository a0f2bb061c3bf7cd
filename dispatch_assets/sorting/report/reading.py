"""From a recording and the analyzer of its units to findings.

Each extension of an analyzer may be missing; what it would have said is then None or no number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.sorting.report.clock import Clock
from dispatch_assets.sorting.report.findings import Findings, Shank, Spikes, Unit
from dispatch_assets.sorting.units.analyzer import shanks

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, SortingAnalyzer

UNLABELLED = "unlabelled"


def read_findings(recording: BaseRecording, analyzer: SortingAnalyzer | None) -> Findings:
    """Read what the report shows.

    Parameters
    ----------
    recording
        The preprocessed recording.
    analyzer
        The analyzer of its units; None if there are none.
    """
    shanks, clock = read_shanks(recording), Clock.of(recording)
    if analyzer is None:
        nothing = np.empty(0, dtype=np.int64)
        spikes = Spikes(nothing, nothing, nothing, None, nothing.astype(float))
        return Findings(recording, clock, shanks, None, [], spikes)
    units = _read_units(analyzer, recording, shanks)
    return Findings(recording, clock, shanks, analyzer, units, _read_spikes(analyzer, units))


def read_shanks(recording: BaseRecording) -> list[Shank]:
    """Return the shanks of a recording, by channel groups and the probes' own shanks."""
    locations = np.asarray(recording.get_channel_locations(), dtype=np.float64)[:, :2]
    names = _shank_names(np.asarray(recording.get_channel_groups()).astype(str), shanks(recording))
    found = [(str(name), np.flatnonzero(names == name)) for name in np.unique(names)]
    found.sort(key=lambda shank: (len(shank[0]), shank[0]))  # 2 before 10
    return [Shank(name, here, locations[here]) for name, here in found]


def _shank_names(groups: NDArray[np.str_], ids: NDArray[np.str_]) -> NDArray[np.str_]:
    """Return what people call the shank of each channel, as short as it can be."""
    n_both = len(set(zip(groups, ids, strict=True)))
    if n_both == 1:
        return np.full(len(groups), "probe")
    if len(set(ids)) == n_both:
        return np.char.add("shank ", ids)
    if len(set(groups)) == n_both:
        return np.char.add("group ", groups)
    return np.char.add(np.char.add("group ", groups), np.char.add(", shank ", ids))


def _read_units(
    analyzer: SortingAnalyzer, recording: BaseRecording, shanks: list[Shank]
) -> list[Unit]:
    sorting = analyzer.sorting
    labels, failed, bombcell = (
        sorting.get_property(name) for name in ("label", "failed", "bombcell_label")
    )
    counts = sorting.count_num_spikes_per_unit(outputs="array")
    duration_s = recording.get_total_duration()
    locations, amplitudes = _locations(analyzer), _amplitudes(analyzer)
    channels = analyzer.get_main_channels(outputs="index", with_dict=False)
    shank_of = {c: shank.name for shank in shanks for c in shank.channels.tolist()}
    metrics = _metrics(analyzer)
    return [
        Unit(
            id=str(unit_id),
            index=i,
            label=UNLABELLED if labels is None else str(labels[i]),
            shank=shank_of[int(channels[i])],
            channel=int(channels[i]),
            location_um=(float(locations[i, 0]), float(locations[i, 1])),
            n_spikes=int(counts[i]),
            rate_hz=float(counts[i] / duration_s),
            amplitude_uv=float(amplitudes[i]),
            metrics=metrics[i],
            failed=() if failed is None else tuple(str(failed[i]).split()),
            bombcell="" if bombcell is None else str(bombcell[i]),
        )
        for i, unit_id in enumerate(analyzer.unit_ids)
    ]


def _locations(analyzer: SortingAnalyzer) -> NDArray[np.float64]:
    """Return shape (units, 2) in µm: as estimated, else the place of the peak channel."""
    sites = np.asarray(analyzer.get_channel_locations(), dtype=np.float64)
    peaks = sites[analyzer.get_main_channels(outputs="index", with_dict=False), :2]
    if not analyzer.has_extension("unit_locations"):
        return peaks
    found = np.asarray(analyzer.get_extension("unit_locations").get_data(), dtype=np.float64)
    return np.where(np.isfinite(found[:, :2]), found[:, :2], peaks)


def _amplitudes(analyzer: SortingAnalyzer) -> NDArray[np.float64]:
    from spikeinterface.core.template_tools import get_template_amplitude_on_main_channel

    if not analyzer.has_extension("templates"):
        return np.full(len(analyzer.unit_ids), np.nan)
    return np.array(get_template_amplitude_on_main_channel(analyzer, with_dict=False))


def _metrics(analyzer: SortingAnalyzer) -> list[dict[str, float]]:
    rows: list[dict[str, float]] = [{} for _ in analyzer.unit_ids]
    for extension in ("template_metrics", "quality_metrics"):
        if not analyzer.has_extension(extension):
            continue
        table = analyzer.get_extension(extension).get_data()
        for name in table.columns:
            values = table[name].to_numpy(dtype=float, na_value=np.nan)
            for row, value in zip(rows, values, strict=True):
                row[str(name)] = float(value)
    return rows


def _read_spikes(analyzer: SortingAnalyzer, units: list[Unit]) -> Spikes:
    vector = analyzer.sorting.to_spike_vector()
    amplitudes = None
    if analyzer.has_extension("spike_amplitudes"):
        amplitudes = np.abs(analyzer.get_extension("spike_amplitudes").get_data())
    depths = np.array([u.location_um[1] for u in units])[vector["unit_index"]]
    if analyzer.has_extension("spike_locations"):
        estimated = analyzer.get_extension("spike_locations").get_data()["y"]
        depths = np.where(np.isfinite(estimated), estimated, depths)
    return Spikes(
        sample=vector["sample_index"],
        segment=vector["segment_index"],
        unit=vector["unit_index"],
        amplitude_uv=amplitudes,
        depth_um=depths,
    )
