"""CPU time and peak memory of `dispatch-assets dispatch`, by length, format and session count.

See README.md. Nothing heavy is imported here, as `benchmarks.measure` explains.
"""

from __future__ import annotations

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.measure import Usage, median, run
from benchmarks.table import Row, header, line, machine, read_jobs

INPUTS = {
    "openephys": "openephys",
    "aind": "aind",
    "nwb-hdf5": "nwb",
    "nwb-zarr": "nwb",
    "spikeinterface": "spikeinterface",
    "spikeglx": "spikeglx",
}
"""What is measured -> the input format that reads it."""

OF_MANY = ("spikeglx", "openephys")  # formats of the rows with many sessions
IMPORTS = "import dispatch_assets.commands, dispatch_assets.dispatch, spikeinterface.extractors"
"""What every format needs; neo (10 MB) and h5py count towards the rows that need them."""

DISPATCH_ASSETS = Path(sys.executable).with_name("dispatch-assets")
REPOSITORY = Path(__file__).parents[1]


@dataclass(frozen=True)
class Case:
    """One data folder: a recording of some minutes, or so many sessions of one second."""

    kind: str
    minutes: float = 0.0
    n_sessions: int = 0

    def __str__(self) -> str:
        """Return the case's name in the table."""
        if not self.n_sessions:
            return f"{self.kind}, {self.minutes:g} min"
        return f"{self.kind}, {self.n_sessions} session{'s' if self.n_sessions > 1 else ''}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 if a row failed or exceeds the limit."""
    options = _parse(argv)
    print(machine(), flush=True)
    print(header(against=bool(options.against)), flush=True)
    rows = []
    for row in _measured(options):
        rows.append(row)
        print(line(row, against=bool(options.against)), flush=True)
    if options.json is not None:
        content = {"machine": machine(), "rows": [row.as_json() for row in rows]}
        options.json.write_text(json.dumps(content, indent=2) + "\n")
    return verdict(rows, options.limit_mb)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="dispatch_cost", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="1 and 10 minutes, 1 and 10 sessions")
    add("--minutes", help="lengths, separated by commas (default: 1,10,60,120)")
    add("--sessions", help="numbers of sessions, separated by commas (default: 1,10,100)")
    add("--formats", help=f"some of {','.join(INPUTS)} (default: all)", default=",".join(INPUTS))
    add("--repeat", type=int, default=1, metavar="N", help="print the median of N runs")
    add("--against", metavar="CMD", help="another dispatcher, to be compared with")
    add("--work", type=Path, metavar="DIR", help="keep the data here, and use what is there")
    add("--json", type=Path, metavar="FILE", help="write the rows as JSON")
    add("--limit-mb", type=float, metavar="MB", help="fail if a row is more above the imports")
    options = parser.parse_args(argv)
    minutes, sessions = ("1,10", "1,10") if options.quick else ("1,10,60,120", "1,10,100")
    options.minutes = minutes if options.minutes is None else options.minutes
    options.sessions = sessions if options.sessions is None else options.sessions
    unknown = set(options.formats.split(",")) - INPUTS.keys()
    if unknown:
        parser.error(f"no such format: {', '.join(sorted(unknown))}")
    return options


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    formats = options.formats.split(",")
    for kind in formats:
        for minutes in filter(None, options.minutes.split(",")):
            yield Case(kind, minutes=float(minutes))
    for kind in OF_MANY:
        for n in filter(None, options.sessions.split(",")):
            if kind in formats:
                yield Case(kind, n_sessions=int(n))


def _measured(options: argparse.Namespace) -> Iterator[Row]:
    if options.work is not None:
        options.work.mkdir(parents=True, exist_ok=True)
    kept = options.work is not None
    temporary = tempfile.TemporaryDirectory(prefix="dispatch_cost_")
    with nullcontext(options.work) if kept else temporary as name:
        work = Path(name).absolute()
        plain = partial(_usage, cwd=work, repeat=options.repeat)
        yield Row("dispatch-assets --help", plain([str(DISPATCH_ASSETS), "--help"]))
        imports = plain([sys.executable, "-c", IMPORTS])
        yield Row("imports alone", imports)
        for case in _cases(options):
            folder = work / str(case).replace(", ", "_").replace(" ", "_")
            _make(case, folder)
            yield _row(case, folder, imports, options)
            if not kept:
                shutil.rmtree(folder)


def _make(case: Case, folder: Path) -> None:
    """Write the case's data folder, and the folder beside it that dispatchers run in."""
    if not (folder / "data").exists():
        shutil.rmtree(folder, ignore_errors=True)
        what = [case.kind, str(case.minutes), str(case.n_sessions), str(folder / "unfinished")]
        command = [sys.executable, "-m", "benchmarks.sessions", *what]
        subprocess.run(command, check=True, cwd=REPOSITORY)
        (folder / "unfinished").rename(folder / "data")
    (folder / "code").mkdir(exist_ok=True)


def _row(case: Case, folder: Path, imports: Usage, options: argparse.Namespace) -> Row:
    data, results = str(folder / "data"), folder / "results"
    command = [str(DISPATCH_ASSETS), "dispatch", data, "--results", str(results)]
    several = ["--multi-session"] if case.n_sessions > 1 else []
    ours = _usage([*command, *several], folder / "code", options.repeat, results)
    above_mb = ours.peak_mb - imports.peak_mb
    theirs, n_theirs = None, 0
    if options.against is not None:
        theirs, n_theirs = run_other(options.against, case, folder, options.repeat)
    return Row(str(case), ours, read_jobs(results), above_mb, theirs, n_theirs)


def run_other(command: str, case: Case, folder: Path, repeat: int) -> tuple[Usage, int]:
    """Run another dispatcher on a case; return its cost and the number of its jobs."""
    words = [str(Path(w).absolute()) if Path(w).exists() else w for w in shlex.split(command)]
    results = folder / "their_results"
    words += [str(folder / "data"), "--results", str(results), "--input", INPUTS[case.kind]]
    return _usage(words, folder / "code", repeat, results), read_jobs(results).n


def _usage(command: Sequence[str], cwd: Path, repeat: int, results: Path | None = None) -> Usage:
    def once() -> Usage:
        if results is not None:
            shutil.rmtree(results, ignore_errors=True)
            results.mkdir()
        return run(command, cwd, cwd / "log.txt")

    return median(once, repeat)


def verdict(rows: Sequence[Row], limit_mb: float | None) -> int:
    """Say on stderr what failed or exceeds the limit; return the exit status."""
    wrong = [f"{row.case}: {row.ours.said}" for row in rows if row.failed]
    wrong += [
        f"{row.case}: {row.above_imports_mb:.0f} MB above the imports, the limit is {limit_mb:g}"
        for row in rows
        if limit_mb is not None and (row.above_imports_mb or 0) > limit_mb
    ]
    for complaint in wrong:
        print(complaint, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
