"""How the units' metrics are spread, with the limits that good units keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.errors import count
from dispatch_assets.sorting.params import CurationParams
from dispatch_assets.sorting.report.canvas import (
    LabelStyle,
    Picture,
    new_figure,
    picture_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dispatch_assets.sorting.report.findings import Unit

_ALWAYS = ("snr", "firing_rate", "isi_violations_ratio", "amplitude_median", "sd_ratio")
_UNITS = {
    "firing_rate": "spikes/s",
    "amplitude_median": "µV",
    "drift_ptp": "µm",
    "drift_std": "µm",
    "drift_mad": "µm",
}
_N_COLUMNS = 4
_WIDTH_PX, _ROW_PX, _HEAD_PX = 1060, 212, 24
_N_BINS = 30
_FAR = 99.0  # percentile beyond which values stand in the last bin


@dataclass(frozen=True)
class Limits:
    """What a metric keeps to, both ends included.

    Attributes
    ----------
    least, most
        The limits; infinite where there is none.
    absolute
        Whether they are about a value's size, whatever its sign.
    beyond
        Label of units beyond them.
    """

    least: float
    most: float
    absolute: bool
    beyond: str

    def __str__(self) -> str:
        """Write them as people do."""
        both = (("≥", self.least), ("≤", self.most))
        return " and ".join(f"{sign} {value:g}" for sign, value in both if np.isfinite(value))

    @property
    def marks(self) -> list[float]:
        """The limits that there are."""
        return [x for x in (self.least, self.most) if np.isfinite(x)]


def read_limits(params: CurationParams) -> dict[str, Limits]:
    """Return the limits that units were labelled by, by metric; the stricter one where two apply.

    They are written as SpikeInterface's ``threshold_metrics_label_units`` has them, for instance
    ``{"snr": {"greater": 5}}``, where null and NaN stand for no limit.
    """
    found: dict[str, Limits] = {}
    sections = (
        (params.qc_thresholds, "mua"),
        (params.good_thresholds, "mua"),
        (params.noise_thresholds, "noise"),
    )
    for thresholds, beyond in sections:
        for name, x in thresholds.items():
            least, most = _number(x.get("greater"), -np.inf), _number(x.get("less"), np.inf)
            before = found.get(name)
            if before is not None:
                least, most = max(least, before.least), min(most, before.most)
            found[name] = Limits(least, most, bool(x.get("abs")), beyond)
    return {name: limits for name, limits in found.items() if limits.marks}


def _number(value: float | None, otherwise: float) -> float:
    return otherwise if value is None or np.isnan(value) else float(value)


def histograms_picture(
    units: list[Unit], limits: Mapping[str, Limits], styles: Mapping[str, LabelStyle]
) -> tuple[Picture | None, list[str]]:
    """Draw a histogram of each metric that has limits, and of a few others.

    Returns
    -------
    Picture or None
        The histograms; None if no unit has any of these metrics.
    list of str
        Metrics with limits that no unit has a value of.
    """
    from matplotlib.patches import Patch

    known = {name for u in units for name, value in u.metrics.items() if np.isfinite(value)}
    shown = [name for name in dict.fromkeys([*limits, *_ALWAYS]) if name in known]
    missing = [name for name in limits if name not in known]
    if not shown:
        return None, missing
    height_px = _HEAD_PX + _ROW_PX * -(-len(shown) // _N_COLUMNS)
    figure = new_figure(_WIDTH_PX, height_px)
    keys = [Patch(fc=s.colour, hatch=s.hatch, ec="white", label=x) for x, s in styles.items()]
    figure.legend(handles=keys, loc="upper left", bbox_to_anchor=(0.045, 1), ncols=len(keys))
    for i, name in enumerate(shown):
        row, column = divmod(i, _N_COLUMNS)
        bottom = (height_px - _HEAD_PX - (row + 1) * _ROW_PX + 44) / height_px
        place = (0.05 + column * 0.245, bottom, 0.195, (_ROW_PX - 92) / height_px)
        _draw(figure.add_axes(place), name, units, limits.get(name), styles)
    written = (f"{name} {limits[name]}" for name in shown if name in limits)
    alt = f"Histograms of {', '.join(shown)}; limits: {', '.join(written)}"
    return picture_of(figure, alt), missing


def _draw(
    axes: Axes,
    name: str,
    units: list[Unit],
    limits: Limits | None,
    styles: Mapping[str, LabelStyle],
) -> None:
    absolute = limits is not None and limits.absolute
    by_label = {x: _values(name, units, x, absolute) for x in styles}
    finite = np.concatenate(list(by_label.values()))
    edges = _edges(finite, limits, are_counts=name.startswith("num_"))
    shown = [np.clip(values, edges[0], edges[-1]) for values in by_label.values()]
    axes.hist(
        shown,
        edges,  # type: ignore[arg-type] # an array is a sequence of edges, too
        stacked=True,
        color=[styles[x].colour for x in by_label],
        hatch=[styles[x].hatch for x in by_label],
        ec="white",
        lw=0.3,
    )
    if limits is not None:
        axes.set_xlim(edges[0], edges[-1])
        _draw_limits(axes, limits)
    axes.set_xlim(edges[0], edges[-1])
    _write(axes, name, limits, n_missing=len(units) - len(finite))


def _write(axes: Axes, name: str, limits: Limits | None, n_missing: int) -> None:
    """Write the title and the axes' labels; `n_missing` units are not among the bars."""
    without = f"{count(n_missing, 'unit')} without a value" if n_missing else ""
    title = f"{name}\n{limits}, else {limits.beyond}" if limits is not None else name
    axes.set_title(title, loc="left", fontsize=8)
    axes.set_xlabel("; ".join(note for note in (_UNITS.get(name, ""), without) if note))
    axes.set_ylabel("units")
    axes.locator_params(axis="y", integer=True, nbins=5)
    axes.locator_params(axis="x", nbins=4)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")


def _values(name: str, units: list[Unit], label: str, absolute: bool) -> NDArray[np.float64]:
    """Return the metric of the units of a label that have a value."""
    every = np.array([u.metrics.get(name, np.nan) for u in units if u.label == label], dtype=float)
    finite: NDArray[np.float64] = every[np.isfinite(every)]
    return np.abs(finite) if absolute else finite


def _edges(
    values: NDArray[np.float64], limits: Limits | None, are_counts: bool
) -> NDArray[np.float64]:
    """Return edges of bins that show the bulk of the values, and the limits."""
    marks = [] if limits is None else limits.marks
    low = min([float(np.percentile(values, 100 - _FAR)), *marks])
    high = max([float(np.percentile(values, _FAR)), *marks])
    if are_counts and high - low < _N_BINS / 4:  # each in a bin around it, not beyond a limit
        return np.arange(np.floor(low) - 1.125, np.ceil(high) + 1.25, 0.25)
    low = 0.0 if 0 <= low < high / 2 else low
    margin = 0.08 * (high - low) or max(abs(high), 1.0) / 2
    return np.linspace(low if low == 0 else low - margin, high + margin, _N_BINS + 1)


def _draw_limits(axes: Axes, limits: Limits) -> None:
    for value in limits.marks:
        axes.axvline(value, color="black", lw=1.2, ls=(0, (4, 2)))
    left, right = axes.get_xlim()
    for start, end in ((left, min(limits.least, right)), (max(limits.most, left), right)):
        if end > start:
            axes.axvspan(start, end, color="0.88", zorder=0, lw=0)
