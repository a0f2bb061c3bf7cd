"""What stands on the page: pictures and words, by the names that ``report.html.j2`` has for them.

A page has pictures of at most MOST_DRAWN units; every unit is in its table.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dispatch_assets.errors import count
from dispatch_assets.sorting.report.canvas import LabelStyle, Picture, label_styles
from dispatch_assets.sorting.report.findings import Findings, Shank, Unit
from dispatch_assets.sorting.report.gallery import MOST_AMPLITUDES, Gallery
from dispatch_assets.sorting.report.histograms import Limits, histograms_picture, read_limits
from dispatch_assets.sorting.report.shanks import MOST_SPIKES, Shanks, counts_by_label
from dispatch_assets.sorting.report.story import (
    earlier_results,
    labelled_by,
    notes,
    steps,
    summary,
    why_none,
)
from dispatch_assets.sorting.report.traces import Traces
from dispatch_assets.sorting.report.unit_table import columns, in_a_line
from dispatch_assets.sorting.step import StepContext

MOST_DRAWN = 200
_MOST_MOMENTS = 12  # of all shanks together, and 3 of each
_OPEN = ("good", "unlabelled")  # labels whose units are shown without asking


@dataclass(frozen=True)
class Contents:
    """What the step writes.

    Attributes
    ----------
    variables
        The variables of the page's template.
    overview
        All shanks at a glance.
    n_drawn
        How many units have a picture of their own.
    warnings
        What could not be shown.
    """

    variables: dict[str, Any]
    overview: Picture
    n_drawn: int
    warnings: list[str]


def make_contents(context: StepContext, findings: Findings) -> Contents:
    """Draw and describe everything; within `canvas.drawing`."""
    job, results = context.job, earlier_results(context)
    styles = label_styles(u.label for u in findings.units)
    labels, drawn = _labels(findings, styles), _drawn(findings, styles)
    shanks, traces = Shanks(findings, styles, context.params.seed), Traces(context, findings)
    overview = shanks.overview(f"{job.session_name} / {job.recording_name}")
    variables = {
        "session": job.session_name,
        "recording": job.recording_name,
        "summary": summary(job, results, findings),
        "labels": list(labels.values()),
        "why_none": why_none(results),
        "notes": notes(job, results),
        "overview": overview if len(findings.shanks) > 1 else None,
        "shanks": [_shank(findings, shank, styles, shanks, traces) for shank in findings.shanks],
        "most_spikes": f"{MOST_SPIKES:,}",
        "traces_note": traces.note,  # known only after the traces above
        "steps": steps(results, context.results),
    }
    context.log("units_report: shanks are drawn")
    if findings.units:
        limits = read_limits(labelled_by(results))
        variables |= _table(findings, limits, labels, drawn)
        variables |= _gallery(findings, styles, labels, drawn, context)
        variables["histograms"], missing = histograms_picture(findings.units, limits, styles)
        variables["not_computed"] = ", ".join(missing)
    return Contents(variables, overview, len(drawn), [traces.note] if traces.note else [])


def _labels(findings: Findings, styles: Mapping[str, LabelStyle]) -> dict[str, dict[str, Any]]:
    n = Counter(unit.label for unit in findings.units)
    return {
        name: {
            "name": name,
            "n_units": n[name],
            "number": i,
            "symbol": style.symbol,
            "colour": style.colour,
        }
        for i, (name, style) in enumerate(styles.items())
    }


def _shank(
    findings: Findings,
    shank: Shank,
    styles: Mapping[str, LabelStyle],
    shanks: Shanks,
    traces: Traces,
) -> dict[str, Any]:
    n_moments = max(1, min(3, _MOST_MOMENTS // len(findings.shanks)))
    return {
        "name": shank.name,
        "n_channels": count(len(shank.channels), "channel"),
        "said": counts_by_label(findings.on(shank), styles),
        "picture": shanks.picture(shank),
        "traces": traces.picture(shank, n_moments),
    }


def _drawn(findings: Findings, styles: Mapping[str, LabelStyle]) -> list[Unit]:
    """Return the units that have a picture: by label, then from the tip of each shank up."""
    order, shanks = list(styles), [shank.name for shank in findings.shanks]

    def rank(unit: Unit) -> tuple[int, int, float]:
        return order.index(unit.label), shanks.index(unit.shank), unit.location_um[1]

    return sorted(findings.units, key=rank)[:MOST_DRAWN]


def _table(
    findings: Findings,
    limits: Mapping[str, Limits],
    labels: Mapping[str, dict[str, Any]],
    drawn: list[Unit],
) -> dict[str, Any]:
    linked = {u.index for u in drawn}
    shown = columns(findings.units, limits, len(findings.shanks))
    rows = [
        {
            "id": unit.id,
            "anchor": _anchor(unit) if unit.index in linked else "",
            "label": labels[unit.label],
            "cells": [column.cell(unit) for column in shown],
        }
        for unit in findings.units
    ]
    return {"columns": shown, "table": rows}


def _gallery(
    findings: Findings,
    styles: dict[str, LabelStyle],
    labels: Mapping[str, dict[str, Any]],
    drawn: list[Unit],
    context: StepContext,
) -> dict[str, Any]:
    gallery = Gallery(findings, styles, context.params.seed)
    groups = []
    for name, label in labels.items():
        units = [unit for unit in drawn if unit.label == name]
        n = label["n_units"]
        said = count(n, "unit") if len(units) == n else f"{len(units)} of {count(n, 'unit')}"
        cards = [
            {
                "anchor": _anchor(unit),
                "id": unit.id,
                "numbers": in_a_line(unit, len(findings.shanks)),
                "picture": gallery.picture(unit),
            }
            for unit in units
        ]
        groups.append({"label": label, "said": said, "cards": cards, "open": name in _OPEN})
        context.log(f"units_report: {said} labelled {name} drawn")
    return {
        "gallery": groups,
        "refractory_ms": f"{gallery.refractory_ms:g}",
        "most_amplitudes": MOST_AMPLITUDES,
    }


def _anchor(unit: Unit) -> str:
    return f"unit-{unit.index}"
