"""The rows of the cost table, and how they are printed. Standard library only, like `measure`."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.measure import Usage


@dataclass(frozen=True)
class Jobs:
    """What a dispatcher wrote: job files, their mean size, what became of the first one's times."""

    n: int
    bytes_per_job: int
    clock: str


@dataclass(frozen=True)
class Row:
    """One line of the table; `jobs` is None for a command that writes none."""

    case: str
    ours: Usage
    jobs: Jobs | None = None
    above_imports_mb: float | None = None
    theirs: Usage | None = None
    their_jobs: int = 0

    @property
    def failed(self) -> bool:
        """Whether our dispatcher failed."""
        return self.ours.status != 0

    @property
    def their_failure(self) -> str | None:
        """Say why the other dispatcher's figures do not count, if they do not."""
        if self.theirs is None:
            return None
        if self.theirs.status != 0:
            return f"exit {self.theirs.status}"
        return None if self.their_jobs else "no jobs"

    @property
    def ratios(self) -> tuple[float, float] | None:
        """CPU and peak memory, ours / theirs; None where there is nothing to compare."""
        if self.theirs is None or self.failed or self.their_failure is not None:
            return None
        return self.ours.cpu_s / self.theirs.cpu_s, self.ours.peak_mb / self.theirs.peak_mb

    def as_json(self) -> dict[str, object]:
        """Return the row as plain values."""
        derived = {"their_failure": self.their_failure, "ratios": self.ratios}
        return asdict(self) | derived


def header(*, against: bool) -> str:
    """Return the table's head."""
    columns = ["CPU s", "peak MB", "above", "jobs", "B/job", "clock"]
    if against:
        columns += ["their CPU", "their MB", "CPU ratio", "MB ratio"]
    return _line("case", columns)


def line(row: Row, *, against: bool) -> str:
    """Return one row, aligned with the head."""
    cells = [f"{row.ours.cpu_s:.2f}", f"{row.ours.peak_mb:.0f}"]
    cells.append("-" if row.above_imports_mb is None else f"{row.above_imports_mb:.0f}")
    if row.failed:
        cells = ["failed"] * 3
    jobs = row.jobs
    cells += ["-"] * 3 if jobs is None else [str(jobs.n), str(jobs.bytes_per_job), jobs.clock]
    return _line(row.case, cells + (_compared(row) if against else []))


def _compared(row: Row) -> list[str]:
    if row.theirs is None:
        return ["-"] * 4
    if row.their_failure is not None:
        return ["failed", "failed", "-", "-"]
    ratios = ["-", "-"] if row.ratios is None else [f"{ratio:.2f}" for ratio in row.ratios]
    return [f"{row.theirs.cpu_s:.2f}", f"{row.theirs.peak_mb:.0f}", *ratios]


def _line(case: str, cells: Iterable[str]) -> str:
    return f"{case:24s}" + "".join(f"{cell:>10s}" for cell in cells)


def machine() -> str:
    """Describe the machine in one line, without names."""
    ram_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1000**3
    return (
        f"{os.cpu_count()} cores, {ram_gb:.0f} GB RAM, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}, spikeinterface {version('spikeinterface')}, "
        f"dispatch_assets {version('dispatch_assets')}"
    )


def read_jobs(results: Path) -> Jobs:
    """Count and weigh the job files in a results folder."""
    import json

    files = sorted(results.glob("job*.json"))
    if not files:
        return Jobs(0, 0, "-")
    first = json.loads(files[0].read_text())
    clock = str(first.get("timestamps", {}).get("verdict", "-"))
    return Jobs(len(files), sum(f.stat().st_size for f in files) // len(files), clock)
