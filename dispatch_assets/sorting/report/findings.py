"""What was found, as the report needs it: shanks, units with their numbers, spikes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.sorting.report.clock import Clock

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, SortingAnalyzer


@dataclass(frozen=True)
class Shank:
    """Channels that lie on one shank.

    Attributes
    ----------
    name
        What people call it.
    channels
        Indices of its channels in the recording.
    locations_um
        Where they are, shape (channels, 2): across and along the probe.
    """

    name: str
    channels: NDArray[np.intp]
    locations_um: NDArray[np.float64]


@dataclass(frozen=True)
class Unit:
    """One unit.

    Attributes
    ----------
    id, index
        Its name, and its place in the analyzer.
    label
        What curation says about it.
    shank
        Name of its shank.
    channel
        Index of its peak channel in the recording.
    location_um
        Across and along the probe.
    n_spikes
        Number of spikes.
    rate_hz
        Spikes per second of recording.
    amplitude_uv
        Size of the mean waveform's largest peak; NaN if not known.
    metrics
        Quality and template metrics by name.
    failed
        Metrics that cost it a better label.
    bombcell
        What Bombcell says about it; empty if it was not asked.
    """

    id: str
    index: int
    label: str
    shank: str
    channel: int
    location_um: tuple[float, float]
    n_spikes: int
    rate_hz: float
    amplitude_uv: float
    metrics: dict[str, float] = field(default_factory=dict)
    failed: tuple[str, ...] = ()
    bombcell: str = ""


@dataclass(frozen=True)
class Spikes:
    """Every spike, in the order of the analyzer's spike vector.

    Attributes
    ----------
    sample, segment, unit
        Sample within the segment, segment, index of the unit.
    amplitude_uv
        Size of each spike; None if not computed.
    depth_um
        Place along the probe, of each spike or else of its unit.
    """

    sample: NDArray[np.int64]
    segment: NDArray[np.int64]
    unit: NDArray[np.int64]
    amplitude_uv: NDArray[np.floating[Any]] | None
    depth_um: NDArray[np.floating[Any]]

    def of(self, units: list[Unit]) -> NDArray[np.intp]:
        """Return which spikes are those of some units."""
        return np.flatnonzero(np.isin(self.unit, [u.index for u in units]))


@dataclass(frozen=True)
class Findings:
    """The recording and all that was found in it; no analyzer, no units.

    Attributes
    ----------
    recording
        The preprocessed recording.
    clock
        Its clock.
    shanks
        Its shanks, by name.
    analyzer
        What is known about the units.
    units
        The units in the order of the analyzer.
    spikes
        Their spikes.
    """

    recording: BaseRecording
    clock: Clock
    shanks: list[Shank]
    analyzer: SortingAnalyzer | None
    units: list[Unit]
    spikes: Spikes

    def on(self, shank: Shank) -> list[Unit]:
        """Return the units of a shank."""
        return [u for u in self.units if u.shank == shank.name]

    def positions(self, spikes: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return where some spikes are on the axis of the clock."""
        segment, sample = self.spikes.segment[spikes], self.spikes.sample[spikes]
        times_s = np.empty(len(spikes))
        for i in np.unique(segment):
            here = segment == i
            times_s[here] = self.recording.sample_index_to_time(sample[here], segment_index=i)
        return self.clock.place(segment, times_s)
