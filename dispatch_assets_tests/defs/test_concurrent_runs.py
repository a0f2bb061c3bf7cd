"""Two recordings at a time: the threads that want a core are no more than there are cores."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import psutil
import pytest

from dispatch_assets.defs.sorting_resources import Compute
from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams
from dispatch_assets.sorting.chain import results_of
from dispatch_assets.sorting.step import PREPROCESSED
from dispatch_assets_tests.sorting.lab import write_known

PARAMS = '{"preprocessing": {"min_preprocessing_duration": 1}}'
N_RUNS = 2
INTERVAL_S = 0.02


def running_threads(process: psutil.Process) -> int:
    """Count the threads of a process and its children that run or wait for a core."""
    try:
        tree = [process, *process.children(recursive=True)]
        states = [
            task.read_text().rpartition(")")[2].split()[0]
            for p in tree
            for task in Path(f"/proc/{p.pid}/task").glob("*/stat")
        ]
    except (psutil.NoSuchProcess, OSError):  # it ended while it was looked at
        return 0
    return states.count("R")


def watch(commands: Sequence[Sequence[str]]) -> list[int]:
    """Run commands at the same time; return how many threads wanted a core, over time."""
    started = [psutil.Popen(c, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) for c in commands]
    wanted = []
    while any(p.poll() is None for p in started):
        wanted.append(sum(running_threads(p) for p in started))
        time.sleep(INTERVAL_S)
    for process in started:
        _, said = process.communicate()
        assert process.returncode == 0, said.decode()
    return wanted


@pytest.mark.skipif(sys.platform != "linux", reason="threads are counted in /proc")
def test_two_runs_want_no_more_cores_than_there_are(tmp_path: Path) -> None:
    names = [f"s{i}" for i in range(N_RUNS)]
    for name in names:
        write_known(tmp_path / "data", name, n_channels=32, durations_s=(5.0,), common_uv=5.0)
    dispatch(tmp_path / "data", tmp_path / "jobs", DispatchParams(multi_session=True))
    jobs = sorted((tmp_path / "jobs").glob("job_*.json"))
    assert len(jobs) == N_RUNS
    n_jobs = Compute().n_jobs_argument(N_RUNS)
    n_cores = max(N_RUNS, N_RUNS * int(n_jobs[1]))
    about = ["--params", PARAMS, *n_jobs, "--out"]
    command = [*Compute().command(gpu=False), PREPROCESSED, *about]
    wanted = watch([[*command, str(tmp_path / j.stem), "--job", str(j)] for j in jobs])
    assert all(PREPROCESSED in results_of(tmp_path / j.stem) for j in jobs)
    assert max(wanted) >= N_RUNS  # they did run at the same time, and were seen
    # progress bars and the like have threads that wake for moments
    assert np.percentile(wanted, 99) <= n_cores
