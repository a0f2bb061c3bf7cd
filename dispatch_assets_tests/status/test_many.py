"""What it costs to look at a large fleet, and a store that is no folder."""

from __future__ import annotations

import time
from pathlib import Path

from dispatch_assets.models import dump_json
from dispatch_assets.naming import file_stem
from dispatch_assets.shards import Shards
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets.status.page import render
from dispatch_assets_tests.test_shards import inventory

N = 2000
MOST_CPU_S_A_SESSION = 3e-3  # measured: 0.3 ms without results


def test_two_thousand_sessions(tmp_path: Path) -> None:
    folder, jobs = tmp_path / "session_inventory", tmp_path / "sorting_jobs"
    folder.mkdir()
    jobs.mkdir()
    long = "x" * 40_000  # a job of a Neuropixels probe
    for i in range(N):
        found = inventory(f"mouse{i:05d}", "imec0", "imec1")
        stem = file_stem(found.session.name)
        (folder / f"{stem}.json").write_text(dump_json(found.model_dump(mode="json")))
        job = {"recording_dict": long, "fingerprint": "f", "parameters_hash": "p", "versions": {}}
        job |= {"parameters_hash": "q"} if i == 7 else {}
        for entry in found.jobs:
            (jobs / f"job_{entry.job_key}.json").write_text(dump_json(job))
    before = time.process_time()
    fleet = fleet_status(str(tmp_path))
    spent_s = time.process_time() - before
    assert fleet.n_recordings == {"out of date": 2, "dispatched": 2 * N - 2}
    assert spent_s < N * MOST_CPU_S_A_SESSION
    before = time.process_time()
    page = render(fleet, tmp_path)
    assert time.process_time() - before < N * MOST_CPU_S_A_SESSION
    assert len(page) < 500 * 2 * N


def test_a_store_at_a_url() -> None:
    store = "memory://status-of-a-fleet"
    Shards(store).write(inventory("alpha", "imec0"))
    fleet = fleet_status(store)
    assert fleet.n_recordings == {"no job": 1}
    assert (fleet.results, fleet.exit_status) == ("", 0)
