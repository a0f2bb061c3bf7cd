"""What people see in the Dagster UI about a step of the sorting chain."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from dispatch_assets.defs.metadata import Metadata, table
from dispatch_assets.sorting.results import StepFailure, StepResult

OVERVIEW = "overview"
MAX_PICTURE_BYTES = 300_000  # it is stored with its event
MAX_TRACE_CHARACTERS = 20_000


def step_metadata(result: StepResult, folder: Path) -> Metadata:
    """Return a result as people see it: its facts first, then picture, tables and files."""
    shown: Metadata = {}
    if picture := _picture(result, folder):
        shown[OVERVIEW] = picture
    shown |= {name: _scalar(value) for name, value in result.facts.items()}
    for title, rows in result.tables.items():
        shown[title] = table(rows, list(rows[0]) if rows else ["none"])
    for title, name in {**result.figures, **result.files}.items():
        shown[f"{title} (file)"] = dg.MetadataValue.path(str(folder / name))
    if result.warnings:
        shown["warnings"] = dg.MetadataValue.md("\n".join(f"- {w}" for w in result.warnings))
    return {
        **shown,
        "CPU time (s)": dg.MetadataValue.float(result.cpu_s),
        "peak memory (MB)": dg.MetadataValue.float(result.peak_rss_mb),
        "seed": dg.MetadataValue.int(result.seed),
        "parameters": dg.MetadataValue.json(result.parameters),
        "versions": dg.MetadataValue.json(result.versions),
        "results": dg.MetadataValue.path(str(folder)),
    }


def _scalar(value: str | float | bool | None) -> dg.MetadataValue:
    if value is None:
        return dg.MetadataValue.text("none")
    if isinstance(value, bool):
        return dg.MetadataValue.bool(value)
    if isinstance(value, int):
        return dg.MetadataValue.int(value)
    return (
        dg.MetadataValue.float(value) if isinstance(value, float) else dg.MetadataValue.text(value)
    )


def _picture(result: StepResult, folder: Path) -> dg.MetadataValue | None:
    """Return the overview as a picture in the page itself: the UI serves no files."""
    name = result.figures.get(OVERVIEW)
    if name is None or (folder / name).stat().st_size > MAX_PICTURE_BYTES:
        return None
    data = base64.b64encode((folder / name).read_bytes()).decode()
    return dg.MetadataValue.md(f"![{OVERVIEW}](data:image/png;base64,{data})")


def failure_metadata(failure: StepFailure, folder: Path) -> Metadata:
    """Return why a step failed."""
    shown: Metadata = {
        "step": dg.MetadataValue.text(failure.step),
        "results": dg.MetadataValue.path(str(folder)),
    }
    if failure.reason:
        shown["reason"] = dg.MetadataValue.text(failure.reason)
    if failure.trace:
        trace = failure.trace[-MAX_TRACE_CHARACTERS:]
        shown["trace"] = dg.MetadataValue.md(f"```\n{trace}\n```")
    return shown


def check_result(step: str, results: Sequence[StepResult]) -> dg.AssetCheckResult:
    """Return what a step verified about its results, of one recording or several, as a verdict."""
    checks = [(result.job_key, check) for result in results for check in result.checks]
    failed = [check for _, check in checks if not check.passed]
    severe = any(check.severity == "ERROR" for check in failed)
    columns = ("recording", "check", "passed", "severity", "verdict")
    rows: list[dict[str, str | float | bool | None]] = [
        {
            "recording": key,
            "check": check.name,
            "passed": check.passed,
            "severity": check.severity,
            "verdict": check.message,
        }
        for key, check in checks
    ]
    return dg.AssetCheckResult(
        asset_key=step,
        check_name=check_name(step),
        passed=not failed,
        severity=dg.AssetCheckSeverity.ERROR if severe else dg.AssetCheckSeverity.WARN,
        description=" ".join(check.message for check in failed) or "All as expected.",
        metadata={"checks": table(rows, columns)},
    )


def check_name(step: str) -> str:
    """Return the name of the check of a step."""
    return f"{step}_as_expected"
