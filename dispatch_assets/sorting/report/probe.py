"""A shank's contacts with its units, each at its place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.sorting.report.canvas import LabelStyle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from dispatch_assets.sorting.report.findings import Shank, Unit

_MARGIN_UM = 25.0
_MOST_NAMES = 16


def draw_probe(
    axes: Axes, shank: Shank, units: list[Unit], styles: dict[str, LabelStyle], *, names: bool
) -> None:
    """Draw contacts as grey squares and units in the colours and shapes of their labels.

    Parameters
    ----------
    axes
        Where to draw; its limits become those of the shank.
    shank
        The shank.
    units
        Its units.
    styles
        Looks of their labels.
    names
        Whether to write the units' names, where there are few.
    """
    x, y = shank.locations_um.T
    axes.plot(x, y, "s", ms=2.5, color="0.8", mec="0.6", mew=0.3)
    axes.set_xlim(x.min() - _MARGIN_UM, x.max() + _MARGIN_UM)
    axes.set_ylim(*depth_limits(shank))
    for label, style in styles.items():
        here = [_within(axes, u) for u in units if u.label == label]
        if here:
            across, along = zip(*here, strict=True)
            axes.plot(
                across, along, style.marker, ms=5, color=style.colour, mec="white", mew=0.5, ls=""
            )
    if names and len(units) <= _MOST_NAMES:
        for unit in units:
            axes.annotate(
                unit.id,
                _within(axes, unit),
                xytext=(4, 0),
                textcoords="offset points",
                va="center",
                fontsize=6,
            )
    axes.set_xticks(sorted({float(x.min()), float(x.max())}))
    axes.set_xlabel("across (µm)")
    axes.set_ylabel("along the probe (µm)")


def depth_limits(shank: Shank) -> tuple[float, float]:
    """Return the range of positions along the probe that a panel shows, in µm."""
    along = shank.locations_um[:, 1]
    return float(along.min() - _MARGIN_UM), float(along.max() + _MARGIN_UM)


def _within(axes: Axes, unit: Unit) -> tuple[float, float]:
    """Return where a unit is drawn: at the border if its estimated place is beyond it."""
    across, along = (np.asarray(limits) for limits in (axes.get_xlim(), axes.get_ylim()))
    return float(np.clip(unit.location_um[0], *across)), float(np.clip(unit.location_um[1], *along))
