"""What a growing fleet costs: inventories of many sessions, and registering many partitions.

See README.md. Each row is a fresh process, except that partitions are registered in this one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.measure import run
from benchmarks.table import machine

WRITE = """
import sys
from pathlib import Path
from dispatch_assets_tests.samples import spikeglx
for i in range(int(sys.argv[2])):
    name = f"mouse{i:04d}"
    spikeglx.write_run(
        Path(sys.argv[1], f"{name}_g0"), name, {"imec0": "NP1"},
        seconds=0.02, nidq=False, saved=range(8), seed=i,
    )
"""
SCAN = """
import sys
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
shards = Shards(sys.argv[2])
found = scan(sys.argv[1], DispatchParams(), shards)
found.save(shards)
print(len(found.jobs), "jobs,", len(found.new), "new")
"""
HEAD = f"{'case':38s}{'CPU s':>10s}{'ms each':>10s}{'peak MB':>10s}"
REPOSITORY = Path(__file__).parents[1]


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print the table; return 1 if a command failed."""
    parser = argparse.ArgumentParser(prog="fleet_cost", description=__doc__)
    parser.add_argument("--sessions", default="10,100,1000", help="separated by commas")
    parser.add_argument("--partitions", default="1000,10000,80000", help="separated by commas")
    options = parser.parse_args(argv)
    print(machine())
    print(HEAD, flush=True)
    status = 0
    for n in filter(None, options.sessions.split(",")):
        with tempfile.TemporaryDirectory(prefix="fleet_cost_") as folder:
            status |= _inventories(int(n), Path(folder))
    for n in filter(None, options.partitions.split(",")):
        _partitions(int(n))
    return status


def _inventories(n: int, folder: Path) -> int:
    """Look at `n` sessions for the first time, and once more when nothing has changed."""
    data, log = folder / "data", folder / "log.txt"
    made = run([sys.executable, "-c", WRITE, str(data), str(n)], REPOSITORY, log)
    status = made.status
    for what in ("first inventory", "inventory again"):
        command = [sys.executable, "-c", SCAN, str(data), str(folder / "store")]
        usage = run(command, REPOSITORY, log)
        status |= usage.status
        _print(f"{what}, {n:,} sessions", usage.cpu_s, n, f"{usage.peak_mb:.0f}")
    if status:
        print(log.read_text(), file=sys.stderr)
    return status


def _partitions(n: int) -> None:
    """Register `n` partitions in one call, then add one more to them."""
    import dagster as dg

    from dispatch_assets.defs.partitions import register

    keys = [f"mouse{i // 8:05d}~~block0_imec{i % 8}.ap_recording1" for i in range(n)]
    with dg.instance_for_test() as instance:
        for what, wanted in (("register", keys), ("register one more of", [*keys, "another"])):
            start = time.process_time()
            register(instance, wanted)
            _print(f"{what} {n:,} partitions", time.process_time() - start, n, "-")


def _print(case: str, cpu_s: float, n: int, peak_mb: str) -> None:
    print(f"{case:38s}{cpu_s:10.2f}{1000 * cpu_s / n:10.2f}{peak_mb:>10s}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
