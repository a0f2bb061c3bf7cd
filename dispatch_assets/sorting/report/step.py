"""The step ``units_report``: what was found, as pictures and one page for a physiologist."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    UNITS,
    UNITS_REPORT,
    Fact,
    Step,
    StepContext,
    StepOutcome,
)

if TYPE_CHECKING:
    from dispatch_assets.sorting.report.findings import Findings

REPORT, OVERVIEW = "report.html", "overview.png"


def _run(context: StepContext, folder: Path) -> StepOutcome:
    from dispatch_assets.sorting.report.canvas import drawing
    from dispatch_assets.sorting.report.contents import make_contents
    from dispatch_assets.sorting.report.page import render
    from dispatch_assets.sorting.report.reading import read_findings

    findings = read_findings(context.preprocessed(), context.analyzer())
    with drawing():
        contents = make_contents(context, findings)
    page = render(contents.variables)
    (folder / OVERVIEW).write_bytes(contents.overview.png)
    (folder / REPORT).write_text(page, encoding="utf-8")
    return StepOutcome(
        facts=_facts(findings, contents.n_drawn, len(page)),
        figures={"overview": OVERVIEW},
        files={"report": REPORT},
        warnings=contents.warnings,
        versions=_versions(),
    )


def _facts(findings: Findings, n_drawn: int, size: int) -> dict[str, Fact]:
    n = Counter(unit.label for unit in findings.units)
    return {
        "units": len(findings.units),
        **{label: n[label] for label in sorted(n)},
        "units_drawn": n_drawn,
        "shanks": len(findings.shanks),
        "size_mb": round(size / 1e6, 2),
    }


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    return {name: version(name) for name in ("jinja2", "matplotlib", "pillow")}


STEP = Step(
    UNITS_REPORT,
    "pictures of the units and of how they were found, and one page with all of them",
    needs=(PREPROCESSED, SORTING, UNITS),
    sections=(),
    code_version="1",
    run=_run,
)
