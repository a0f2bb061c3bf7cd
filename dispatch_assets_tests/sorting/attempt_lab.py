"""Results of attempts made by hand, and what they leave behind."""

from __future__ import annotations

from pathlib import Path

from dispatch_assets.sorting.attempt import (
    attempt_folder,
    publish,
)
from dispatch_assets.sorting.results import StepFailure, StepResult

STEP = "units"


def result(attempt: str, step: str = STEP) -> StepResult:
    return StepResult(
        step=step,
        attempt=attempt,
        job_key="s~~r",
        session_name="s",
        recording_name="r",
        fingerprint="f",
        inputs_hash="h",
        follows_from={},
        seed=0,
        parameters={},
        versions={},
        started_at="",
        finished_at="",
        cpu_s=0.0,
        peak_rss_mb=0.0,
        n_jobs=1,
    )


def failure(attempt: str) -> StepFailure:
    return StepFailure(
        step=STEP, attempt=attempt, job_key="s~~r", failed_at="", refused=False, message="no"
    )


def make(results: Path, attempt: str, payload: str = "") -> Path:
    with attempt_folder(results, STEP, attempt) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "payload").write_text(payload or attempt)
        return publish(folder, result(attempt))


def payload(results: Path) -> str:
    return (results / STEP / "deep" / "payload").read_text()


def leftovers(results: Path) -> list[str]:
    return sorted(p.name for p in results.iterdir() if p.is_dir() and p.name.startswith("."))
