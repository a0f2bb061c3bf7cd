"""One unit at a glance: waveform, neighbours, autocorrelogram, amplitude over time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.sorting.report.canvas import (
    LabelStyle,
    Picture,
    new_figure,
    picture_of,
    say_empty,
)
from dispatch_assets.sorting.report.raster import some

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from spikeinterface.core import SortingAnalyzer

    from dispatch_assets.sorting.report.findings import Findings, Unit

_WIDTH_PX, _HEIGHT_PX, _DPI = 1060, 168, 130
_PANELS = ((0.055, 0.17), (0.285, 0.19), (0.54, 0.185), (0.79, 0.195))  # left, width
_N_WAVEFORMS = 30
_N_NEIGHBOURS = 8
MOST_AMPLITUDES = 600
REFRACTORY_MS = 1.5
"""Refractory period of neurons in cortex and hippocampus, where no metric states another: the
default of SpikeInterface's ``isi_violation``, after Hill, Mehta & Kleinfeld, J Neurosci 31:8699
(2011)."""


class Gallery:
    """Draws units one after another.

    Parameters
    ----------
    findings
        What was found; with an analyzer.
    styles
        Looks of labels.
    seed
        Seed of the choice of waveforms and spikes that are shown.
    """

    def __init__(self, findings: Findings, styles: dict[str, LabelStyle], seed: int) -> None:
        if findings.analyzer is None:
            raise ValueError("without an analyzer there are no units to draw")
        self._findings, self._styles, self._seed = findings, styles, seed
        self._analyzer: SortingAnalyzer = findings.analyzer
        self._spikes = _spikes_by_unit(findings)
        self.refractory_ms = refractory_ms(self._analyzer)
        self._correlograms: tuple[NDArray[Any], NDArray[Any]] | None = None
        if self._analyzer.has_extension("correlograms"):
            self._correlograms = self._analyzer.get_extension("correlograms").get_data()
        # one figure for all units: making axes and their ticks takes longer than drawing them
        self._figure = new_figure(_WIDTH_PX, _HEIGHT_PX)
        self._panels = [self._figure.add_axes((left, 0.24, w, 0.7)) for left, w in _PANELS]
        for axes, (_, width) in zip(self._panels, _PANELS, strict=True):
            axes.xaxis.set_label_coords(0.5, -0.22)
            axes.yaxis.set_label_coords(-0.04 / width, 0.5)

    def picture(self, unit: Unit) -> Picture:
        """Draw a unit."""
        waveform, neighbours, correlogram, amplitudes = self._panels
        for axes in self._panels:
            for drawn in (*axes.lines, *axes.collections, *axes.patches, *axes.texts):
                drawn.remove()
        colour = self._styles[unit.label].colour
        self._draw_waveform(waveform, unit, colour)
        self._draw_neighbours(neighbours, unit, colour)
        self._draw_correlogram(correlogram, unit, colour)
        self._draw_amplitudes(amplitudes, unit, colour)
        alt = (
            f"Unit {unit.id}: mean waveform on its peak channel, mean waveforms on the channels "
            "around it, autocorrelogram, spike amplitudes over time"
        )
        return picture_of(self._figure, alt, _DPI)

    def _draw_waveform(self, axes: Axes, unit: Unit, colour: str) -> None:
        if not self._analyzer.has_extension("templates"):
            say_empty(axes, "no templates")
            return
        templates = self._analyzer.get_extension("templates")
        unit_id = self._analyzer.unit_ids[unit.index]
        mean = templates.get_unit_template(unit_id)[:, unit.channel]
        time_ms = self._time_ms(len(mean))
        single = self._single_waveforms(unit)
        axes.plot(*_in_one([time_ms] * len(single), list(single)), color="0.8", lw=0.4)
        sd = np.zeros_like(mean)
        if "std" in templates.params["operators"]:
            sd = templates.get_unit_template(unit_id, operator="std")[:, unit.channel]
            axes.fill_between(
                time_ms, mean - sd, mean + sd, color=colour, alpha=0.3, lw=0, zorder=2.1
            )
        axes.plot(time_ms, mean, color=colour, lw=1.4, zorder=2.2)
        low, high = (mean - 2 * sd).min(), (mean + 2 * sd).max()  # not spikes of other units
        axes.set_ylim(low - 0.08 * (high - low), high + 0.08 * (high - low))
        axes.locator_params(nbins=4)
        axes.set_xlim(time_ms[0], time_ms[-1])
        axes.set_xlabel("time from peak (ms)")
        axes.set_ylabel(f"potential ({self._unit_of_potential})")

    def _single_waveforms(self, unit: Unit) -> NDArray[Any]:
        """Return some waveforms on the peak channel, shape (waveforms, samples)."""
        nothing = np.empty((0, 0))
        if not self._analyzer.has_extension("waveforms"):
            return nothing
        unit_id = self._analyzer.unit_ids[unit.index]
        sparsity = self._analyzer.sparsity
        channels = np.arange(self._analyzer.get_num_channels())
        if sparsity is not None:
            channels = sparsity.unit_id_to_channel_indices[unit_id]
        place = np.flatnonzero(channels == unit.channel)
        every = self._analyzer.get_extension("waveforms").get_waveforms_one_unit(unit_id)
        if not len(place):  # its peak is where the sparsity does not look
            return nothing
        shown = some(np.arange(len(every)), _N_WAVEFORMS, self._seed)
        return np.asarray(every[shown, :, place[0]])

    def _draw_neighbours(self, axes: Axes, unit: Unit, colour: str) -> None:
        if not self._analyzer.has_extension("templates"):
            say_empty(axes, "no templates")
            return
        unit_id = self._analyzer.unit_ids[unit.index]
        mean = self._analyzer.get_extension("templates").get_unit_template(unit_id)
        sites = np.round(self._analyzer.get_channel_locations()[:, :2])
        own_shank = next(s.channels for s in self._findings.shanks if s.name == unit.shank)
        distance_um = np.linalg.norm(sites[own_shank] - sites[unit.channel], axis=1)
        near = own_shank[np.argsort(distance_um, kind="stable")[: _N_NEIGHBOURS + 1]]
        columns, rows = (np.unique(sites[near, axis]) for axis in (0, 1))
        step_um = _step_um(sites[near])
        scale = 1.6 * step_um / max(float(np.ptp(mean[:, near], axis=0).max()), 1e-9)
        x = [np.searchsorted(columns, sites[c, 0]) + np.linspace(0, 0.85, len(mean)) for c in near]
        y = [sites[c, 1] + scale * mean[:, c] for c in near]
        axes.plot(*_in_one(x[1:], y[1:]), color="0.45", lw=0.8)
        axes.plot(x[0], y[0], color=colour, lw=1.3)  # the nearest to itself is itself
        axes.set_xlim(-0.15, len(columns))
        axes.set_ylim(rows[0] - 1.3 * step_um, rows[-1] + 0.9 * step_um)
        axes.set_yticks(rows if len(rows) <= 5 else rows[::2])
        axes.set_xticks(np.arange(len(columns)) + 0.42, [f"{c:g}" for c in columns])
        axes.tick_params(length=2)
        axes.set_xlabel("across (µm)")
        axes.set_ylabel("along (µm)")

    def _draw_correlogram(self, axes: Axes, unit: Unit, colour: str) -> None:
        if self._correlograms is None:
            say_empty(axes, "no correlograms")
            return
        every, edges_ms = self._correlograms
        bin_s = float(edges_ms[1] - edges_ms[0]) / 1000
        rate_hz = every[unit.index, unit.index] / max(unit.n_spikes, 1) / bin_s
        limit = self.refractory_ms
        axes.axvspan(-limit, limit, color="#F0E442", alpha=0.55, lw=0)
        axes.stairs(rate_hz, edges_ms, color=colour, fill=True)
        axes.axhline(unit.rate_hz, color="0.2", lw=0.7, ls=(0, (4, 2)))
        axes.locator_params(nbins=5)
        axes.set_xlim(edges_ms[0], edges_ms[-1])
        axes.set_ylim(0, 1.05 * max(float(rate_hz.max()), unit.rate_hz))
        axes.set_xlabel("lag (ms)")
        axes.set_ylabel("rate (spikes/s)")

    def _draw_amplitudes(self, axes: Axes, unit: Unit, colour: str) -> None:
        sizes = self._findings.spikes.amplitude_uv
        if sizes is None:
            say_empty(axes, "no spike amplitudes")
            return
        shown = some(self._spikes[unit.index], MOST_AMPLITUDES, self._seed)
        at = self._findings.positions(shown)
        axes.plot(at, sizes[shown], ".", color=colour, ms=2.5, mew=0, alpha=0.6)
        axes.locator_params(axis="y", nbins=4)
        axes.set_ylim(0, 1.2 * max(float(np.percentile(sizes[shown], 99)), 1.0))
        self._findings.clock.dress(axes, n_ticks=4)
        axes.set_ylabel(f"amplitude ({self._unit_of_potential})")

    def _time_ms(self, n_samples: int) -> NDArray[np.float64]:
        templates = self._analyzer.get_extension("templates")
        steps = np.arange(n_samples) - templates.nbefore
        return np.asarray(steps / self._analyzer.sampling_frequency * 1000)

    @property
    def _unit_of_potential(self) -> str:
        return "µV" if self._analyzer.return_in_uV else "raw"


def refractory_ms(analyzer: SortingAnalyzer) -> float:
    """Return the refractory period that the metrics were computed with, in ms."""
    if analyzer.has_extension("quality_metrics"):
        params = analyzer.get_extension("quality_metrics").params.get("metric_params", {})
        for metric, name in (
            ("rp_violation", "refractory_period_ms"),
            ("isi_violation", "isi_threshold_ms"),
        ):
            if name in params.get(metric, {}):
                return float(params[metric][name])
    return REFRACTORY_MS


def _in_one(
    x: Sequence[NDArray[Any]], y: Sequence[NDArray[Any]]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return curves as one that has gaps: quicker to draw than one after another."""
    gap = np.array([np.nan])
    across, along = (
        np.concatenate([p for curve in c for p in (curve, gap)] or [gap]) for c in (x, y)
    )
    return across, along


def _step_um(sites: NDArray[np.float64]) -> float:
    """Return the least distance between two sites above each other."""
    columns = (np.sort(sites[sites[:, 0] == x, 1]) for x in np.unique(sites[:, 0]))
    steps = np.concatenate([np.diff(column) for column in columns])
    return float(steps[steps > 0].min()) if (steps > 0).any() else 20.0


def _spikes_by_unit(findings: Findings) -> list[NDArray[np.intp]]:
    units = findings.spikes.unit
    order = np.argsort(units, kind="stable")
    ends = np.searchsorted(units[order], np.arange(1, len(findings.units)))
    return [np.asarray(part) for part in np.split(order, ends)]
