"""Kill -9 at random moments, a few times; `rig.kills` does it a hundred times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dispatch_assets_tests.rig.kills import COMMAND, Lab, trial


@pytest.mark.slow
def test_command_line_that_is_killed_now_and_then(tmp_path: Path) -> None:
    lab = trial(tmp_path, n_kills=2, seed=1, targets=[COMMAND], say=lambda _: None)
    assert lab.killed == {COMMAND: 2}


def test_half_written_file_would_be_noticed(tmp_path: Path) -> None:
    """The check that the trial rests on fails where it should."""
    lab = Lab(tmp_path, seed=0)
    torn = lab.daemon.store / "sorting_jobs" / "job_a.json"
    torn.parent.mkdir(parents=True)
    torn.write_text('{"session_name": "a"')
    with pytest.raises(json.JSONDecodeError):
        lab.check_files()
    torn.write_text("{}")
    with pytest.raises(ValueError, match="session_name"):
        lab.check_files()
