"""What one command costs: CPU seconds and peak memory of a fresh process and its children.

Imports nothing outside the standard library, on purpose: Linux counts the memory of the process
that starts a command as the command's own, so the measuring process has to stay small.
"""

from __future__ import annotations

import os
import statistics
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_KIB_PER_MB = 1000**2 / 1024


@dataclass(frozen=True)
class Usage:
    """What a command cost.

    Attributes
    ----------
    status
        Exit status; negative for a signal.
    cpu_s
        User and system time of the process and the children that it waited for, in seconds.
    peak_mb
        Largest resident set of one of these processes, in MB (1000² bytes).
    wall_s
        Time from start to end, in seconds.
    said
        The last line that it printed.
    """

    status: int
    cpu_s: float
    peak_mb: float
    wall_s: float
    said: str


def run(command: Sequence[str], cwd: Path, log: Path) -> Usage:
    """Run a command to its end.

    Parameters
    ----------
    command
        Program and arguments.
    cwd
        Its current directory.
    log
        File that gets what it prints.
    """
    started = _monotonic_s()
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        _, wait_status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(wait_status)
    lines = log.read_text(errors="replace").strip().splitlines()
    return Usage(
        status=process.returncode,
        cpu_s=used.ru_utime + used.ru_stime,
        peak_mb=used.ru_maxrss / _KIB_PER_MB,  # Linux counts KiB
        wall_s=_monotonic_s() - started,
        said=lines[-1] if lines else "",
    )


def median(measure: Callable[[], Usage], repeat: int) -> Usage:
    """Measure `repeat` times; return medians, or the first run that failed."""
    runs: list[Usage] = []
    for _ in range(repeat):
        runs.append(measure())
        if runs[-1].status != 0:
            return runs[-1]
    return Usage(
        status=0,
        cpu_s=statistics.median(r.cpu_s for r in runs),
        peak_mb=statistics.median(r.peak_mb for r in runs),
        wall_s=statistics.median(r.wall_s for r in runs),
        said=runs[-1].said,
    )


def _monotonic_s() -> float:
    return os.times().elapsed
