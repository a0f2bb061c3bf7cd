from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import dispatch_cost
from benchmarks.dispatch_cost import Case
from benchmarks.measure import Usage
from benchmarks.table import Jobs, Row, line

GOOD = Usage(status=0, cpu_s=2.0, peak_mb=100.0, wall_s=2.0, said="1 job")
BROKEN = Usage(status=1, cpu_s=0.1, peak_mb=20.0, wall_s=0.1, said="no module")


def test_the_script_prints_a_table_and_keeps_the_limit(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.dispatch_cost", "--work", str(tmp_path / "work")]
    command += ["--minutes", "0.05", "--formats", "openephys", "--sessions", "2"]
    command += ["--json", str(tmp_path / "rows.json"), "--limit-mb", "100"]
    done = subprocess.run(
        command, cwd=dispatch_cost.REPOSITORY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    about, head, *lines = done.stdout.splitlines()
    assert "spikeinterface 0." in about
    assert len({len(text) for text in (head, *lines)}) == 1
    cells = {text[:24].strip(): text[24:].split() for text in lines}
    assert list(cells) == [
        "dispatch-assets --help",
        "imports alone",
        "openephys, 0.05 min",
        "openephys, 2 sessions",
    ]
    assert float(cells["dispatch-assets --help"][0]) < 0.3
    assert cells["openephys, 0.05 min"][-1] == "kept"
    assert cells["openephys, 2 sessions"][3] == "2"
    rows = json.loads((tmp_path / "rows.json").read_text())["rows"]
    assert [row["case"] for row in rows] == list(cells)


def test_a_row_above_the_limit_or_failed_sets_the_exit_status(
    capsys: pytest.CaptureFixture[str],
) -> None:
    low, high = Row("low", GOOD, above_imports_mb=99.0), Row("high", GOOD, above_imports_mb=101.0)
    assert dispatch_cost.verdict([low], 100.0) == 0
    assert dispatch_cost.verdict([low, high], None) == 0
    assert dispatch_cost.verdict([low, high], 100.0) == 1
    assert dispatch_cost.verdict([Row("broken", BROKEN)], None) == 1
    assert "high: 101 MB above the imports" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("theirs", "n_jobs", "printed"),
    [
        (GOOD, 1, ["2.00", "100", "1.00", "1.00"]),
        (BROKEN, 1, ["failed", "failed", "-", "-"]),
        (GOOD, 0, ["failed", "failed", "-", "-"]),
    ],
)
def test_another_dispatcher_that_fails_is_not_called_fast(
    theirs: Usage, n_jobs: int, printed: list[str]
) -> None:
    row = Row("case", GOOD, Jobs(1, 1000, "kept"), 20.0, theirs, n_jobs)
    assert line(row, against=True).split()[-4:] == printed


def test_another_dispatcher_gets_fresh_folders_beside_the_data(tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text(
        "import pathlib, sys\n"
        "data, results = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[3])\n"
        "assert sys.argv[4:] == ['--input', 'spikeglx'] and not list(results.iterdir())\n"
        "assert pathlib.Path('../data').resolve() == data.resolve()\n"
        "(results / 'job_1.json').write_text('{}')\n"
    )
    (tmp_path / "case" / "data").mkdir(parents=True)
    (tmp_path / "case" / "code").mkdir()
    command = shlex.join([sys.executable, str(other)])
    usage, n_jobs = dispatch_cost.run_other(command, Case("spikeglx"), tmp_path / "case", 1)
    assert (usage.status, n_jobs) == (0, 1), usage.said


def test_the_fleet_script_prints_a_row_for_each_case() -> None:
    command = [sys.executable, "-m", "benchmarks.fleet_cost", "--sessions", "2"]
    done = subprocess.run(
        [*command, "--partitions", "10"],
        cwd=dispatch_cost.REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    _, head, *lines = done.stdout.splitlines()
    assert [text[:38].strip() for text in lines] == [
        "first inventory, 2 sessions",
        "inventory again, 2 sessions",
        "register 10 partitions",
        "register one more of 10 partitions",
    ]
    assert len({len(text) for text in (head, *lines)}) == 1
