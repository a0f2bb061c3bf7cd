"""The demo's hints are commands that work when they are pasted."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path

import pytest

from dispatch_assets.cli import main
from dispatch_assets_tests import demo, demo_sorting
from dispatch_assets_tests.defs.lab import write_data
from dispatch_assets_tests.samples.ground_truth import write_known_session


def test_hints_work_when_pasted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    write_data(demo.DATA)
    demo._say_what_next()
    hints = [shlex.split(x) for x in capsys.readouterr().out.splitlines() if x.startswith("  ")]
    commands = [x[1:] for x in hints if x[0].endswith("dispatch-assets")]
    assert [x[0] for x in commands] == ["plan", "materialize"] * 2
    for command in commands[:2]:  # the others are about /path/to/data
        assert main(command) == 0
    assert (tmp_path / demo.STORE / "sorting_jobs").is_dir()
    assert "--store" in commands[3]
    (ui,) = [x for x in hints if x[0].startswith("DISPATCH_DATA=")]
    assert ui == ["DISPATCH_DATA=/path/to/data", "DISPATCH_STORE=/path/to/store", "make", "dev"]


def test_the_known_session_is_written_without_warnings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    from spikeinterface.core import load

    short = functools.partial(write_known_session, seconds=1.0)
    monkeypatch.setattr(demo_sorting, "write_known_session", short)
    demo_sorting.write_session(tmp_path / "data", tmp_path / "truth")
    assert [str(w.message) for w in recwarn if issubclass(w.category, UserWarning)] == []
    groups = sorted(p.name for p in (tmp_path / "truth").iterdir())
    assert groups == ["0", "1"]
    assert all(load(tmp_path / "truth" / g).get_num_units() == 6 for g in groups)
