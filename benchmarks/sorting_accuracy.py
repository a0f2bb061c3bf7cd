"""How many known units the chain finds, what it costs, and what SpikeInterface by hand costs.

See README.md. Recordings are made up by SpikeInterface's generator, each process is a fresh one.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Usage, run
from benchmarks.table import machine

REPOSITORY = Path(__file__).parents[1]
DISPATCH_ASSETS = Path(sys.executable).with_name("dispatch-assets")
STEPS = ("preprocessed", "sorting", "units")
PARAMS = '{"preprocessing": {"min_preprocessing_duration": 30}}'
EASY_SNR = 5.0
SEED = 0


@dataclass(frozen=True)
class Set:
    """One made-up recording."""

    n_channels: int
    n_units: int
    duration_s: float

    def __str__(self) -> str:
        """Return its name in the table."""
        return f"{self.n_channels} ch, {self.n_units} units, {self.duration_s:g} s"


SETS = {32: Set(32, 12, 60.0), 64: Set(64, 20, 60.0), 384: Set(384, 40, 60.0)}


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 if a set is not sorted as it should be."""
    parser = argparse.ArgumentParser(prog="sorting_accuracy", description=__doc__)
    parser.add_argument("--sets", default="32,64,384", help="numbers of channels (default: all)")
    parser.add_argument("--sorter", default="", help="another sorter than the default one")
    parser.add_argument("--n-jobs", type=int, default=2, help="parallel workers (default: 2)")
    options = parser.parse_args(argv)
    print(machine(), flush=True)
    print(_line("set", *COLUMNS), flush=True)
    good = True
    for name in options.sets.split(","):
        with tempfile.TemporaryDirectory(prefix="sorting_accuracy_") as work:
            good &= _measure(SETS[int(name)], Path(work), options)
    return 0 if good else 1


COLUMNS = (
    "SNR > 5",
    ">= 0.9",
    "worst",
    "false good",
    "same units",
    "CPU s",
    "peak MB",
    "by hand",
    "ratio",
)


def _line(name: str, *cells: object) -> str:
    return f"{name:26s}" + "".join(f"{cell!s:>11s}" for cell in cells)


def _measure(case: Set, work: Path, options: argparse.Namespace) -> bool:
    facts = [case.n_channels, case.n_units, case.duration_s]
    _helper("write", work, *facts)
    (job,) = (work / "jobs").glob("job_*.json")
    chain = [str(DISPATCH_ASSETS), "run", *STEPS, "--job", str(job), "--out", str(work / "results")]
    chain += ["--params", PARAMS, "--n-jobs", str(options.n_jobs), "--seed", str(SEED)]
    chain += ["--sorter", options.sorter] if options.sorter else []
    ours = run(chain, REPOSITORY, work / "chain.log")
    if ours.status:
        print(_line(str(case), "failed"), ours.said)
        return False
    by_hand = [sys.executable, "-m", "benchmarks.by_hand", str(work / "data" / "known")]
    by_hand += [str(work / "by_hand"), str(work / "results"), str(options.n_jobs), str(SEED)]
    theirs = run(by_hand, REPOSITORY, work / "by_hand.log")
    scored = _helper("score", work)
    print(_line(str(case), *scored, *_costs(ours, theirs)), flush=True)
    n_easy, n_found, _, n_false, *_ = scored
    return n_easy == n_found and n_false == "0"


def _costs(ours: Usage, theirs: Usage) -> tuple[str, ...]:
    if theirs.status:
        return (f"{ours.cpu_s:.0f}", f"{ours.peak_mb:.0f}", "failed", "-")
    ratio = f"{ours.cpu_s / theirs.cpu_s:.2f}"
    return (f"{ours.cpu_s:.0f}", f"{ours.peak_mb:.0f}", f"{theirs.cpu_s:.0f}", ratio)


def _helper(what: str, work: Path, *arguments: object) -> list[str]:
    """Do in another process what needs heavy imports: those would count as memory of the rest."""
    words = [sys.executable, "-m", "benchmarks.known_units", what, str(work), *map(str, arguments)]
    done = subprocess.run(words, check=True, cwd=REPOSITORY, capture_output=True, text=True)
    return done.stdout.split()


if __name__ == "__main__":
    sys.exit(main())
