"""Spikes over time and depth, and how large they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.sorting.report.canvas import LabelStyle, say_empty
from dispatch_assets.sorting.report.probe import depth_limits

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

    from dispatch_assets.sorting.report.findings import Findings, Shank

_N_BINS = 80
_TOP = 99.5  # percentile that a scale ends at: single artefacts do not flatten the rest


def some(spikes: NDArray[np.intp], at_most: int, seed: int) -> NDArray[np.intp]:
    """Return at most so many spikes, drawn evenly; the same ones for the same seed."""
    if len(spikes) <= at_most:
        return spikes
    drawn = np.random.default_rng(seed).choice(len(spikes), at_most, replace=False)
    return spikes[np.sort(drawn)]


def draw_raster(
    axes: Axes, findings: Findings, shank: Shank, at_most: int, seed: int
) -> PathCollection | None:
    """Draw spikes at their time and depth, dark where they are large.

    Returns
    -------
    PathCollection or None
        What a colour bar describes, in µV; None without amplitudes.
    """
    spikes = some(findings.spikes.of(findings.on(shank)), at_most, seed)
    if not len(spikes):
        say_empty(axes, "no spikes on this shank")
        return None
    found = findings.spikes
    sizes = None if found.amplitude_uv is None else found.amplitude_uv[spikes]
    order = np.arange(len(spikes)) if sizes is None else np.argsort(sizes, kind="stable")
    kept = spikes[order]  # large ones on top
    drawn = axes.scatter(
        findings.positions(kept),
        found.depth_um[kept],
        s=np.clip(12_000 / len(kept), 1.0, 5.0),
        c="0.3" if sizes is None else sizes[order],
        cmap=None if sizes is None else "viridis_r",
        vmin=None if sizes is None else 0,
        vmax=None if sizes is None else float(np.percentile(sizes, _TOP)),
        linewidths=0,
    )
    axes.set_ylim(*depth_limits(shank))
    findings.clock.dress(axes)
    return None if sizes is None else drawn


def draw_amplitudes(
    axes: Axes, findings: Findings, shank: Shank, styles: dict[str, LabelStyle]
) -> None:
    """Draw how many spikes of each label have which size."""
    sizes = findings.spikes.amplitude_uv
    units = findings.on(shank)
    if sizes is None or not units:
        say_empty(axes, "no spike amplitudes" if units else "no spikes on this shank")
        return
    by_label = {
        label: sizes[findings.spikes.of([u for u in units if u.label == label])] for label in styles
    }
    every: NDArray[Any] = np.concatenate(list(by_label.values()))
    edges = np.linspace(0, 1.1 * max(float(np.percentile(every, _TOP)), 1.0), _N_BINS + 1)
    for label, values in by_label.items():
        if len(values):
            counts, _ = np.histogram(values, edges)
            style = styles[label]
            axes.stairs(counts, edges, color=style.colour, ls=style.dashes, lw=1.2, label=label)
    axes.set_xlim(0, edges[-1])
    axes.set_ylim(bottom=0)
    axes.set_xlabel("spike amplitude (µV)")
    axes.set_ylabel("spikes")
