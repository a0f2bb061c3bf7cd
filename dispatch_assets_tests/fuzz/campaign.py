"""Starts workers, one at a time, hands them cases, and counts what comes of them."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import IO

from dispatch_assets_tests.fuzz.worker import Result

CASES_PER_WORKER = 1_000  # what leaks shows in the peak of memory, but not forever
_TRACE = 3_000  # letters


class _Worker:
    """A process that runs cases, and may die of one."""

    def __init__(self, work: Path, seed: int) -> None:
        command = [sys.executable, "-m", "dispatch_assets_tests.fuzz.worker", str(work), str(seed)]
        self.errors: IO[str] = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
        )
        self.n_done = 0

    def run(self, number: int) -> Result:
        """Run one case; if the process dies of it, that is the result."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.errors.seek(0)
        self.errors.truncate()
        try:
            print(number, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            return Result(number, "?", "?", "?", faults=[f"no worker: {self._last_words()}"])
        self.n_done += 1
        about, done = self.process.stdout.readline(), self.process.stdout.readline()
        if done:
            return Result(**json.loads(done))
        result = Result(**json.loads(about)) if about else Result(number, "?", "?", "?")
        code = self.process.wait()
        result.faults.append(f"the process ended with {code}: {self._last_words()}")
        return result

    def _last_words(self) -> str:
        self.errors.seek(0)
        return self.errors.read()[-_TRACE:]

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()
        self.errors.close()


def run_cases(work: Path, seed: int, numbers: Iterable[int]) -> Iterator[Result]:
    """Run cases in a process of their own, and in another one after one has died.

    Parameters
    ----------
    work
        Folder for sample sessions.
    seed
        The same seed gives the same cases.
    numbers
        Which cases.
    """
    worker: _Worker | None = None
    for number in numbers:
        worker = worker or _Worker(work, seed)
        result = worker.run(number)
        yield result
        if result.fate == "died" or worker.n_done >= CASES_PER_WORKER:
            worker.close()
            worker = None
            if result.fate == "died":  # the file that it died of is still damaged
                (work / result.file.partition(":")[0] / "written").unlink(missing_ok=True)
    if worker is not None:
        worker.close()


def table(results: Iterable[Result]) -> str:
    """Return what came of the cases, by kind of file."""
    by_kind = defaultdict(list)
    for result in results:
        by_kind[result.kind].append(result)
    widths = "{:<30} {:>6} {:>8} {:>10} {:>9} {:>10} {:>8} {:>7}"
    head = ("file", "cases", "refused", "other jobs", "unharmed", "slowest s", "peak MB", "faults")
    lines = [widths.format(*head)]
    kinds = {kind: by_kind[kind] for kind in sorted(by_kind)}
    everything = {"all": [result for of_kind in kinds.values() for result in of_kind]}
    for kind, rows in (kinds | everything).items():
        fates = [r.fate for r in rows]
        lines.append(
            widths.format(
                kind,
                len(rows),
                *(fates.count(fate) for fate in ("refused", "other jobs", "unharmed")),
                f"{max((r.seconds for r in rows), default=0):.2f}",
                f"{max((r.peak_mb for r in rows), default=0):.0f}",
                sum(bool(r.faults) for r in rows),
            )
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Run a campaign; return 1 if anything was found."""
    parser = argparse.ArgumentParser(description="Damage metadata files, and see what becomes.")
    parser.add_argument("--cases", type=int, default=10_000, help="how many")
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same cases")
    parser.add_argument("--only", type=int, nargs="+", help="run these cases of the seed")
    parser.add_argument("--first", type=int, default=0, help="number of the first case")
    parser.add_argument("--folder", type=Path, help="for sample sessions; a temporary one")
    parser.add_argument("--log", type=Path, help="write every result to this file, JSON lines")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="fuzz") as temporary:
        return _campaign(given, given.folder or Path(temporary))


def _campaign(given: argparse.Namespace, work: Path) -> int:
    results, begin = [], time.monotonic()
    for result in run_cases(
        work, given.seed, given.only or range(given.first, given.first + given.cases)
    ):
        results.append(result)
        if given.log:
            with given.log.open("a") as log:
                log.write(json.dumps(asdict(result)) + "\n")
        if result.faults:
            print(f"case {result.number} ({result.kind}, {result.file}; {result.damage})")
            print(*result.faults, sep="\n", end="\n\n")
            print(f"  repeat: --seed {given.seed} --only {result.number}\n", flush=True)
        elif len(results) % 500 == 0:
            print(f"{len(results):,} cases in {time.monotonic() - begin:.0f} s", flush=True)
    print(table(results))
    return int(any(r.faults for r in results))
