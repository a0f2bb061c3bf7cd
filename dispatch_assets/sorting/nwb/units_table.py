"""The units table of an NWB file.

``spike_times`` are on the session's clock (see `sorting.clock`). Where broken timestamps were
reset, ``spike_times_original_clock`` holds each spike's time on the clock that was reset, and
where a recording has several segments, ``segment`` tells which one each spike is in. Where several
recordings were sorted as one, these two tell its recording, and its time on that one's own clock.

``waveform_mean`` and ``waveform_sd`` are in volts, shape (units, samples, electrodes of the unit);
units with fewer electrodes than others end in NaN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.sorting.clock import Span
from dispatch_assets.sorting.nwb.electrodes import Electrodes
from dispatch_assets.sorting.nwb.part import Part, SegmentKey
from dispatch_assets.sorting.nwb.ragged import end_to_end, ragged
from dispatch_assets.sorting.nwb.unit_columns import (
    Value,
    columns_of,
    descriptions,
    filler,
    of_one_kind,
    typed,
)
from dispatch_assets.sorting.nwb.waveforms import padded, waveforms_of

if TYPE_CHECKING:
    from hdmf.common import VectorData
    from numpy.typing import NDArray
    from pynwb.misc import Units
    from spikeinterface.core import SortingAnalyzer

_RATE_TOLERANCE = 1e-9
_BUILT_IN = {
    "spike_times": "Times of the spikes on the session's clock, in s.",
    "obs_intervals": "When the unit was recorded, in s on the session's clock.",
    "electrodes": "Electrodes that the unit was seen on, in the order of its waveforms' columns.",
    "electrode_group": "Shank of the unit's largest peak.",
    "waveform_mean": "Mean waveform in volts, samples x electrodes of the unit; NaN beyond those.",
    "waveform_sd": "Standard deviation of the waveforms in volts, as waveform_mean.",
}
_OURS = {
    "unit_name": "Name of the unit, unique in this file.",
    "recording_name": "Recording that the unit was found in.",
    "probe": "Name of the unit's probe.",
    "shank": "Name of the unit's shank; empty if the probe has one.",
    "peak_channel": "Name of the channel with the largest peak.",
    "sampling_frequency_hz": "Sampling frequency of the unit's recording, in Hz.",
}
_ORIGINAL = (
    "Times of the spikes on the clock whose timestamps were broken and therefore reset, in s; "
    "elsewhere, and in recordings that were concatenated, the recording's own. NaN where it cannot "
    "be recovered."
)
_SEGMENT = (
    "Zero-based segment of the recording that each spike is in; of recordings that were "
    "concatenated, which one of them, as the table `recordings` lists them."
)


@dataclass
class _Rows:
    """Units, one entry per unit in each list."""

    spike_times: list[NDArray[np.float64]] = field(default_factory=list)
    original: list[NDArray[np.float64]] = field(default_factory=list)
    segment: list[NDArray[np.int64]] = field(default_factory=list)
    intervals: list[NDArray[np.float64]] = field(default_factory=list)
    electrodes: list[list[int]] = field(default_factory=list)
    groups: list[Any] = field(default_factory=list)
    mean_v: list[NDArray[np.float32]] = field(default_factory=list)
    sd_v: list[NDArray[np.float32]] = field(default_factory=list)
    before_ms: set[float] = field(default_factory=set)
    columns: dict[str, list[Value]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.spike_times)

    def add_columns(self, columns: Mapping[str, list[Value]], n_units: int) -> None:
        """Append values of further units; what these or those lack is filled."""
        for name in {**self.columns, **columns}:
            earlier, later = self.columns.get(name), columns.get(name)
            fill = filler(earlier or later or [])
            earlier = [fill] * len(self) if earlier is None else earlier
            later = [fill] * n_units if later is None else later
            self.columns[name] = of_one_kind([*earlier, *later])


@dataclass(frozen=True)
class _Place:
    """What the units of one part need to know of the file that they go to."""

    part: Part
    electrodes: Electrodes
    shift_s: list[float]  # by segment
    spans: list[Span]  # by segment, on the recording's clock
    prefix: str


def units_table(
    parts: list[Part],
    electrodes: Electrodes,
    shift_s: Mapping[SegmentKey, float],
    table: Any,  # noqa: ANN401 - pynwb has no types
) -> Units:
    """Return the units of all parts as a table.

    Parameters
    ----------
    parts
        The jobs whose units they are.
    electrodes
        Electrodes of the file.
    shift_s
        What to add to the recording's clock, by segment, in seconds.
    table
        The file's electrodes table.
    """
    rows = _Rows()
    for part in parts:
        place = _Place(
            part,
            electrodes,
            shift_s=[shift_s[key] for key in part.segment_keys],
            spans=[part.clock.span(i) for i in range(part.clock.n_segments)],
            prefix=f"{part.job.recording_name}_" if len(parts) > 1 else "",
        )
        if part.analyzer is not None:
            _add_part(rows, part.analyzer, place)
    return _table(rows, parts, table)


def _add_part(rows: _Rows, analyzer: SortingAnalyzer, place: _Place) -> None:
    waveforms, n_units = waveforms_of(analyzer), analyzer.get_num_units()
    table_rows, own = place.electrodes.rows(place.part), place.electrodes.electrodes(place.part)
    peaks = [own[channel] for channel in waveforms.peak]
    columns: dict[str, list[Value]] = {
        **columns_of(analyzer),
        "unit_name": [f"{place.prefix}{unit}" for unit in analyzer.unit_ids],
        "recording_name": [place.part.job.recording_name] * n_units,
        "probe": [place.electrodes.device_names[peak.device] for peak in peaks],
        "shank": [peak.shank for peak in peaks],
        "peak_channel": [peak.channel for peak in peaks],
        "sampling_frequency_hz": [float(analyzer.sampling_frequency)] * n_units,
    }
    rows.add_columns(columns, n_units)
    for unit, channels, peak in zip(analyzer.unit_ids, waveforms.channels, peaks, strict=True):
        n_segments = place.part.clock.n_segments
        trains = [analyzer.sorting.get_unit_spike_train(unit, i) for i in range(n_segments)]
        _add_spikes(rows, trains, place)
        rows.electrodes.append([table_rows[channel] for channel in channels])
        rows.groups.append(place.electrodes.group_of(peak))
    rows.mean_v += waveforms.mean_v
    rows.sd_v += waveforms.sd_v
    rows.before_ms.add(waveforms.before_ms)


def _add_spikes(rows: _Rows, trains: list[NDArray[np.int64]], place: _Place) -> None:
    """Add the spikes of one unit, given as sample indices by segment."""
    clock = place.part.clock
    times, original, segments, intervals = [], [], [], []
    for i, (samples, shift_s, span) in enumerate(
        zip(trains, place.shift_s, place.spans, strict=True)
    ):
        own_s = clock.time_s(i, samples)
        # a clock that was kept may step back a little
        first_s = min(span.start_s, own_s.min(initial=span.start_s))
        last_s = max(span.stop_s, own_s.max(initial=span.stop_s))
        times.append(own_s + shift_s)
        original.append(clock.original_time_s(i, samples))
        segments.append(clock.part_of(i, samples))
        intervals.append((first_s + shift_s, last_s + shift_s))
    joined = np.concatenate(times)
    order = np.argsort(joined, kind="stable")  # NWB wants each unit's times in order
    rows.spike_times.append(joined[order])
    rows.original.append(np.concatenate(original)[order])
    rows.segment.append(np.concatenate(segments)[order])
    rows.intervals.append(np.asarray(sorted(intervals)))


def _table(rows: _Rows, parts: list[Part], electrodes: Any) -> Units:  # noqa: ANN401
    from pynwb.misc import Units

    rates = {float(p.recording.get_sampling_frequency()) for p in parts}
    one_rate = max(rates) - min(rates) <= _RATE_TOLERANCE * max(rates)
    one_peak = len(rows.before_ms) == 1
    return Units(
        name="units",
        id=list(range(len(rows))),
        columns=[
            *_value_columns(rows),
            *_spike_columns(rows, parts),
            *_waveform_columns(rows, electrodes),
        ],
        description="Units found by spike sorting, with their labels and quality metrics.",
        resolution=1 / max(rates),
        waveform_rate=min(rates) if one_rate else None,
        waveform_time_before_peak_in_ms=min(rows.before_ms) if one_peak else None,
        electrode_table=electrodes,
    )


def _value_columns(rows: _Rows) -> list[VectorData]:
    from hdmf.common import VectorData

    about = {**descriptions(), **_OURS}
    names = [name for name in _OURS if name in rows.columns]
    names += [name for name in rows.columns if name not in _OURS]
    return [
        VectorData(name=name, description=about.get(name, name), data=typed(rows.columns[name]))
        for name in names
    ]


def _spike_columns(rows: _Rows, parts: list[Part]) -> list[VectorData]:
    columns = [
        *ragged("spike_times", rows.spike_times, _BUILT_IN["spike_times"]),
        *ragged("obs_intervals", rows.intervals, _BUILT_IN["obs_intervals"]),
    ]
    if any(part.clock.has_original for part in parts):
        columns += ragged("spike_times_original_clock", rows.original, _ORIGINAL)
    if any(part.clock.n_segments > 1 or part.clock.concatenated for part in parts):
        columns += ragged("segment", rows.segment, _SEGMENT)
    return columns


def _waveform_columns(rows: _Rows, electrodes: Any) -> list[VectorData]:  # noqa: ANN401
    from hdmf.common import DynamicTableRegion, VectorData, VectorIndex

    flat, ends = end_to_end(rows.electrodes)
    region = DynamicTableRegion(
        name="electrodes", description=_BUILT_IN["electrodes"], data=flat, table=electrodes
    )
    columns = [VectorIndex(name="electrodes_index", data=ends, target=region), region]
    values: dict[str, Any] = {"electrode_group": rows.groups}
    for name, waveforms in (("waveform_mean", rows.mean_v), ("waveform_sd", rows.sd_v)):
        if len(waveforms) == len(rows):
            values[name] = padded(waveforms)
    columns += [VectorData(name=n, description=_BUILT_IN[n], data=v) for n, v in values.items()]
    return columns
