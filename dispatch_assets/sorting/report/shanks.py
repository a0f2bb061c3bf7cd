"""One shank at a glance: probe with units, drift raster, amplitudes; and all of them, small."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dispatch_assets.errors import count
from dispatch_assets.sorting.report.canvas import LabelStyle, Picture, new_figure, picture_of
from dispatch_assets.sorting.report.probe import draw_probe
from dispatch_assets.sorting.report.raster import draw_amplitudes, draw_raster

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    from dispatch_assets.sorting.report.findings import Findings, Shank, Unit

MOST_SPIKES = 30_000
_WIDTH_PX, _HEIGHT_PX = 1060, 400
_OVERVIEW_WIDTH_PX, _OVERVIEW_DPI = 900, 100
_OVERVIEW_SPIKES, _OVERVIEW_ROWS = 8_000, 4
_ROW_PX, _HEAD_PX = 190, 48
_TITLE_LENGTH = 110  # characters that fit into the overview's width


class Shanks:
    """Draws shanks.

    Parameters
    ----------
    findings
        What was found.
    styles
        Looks of labels.
    seed
        Seed of the choice of spikes that are shown.
    """

    def __init__(self, findings: Findings, styles: dict[str, LabelStyle], seed: int) -> None:
        self._findings, self._styles, self._seed = findings, styles, seed

    def picture(self, shank: Shank) -> Picture:
        """Draw a shank: probe with units, drift raster, amplitude histogram."""
        figure = new_figure(_WIDTH_PX, _HEIGHT_PX)
        units = self._findings.on(shank)
        self._draw(figure, shank, (0.12, 0.92), small=False)
        if keys := self._keys(units):
            figure.legend(handles=keys, loc="upper right", bbox_to_anchor=(1, 1), ncols=len(keys))
        n_spikes = count(sum(u.n_spikes for u in units), "spike")
        alt = (
            f"{shank.name}: contacts with {count(len(units), 'unit')} at their places, "
            f"a drift raster of {n_spikes}, and a histogram of spike amplitudes"
        )
        return picture_of(figure, alt)

    def overview(self, title: str) -> Picture:
        """Draw the shanks with most units below each other, small enough for a thumbnail."""
        shanks = self._findings.shanks
        busiest = sorted(shanks, key=lambda s: -len(self._findings.on(s)))[:_OVERVIEW_ROWS]
        shown = [s for s in shanks if s in busiest]
        height_px = _HEAD_PX + _ROW_PX * len(shown)
        figure = new_figure(_OVERVIEW_WIDTH_PX, height_px)
        self._write_head(figure, title, len(shown), height_px)
        for i, shank in enumerate(shown):
            top = height_px - _HEAD_PX - i * _ROW_PX
            rows = ((top - _ROW_PX + 42) / height_px, (top - 18) / height_px)
            self._draw(figure, shank, rows, small=True)
        alt = f"Overview of {title}: {counts_by_label(self._findings.units, self._styles)}"
        return picture_of(figure, alt, _OVERVIEW_DPI)

    def _write_head(self, figure: Figure, title: str, n_shown: int, height_px: int) -> None:
        line = " ".join(title.split())
        if len(line) > _TITLE_LENGTH:
            line = f"{line[: _TITLE_LENGTH - 1]}…"
        figure.text(0.012, 1 - 18 / height_px, line, fontsize=10, weight="bold")
        units, n_shanks = self._findings.units, len(self._findings.shanks)
        said = count(len(units), "unit") if units else "no units"
        if n_shown < n_shanks:
            said += f"; {n_shown} of {n_shanks} shanks are shown"
        figure.text(0.012, 1 - 36 / height_px, said, fontsize=9)
        if keys := self._keys(units):
            place = (0.995, 1 - 20 / height_px)
            figure.legend(
                handles=keys, loc="upper right", bbox_to_anchor=place, ncols=len(keys), fontsize=9
            )

    def _draw(self, figure: Figure, shank: Shank, rows: tuple[float, float], small: bool) -> None:
        """Draw a shank into a part of a figure, from the lower of `rows` to the upper one."""
        low, height = rows[0], rows[1] - rows[0]
        lefts_and_widths = ((0.06, 0.10), (0.18, 0.46), (0.645, 0.008), (0.765, 0.225))
        probe, raster, bar, sizes = (
            figure.add_axes((left, low, width, height)) for left, width in lefts_and_widths
        )
        draw_probe(probe, shank, self._findings.on(shank), self._styles, names=not small)
        n_spikes = _OVERVIEW_SPIKES if small else MOST_SPIKES
        drawn = draw_raster(raster, self._findings, shank, n_spikes, self._seed)
        raster.tick_params(labelleft=False)
        if drawn is None:
            bar.set_axis_off()
        else:
            figure.colorbar(drawn, cax=bar).set_label("spike amplitude (µV)")
        draw_amplitudes(sizes, self._findings, shank, self._styles)
        if small and len(self._findings.shanks) > 1:
            raster.set_title(shank.name, loc="left", pad=2)

    def _keys(self, units: Iterable[Unit]) -> list[Line2D]:
        """Return what a legend says about the labels of some units."""
        from matplotlib.lines import Line2D

        n = Counter(u.label for u in units)
        return [
            Line2D(
                [], [], color=s.colour, marker=s.marker, ls=s.dashes, lw=1.2, label=f"{n[x]:,} {x}"
            )
            for x, s in self._styles.items()
            if n[x]
        ]


def counts_by_label(units: Iterable[Unit], styles: Iterable[str]) -> str:
    """Return how many units have which label, as words in the order of `styles`."""
    n = Counter(u.label for u in units)
    return ", ".join(f"{n[label]:,} {label}" for label in styles if n[label]) or "no units"
