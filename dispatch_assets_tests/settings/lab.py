"""Sessions with settings of their own, and what is planned for them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dispatch_assets.discovery import discover
from dispatch_assets.dispatch import Report
from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets_tests.outcome import dispatched

INTAN = {
    "input": "spikeinterface",
    "spikeinterface_info": {"reader_type": "intan", "reader_kwargs": {"file_path": "a.rhd"}},
    "streams": {"keep": ["amplifier"]},
    "probe_paths": "probe.json",
}


def say(folder: Path, values: object, name: str = "dispatch.json") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return file


def inventories(data: Path, **params: Any) -> dict[str, Inventory]:
    parsed = DispatchParams(**params)
    sessions = discover(data, parsed).sessions
    return {s.name: plan_session(s, parsed).inventory for s in sessions}


def told(report: Report, session: str) -> list[tuple[str, str, str]]:
    entries = [e for e in report.entries if e.session_name == session]
    return [(e.status, e.stream, str(e.reason or "")) for e in entries]


def jobs(data: Path, **params: Any) -> dict[str, SortingJob]:
    return {j.job_key: j for j in dispatched(data, multi_session=True, **params)[1].values()}
