from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import sensor_tick


def test_the_script_prints_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "costs.json"
    assert sensor_tick.main(["--folders", "2", "110", "--json", str(file)]) == 0
    about, head, *lines = capsys.readouterr().out.splitlines()
    assert "dispatch_assets 0." in about
    assert len({len(line) for line in (head, *lines)}) == 1
    costs = json.loads(file.read_text())
    assert [(c["n_folders"], c["n_files"]) for c in costs] == [(2, 16), (110, 880)]
    assert {c["cursor_bytes"] for c in costs} == {len('{"version":1,"pending":{}}')}
    assert all(0 < c["at_rest_s"] <= sensor_tick.LIMIT_CPU_S for c in costs)
    assert costs[0]["index_bytes"] < costs[1]["index_bytes"]


def test_a_tick_above_the_limit_sets_the_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor_tick, "LIMIT_CPU_S", 0.0)
    assert sensor_tick.main(["--folders", "1"]) == 1
