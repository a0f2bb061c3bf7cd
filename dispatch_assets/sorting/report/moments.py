"""Which moments of a recording the report shows, and on which channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dispatch_assets.sorting.report.findings import Findings, Shank, Unit

SNIPPET_S = 0.05
_MOST_CHANNELS = 16


@dataclass(frozen=True)
class Moment:
    """Samples of one segment, on some channels.

    Attributes
    ----------
    segment, start, end
        Which samples.
    channels
        Indices of channels in the preprocessed recording, from the lowest on the probe to the
        highest.
    """

    segment: int
    start: int
    end: int
    channels: NDArray[np.intp]


def moments(findings: Findings, shank: Shank, n: int) -> list[Moment]:
    """Choose moments with many spikes of good units: one in each n-th of the recording.

    Without good units those of all units count; without units the moments are evenly spread.
    """
    n_samples = round(SNIPPET_S * findings.recording.sampling_frequency)
    bins = [
        (segment, i * n_samples)
        for segment in range(findings.recording.get_num_segments())
        for i in range(findings.recording.get_num_samples(segment) // n_samples)
    ]
    units = findings.on(shank)
    spikes = findings.spikes.of([u for u in units if u.label == "good"] or units)
    places = {place: i for i, place in enumerate(bins)}
    firsts = findings.spikes.sample[spikes] // n_samples * n_samples
    where = (
        places.get((int(s), int(first)), -1)
        for s, first in zip(findings.spikes.segment[spikes], firsts, strict=True)
    )
    counts = np.bincount([i for i in where if i >= 0], minlength=len(bins))
    chosen = []
    for part in np.array_split(np.arange(len(bins)), min(n, len(bins))):
        best = part[np.argmax(counts[part])] if counts[part].any() else part[len(part) // 2]
        segment, start = bins[best]
        channels = _channels(findings, shank, segment, start, start + n_samples)
        chosen.append(Moment(segment, start, start + n_samples, channels))
    return chosen


def _channels(
    findings: Findings, shank: Shank, segment: int, start: int, end: int
) -> NDArray[np.intp]:
    """Return neighbouring channels of the shank that see most spikes of these samples."""
    order = np.lexsort((shank.locations_um[:, 0], shank.locations_um[:, 1]))
    channels = shank.channels[order]
    if len(channels) <= _MOST_CHANNELS:
        return channels
    peaks = [u.channel for u, _ in spikes_between(findings, shank, segment, start, end)]
    seen = np.bincount(np.searchsorted(np.sort(channels), peaks), minlength=len(channels))
    per_channel = seen[np.argsort(np.argsort(channels))]
    sums = np.convolve(per_channel, np.ones(_MOST_CHANNELS), mode="valid")
    best = np.flatnonzero(sums == sums.max())
    first = int(best[len(best) // 2])  # in the middle of equally good ones
    return channels[first : first + _MOST_CHANNELS]


def spikes_between(
    findings: Findings, shank: Shank, segment: int, start: int, end: int
) -> list[tuple[Unit, int]]:
    """Return units of the shank with the samples of their spikes."""
    spikes = findings.spikes
    first, last = np.searchsorted(spikes.segment, [segment, segment + 1])
    low, high = first + np.searchsorted(spikes.sample[first:last], [start, end])
    here = range(int(low), int(high))
    found = [(findings.units[spikes.unit[i]], int(spikes.sample[i])) for i in here]
    return [(unit, sample) for unit, sample in found if unit.shank == shank.name]
