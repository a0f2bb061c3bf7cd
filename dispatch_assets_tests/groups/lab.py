"""SpikeGLX runs of several days, and the group that is made of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets.dispatch import Report
from dispatch_assets.models import InventoryEntry, SortingJob
from dispatch_assets.naming import group_session
from dispatch_assets_tests.outcome import dispatched
from dispatch_assets_tests.samples import SAVED, spikeglx

AP = "block0_imec0.ap_recording1"
DAY1, DAY2 = f"day1~~{AP}", f"day2~~{AP}"
BOTH = {"week": [DAY1, DAY2]}
KEY = "group~2fweek~~group-week_imec0.ap_recording"


def day(data: Path, name: str, *, kind: str = "NP1", gate: int = 0, **about: Any) -> None:
    about = {"seconds": 0.1, "saved": SAVED, "lf": False, "nidq": False, **about}
    spikeglx.write_run(data / name, name, {"imec0": kind}, gate=gate, seed=gate, **about)


def group_of(report: Report, name: str = "week") -> InventoryEntry:
    (entry,) = [e for e in report.entries if e.session_name == group_session(name)]
    return entry


def grouped(data: Path, groups: dict[str, list[str]], **params: Any) -> SortingJob:
    """Dispatch and return the job of the only group."""
    _, jobs = dispatched(data, multi_session=True, groups=groups, **params)
    (job,) = [j for j in jobs.values() if j.concatenated is not None]
    return job
