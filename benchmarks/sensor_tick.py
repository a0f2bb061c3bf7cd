"""What a tick of the sensor `new_sessions` costs, by the number of session folders.

See README.md. The sensor is called as the daemon calls it, in this process.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from benchmarks.table import machine
from dispatch_assets.defs.environment import WatchParams
from dispatch_assets.defs.resources import DataRoot, DispatchParamsResource, Store
from dispatch_assets.params import DispatchParams
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Inventoried, Seen

with warnings.catch_warnings():  # whoever runs this can do nothing about `backfill_policy`
    warnings.simplefilter("ignore", dg.BetaWarning)
    from dispatch_assets.defs.sensors import build_new_sessions

SIZES = (100, 1_000, 10_000)
N_CHANGED = 100
LIMIT_CPU_S = 1.0
_META = b"fileSizeBytes=2\n~snsChanMap=(1,0,0)(AP0;0:0)\n"
_HEADS = ("folders", "files", "at rest, s", "changed, s", "asked, s", "index, kB", "cursor, B")


@dataclass(frozen=True)
class Cost:
    """Costs of ticks over one data root.

    Attributes
    ----------
    n_folders, n_files
        Size of the data root.
    at_rest_s
        CPU seconds of a tick when nothing has changed.
    changed_s
        The same when `N_CHANGED` folders look otherwise than at the last tick.
    asked_s
        The same when these are found complete and are asked for.
    index_bytes, cursor_bytes
        Size of the index of entries, and of the cursor when nothing has changed.
    """

    n_folders: int
    n_files: int
    at_rest_s: float
    changed_s: float
    asked_s: float
    index_bytes: int
    cursor_bytes: int


def main(argv: Sequence[str] | None = None) -> int:
    """Measure, print the table, and return 1 if a tick at rest takes more than a second."""
    options = _parse(argv)
    print(machine(), flush=True)
    print(*(f"{head:>12}" for head in _HEADS), sep="")
    costs = []
    for n_folders in options.folders:
        folder = Path(tempfile.mkdtemp(prefix="sensor_tick"))
        try:
            write_folders(folder / "data", n_folders)
            costs.append(measure(folder / "data", folder / "store"))
        finally:
            shutil.rmtree(folder)
        print(_line(costs[-1]), flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=1))
    return int(any(cost.at_rest_s > LIMIT_CPU_S for cost in costs))


def write_folders(root: Path, n_folders: int) -> None:
    """Write SpikeGLX runs of four probes: eight files each, as small as they can be whole."""
    for i in range(n_folders):
        folder = f"{root}/M{i:05d}_20260101_g0"
        Path(folder).mkdir(parents=True)
        for probe in range(4):
            for ending, content in (("bin", b"\0\0"), ("meta", _META)):
                file = f"{folder}/run_g0_t0.imec{probe}.ap.{ending}"
                descriptor = os.open(file, os.O_CREAT | os.O_WRONLY)
                os.write(descriptor, content)
                os.close(descriptor)


def measure(root: Path, store: Path) -> Cost:
    """Inventory a data root on paper, and tick over it."""
    ticks = _Ticks(root, store)
    looks = WatchedRoot(root, DispatchParams()).looks()
    sessions = {name: [name] for name in looks}
    Seen.record(str(store), root, Inventoried(looks, sessions), datetime.now(UTC))
    ticks.cpu_s()
    at_rest_s = min(ticks.cpu_s() for _ in range(3))
    cursor_bytes = len(ticks.cursor or "")
    for name in list(looks)[:N_CHANGED]:
        (root / name / "notes.txt").write_text("one more file")
    changed_s, asked_s = ticks.cpu_s(), ticks.cpu_s()
    if ticks.n_asked != min(N_CHANGED, len(looks)):
        raise RuntimeError(f"{ticks.n_asked} of {N_CHANGED} changed folders were asked for")
    index = (store / "entries.json").stat().st_size
    n_files = sum(look.n_files for look in looks.values())
    return Cost(len(looks), n_files, at_rest_s, changed_s, asked_s, index, cursor_bytes)


class _Ticks:
    """The sensor, with a cursor that is kept."""

    def __init__(self, root: Path, store: Path) -> None:
        self.cursor: str | None = None
        self.n_asked = 0
        self._sensor = build_new_sessions(running=False, watch=WatchParams())
        self._resources = {
            "data_root": DataRoot(path=str(root)),
            "store": Store(base=str(store)),
            "dispatch_params": DispatchParamsResource(),
        }

    def cpu_s(self) -> float:
        """Tick, and return the CPU seconds that it took."""
        with dg.DagsterInstance.ephemeral() as instance:
            context = dg.build_sensor_context(
                instance, cursor=self.cursor, resources=self._resources
            )
            begun_s = time.process_time()
            result = self._sensor(context)
            spent_s = time.process_time() - begun_s
        if not isinstance(result, dg.SensorResult):
            raise RuntimeError(f"the sensor gave up: {result}")
        self.cursor = result.cursor
        for request in result.run_requests or ():
            self.n_asked += len(request.run_config["ops"]["session_inventory"]["config"]["entries"])
        return spent_s


def _line(cost: Cost) -> str:
    seconds = (f"{s:.3f}" for s in (cost.at_rest_s, cost.changed_s, cost.asked_s))
    counts = f"{cost.n_folders:,}", f"{cost.n_files:,}"
    cells = (*counts, *seconds, f"{cost.index_bytes / 1000:,.0f}", str(cost.cursor_bytes))
    return "".join(f"{cell:>12}" for cell in cells)


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks.sensor_tick", description=__doc__)
    parser.add_argument(
        "--folders", type=int, nargs="*", default=SIZES, help="numbers of session folders"
    )
    parser.add_argument("--json", type=Path, help="write the costs to this file as well")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
