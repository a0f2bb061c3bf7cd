"""What earlier steps say about their results, as a page shows it."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

from dispatch_assets.errors import StoreError, count
from dispatch_assets.models import SortingJob
from dispatch_assets.sorting.params import CurationParams
from dispatch_assets.sorting.report.canvas import Picture, picture_in
from dispatch_assets.sorting.report.findings import Findings
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import PREPROCESSED, SORTING, UNITS, Fact, StepContext
from dispatch_assets.sorting.units.step import DROPPED, MERGES

_MOST_ROWS = 60
_MOST_BYTES = 3_000_000
Rows = list[dict[str, Fact]]


def earlier_results(context: StepContext) -> list[StepResult]:
    """Return the results that the report is about, in the order in which they were made."""
    return [context.result_of(step) for step in (PREPROCESSED, SORTING, UNITS)]


def labelled_by(results: list[StepResult]) -> CurationParams:
    """Return the parameters that the units were labelled by."""
    units = next(r for r in results if r.step == UNITS)
    return CurationParams.model_validate(units.parameters["curation"])


def summary(
    job: SortingJob, results: list[StepResult], findings: Findings
) -> list[tuple[str, str]]:
    """Return what the head of the page says, as names and values."""
    recording = findings.recording
    n_segments, n_channels = recording.get_num_segments(), recording.get_num_channels()
    of_raw = f" of {job.n_channels} recorded" if n_channels != job.n_channels else ""
    pieces = f" in {n_segments} segments" if n_segments > 1 else ""
    rate_khz = recording.sampling_frequency / 1000
    return [
        ("Probe", ", ".join(job.probe_names) or "without a name"),
        ("Channels", f"{n_channels}{of_raw}"),
        ("Duration", f"{_duration(recording.get_total_duration())}{pieces}"),
        ("Sampling", f"{rate_khz:g} kHz"),
        ("Clock", job.timestamps.message),
        ("Sorter", _sorter(results)),
        ("Spikes", f"{len(findings.spikes.sample):,}"),
    ]


def notes(job: SortingJob, results: list[StepResult]) -> list[tuple[str, str]]:
    """Return what a person should know before using the units: failed checks, then warnings."""
    failed = [(r.step, check.message) for r in results for check in r.checks if not check.passed]
    warned = [(r.step, warning) for r in results for warning in r.warnings]
    return [*failed, *(("recording", warning) for warning in job.warnings), *warned]


def why_none(results: list[StepResult]) -> str:
    """Return why there are no units, in words."""
    units = next(r for r in results if r.step == UNITS)
    dropped = [
        f"{n} {name.removeprefix('dropped_').replace('_', ' ')}"
        for name, n in units.facts.items()
        if n and name.startswith("dropped_")
    ]
    if dropped:
        return f"None of the units that the sorter found was kept: {', '.join(dropped)}."
    return "The sorter found no units in this recording."


def steps(results: list[StepResult], folder: Path) -> list[dict[str, Any]]:
    """Return what a page says about each step.

    Parameters
    ----------
    results
        The steps' results.
    folder
        The folder that their folders are in.
    """
    return [_step(result, folder) for result in results]


def _step(result: StepResult, folder: Path) -> dict[str, Any]:
    own = folder / result.step
    tables = [(name, rows) for name, rows in result.tables.items() if rows]
    pictures, large = _pictures(result, own)
    if result.step == UNITS:
        tables = [("left out", left_out(own)), ("proposed merges, none applied", merges(own))]
        tables += [(name, rows) for name, rows in result.tables.items() if name != "Units"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(result.versions.items()))
    return {
        "name": result.step,
        "open": result.step == UNITS,
        "facts": result.facts,
        "checks": result.checks,
        "tables": [(name, rows) for name, rows in tables if 0 < len(rows) <= _MOST_ROWS],
        "left_out": [
            *((name, count(len(rows), "row")) for name, rows in tables if len(rows) > _MOST_ROWS),
            *((name, "a picture of several MB") for name in large),
        ],
        "figures": pictures,
        "made": f"Seed {result.seed}. {versions}. Fingerprint of the raw files: "
        f"{result.fingerprint}.",
    }


def _pictures(result: StepResult, folder: Path) -> tuple[list[Picture], list[str]]:
    """Return the pictures of a step, and the titles of those that are too large for a page."""
    found, large = [], []
    for title, path in result.figures.items():
        try:
            png = (folder / path).read_bytes()
        except OSError as e:
            what = f"its picture {title!r} cannot be read ({e.strerror or e})"
            raise StoreError(what, folder / path, f"Run the step `{result.step}` again") from e
        if len(png) > _MOST_BYTES:
            large.append(title)
        else:
            found.append(picture_in(png, f"{result.step}: {title}"))
    return found, large


def left_out(folder: Path) -> Rows:
    """Return the units that the step ``units`` left out, and why."""
    file = folder / DROPPED
    if not file.exists():
        return []
    with file.open(encoding="utf-8", newline="") as f:
        rows = list(csv.DictReader(f))
    return [{**row, "reason": row["reason"].replace("_", " ")} for row in rows]


def merges(folder: Path) -> Rows:
    """Return the merges that the step ``units`` proposed, and what speaks for them."""
    file = folder / MERGES
    if not file.exists():
        return []
    proposals = json.loads(file.read_text(encoding="utf-8"))["proposals"]
    scores = list(dict.fromkeys(name for p in proposals for name in p["scores"]))
    return [
        {
            "units": " + ".join(str(unit) for unit in p["units"]),
            "proposed by": ", ".join(p["presets"]),
            **{name.replace("_", " "): p["scores"].get(name) for name in scores},
        }
        for p in proposals
    ]


def _sorter(results: list[StepResult]) -> str:
    """Return name and version of the sorter, as far as its step tells."""
    sorting = next(r for r in results if r.step == SORTING)
    section = sorting.parameters.get("spikesorting")
    named = section.get("sorter") if isinstance(section, dict) else None
    name = sorting.facts.get("sorter") or named or "unknown"
    return f"{name} {sorting.facts.get('sorter_version') or ''}".strip()


def _duration(seconds: float) -> str:
    minutes = f" ({seconds / 60:.1f} min)" if seconds >= 120 else ""
    return f"{seconds:,.1f} s{minutes}"
