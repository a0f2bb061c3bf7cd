"""Units as rows of a table, and their numbers in a line."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from dispatch_assets.sorting.report.canvas import MISSING
from dispatch_assets.sorting.report.findings import Unit
from dispatch_assets.sorting.report.histograms import Limits

_TITLES = {
    "snr": "SNR",
    "rp_contamination": "contamination",
    "isi_violations_ratio": "ISI violations",
    "presence_ratio": "presence",
    "sliding_rp_violation": "sliding RP",
}
_ALWAYS = ("snr", "rp_contamination", "isi_violations_ratio", "presence_ratio", "amplitude_cutoff")


@dataclass(frozen=True)
class Cell:
    """A value: as a reader sees it, as a program sorts it, and the limit that it is beyond."""

    text: str
    value: str
    beyond: bool = False
    limit: str = ""
    is_text: bool = False


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes
    ----------
    name, about
        Its name as people say it, and what it means.
    cell
        Makes a unit's cell.
    is_text
        Whether words stand in it.
    """

    name: str
    about: str
    cell: Callable[[Unit], Cell]
    is_text: bool = False


def number(value: float, digits: int = 3) -> str:
    """Return a number for people; a dash if there is none."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 10**digits else f"{value:.{digits}g}"


def columns(units: list[Unit], limits: Mapping[str, Limits], n_shanks: int) -> list[Column]:
    """Return the columns that follow a unit's name and label."""
    found = [_words("shank", "", lambda u: u.shank)] if n_shanks > 1 else []
    found += [
        _number("along (µm)", "place along the probe", lambda u: round(u.location_um[1])),
        Column("spikes", "", lambda u: Cell(f"{u.n_spikes:,}", str(u.n_spikes))),
        _number("rate (1/s)", "spikes per second of recording", lambda u: u.rate_hz),
        _number("amplitude (µV)", "largest peak of the mean waveform", lambda u: u.amplitude_uv),
    ]
    known = {name for unit in units for name in unit.metrics}
    of_good = (name for name, x in limits.items() if x.beyond != "noise")
    shown = [name for name in dict.fromkeys([*_ALWAYS, *of_good]) if name in known]
    found += [_metric(name, limits.get(name)) for name in shown]
    if any(unit.bombcell for unit in units):
        found.append(_words("Bombcell", "its label by Bombcell", lambda u: u.bombcell))
    why = "metrics that are beyond their limits"
    return [*found, _words("not good because", why, lambda u: ", ".join(_spoken(u.failed)))]


def _words(name: str, about: str, get: Callable[[Unit], str]) -> Column:
    return Column(name, about, lambda u: Cell(get(u), get(u), is_text=True), is_text=True)


def _number(name: str, about: str, get: Callable[[Unit], float]) -> Column:
    return Column(name, about, lambda u: Cell(number(get(u)), _sortable(get(u))))


def _metric(name: str, limits: Limits | None) -> Column:
    about = f"{name} {limits}, else {limits.beyond}" if limits is not None else name

    def cell(unit: Unit) -> Cell:
        value = unit.metrics.get(name, math.nan)
        limit = str(limits) if limits is not None else ""
        return Cell(number(value), _sortable(value), name in unit.failed, limit)

    return Column(_TITLES.get(name, name.replace("_", " ")), about, cell)


def _spoken(names: Iterable[str]) -> list[str]:
    return [name.replace("_", " ") for name in names]


def in_a_line(unit: Unit, n_shanks: int) -> str:
    """Return what stands beside a unit's name in the gallery."""
    said = [
        f"{number(unit.rate_hz)} spikes/s ({unit.n_spikes:,} spikes)",
        f"{number(unit.amplitude_uv)} µV",
    ]
    for name, words in (("snr", "SNR"), ("rp_contamination", "contamination")):
        if name in unit.metrics:
            said.append(f"{words} {number(unit.metrics[name])}")
    if "rp_violations" in unit.metrics:
        said.append(f"{number(unit.metrics['rp_violations'])} refractory violations")
    where = f"{unit.shank}, " if n_shanks > 1 else ""
    said.append(f"{where}{unit.location_um[1]:.0f} µm along the probe")
    if unit.failed:
        said.append(f"beyond limits: {', '.join(_spoken(unit.failed))}")
    return " · ".join(said)


def _sortable(value: float) -> str:
    return repr(float(value)) if math.isfinite(value) else ""
