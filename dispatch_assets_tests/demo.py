"""``make demo``: six small sessions through Dagster to sorting jobs, and one of them to units.

Writes what acquisition software would write, one session per input format and one whose spikes are
known; discovers it, materializes every sorting job on Dagster's own default storage, and sorts the
known session. A second run finds everything up to date.
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from dispatch_assets.defs.runner import materialize
from dispatch_assets.errors import DispatchError, count
from dispatch_assets.report import print_report
from dispatch_assets_tests import demo_sorting
from dispatch_assets_tests.samples import write_one_per_format

DEMO = Path(".dispatch") / "demo"
DATA, STORE, TRUTH = DEMO / "data", DEMO / "store", DEMO / "truth"


def main() -> int:
    """Run the demo and return its exit status."""
    if DATA.is_dir():
        print(f"Using the sessions in {DATA} from an earlier run.")
    else:
        print(f"Writing one small session per input format, and a known one, to {DATA} ...")
        unfinished = DATA.with_name("unfinished")
        write_one_per_format(unfinished)
        demo_sorting.write_session(unfinished, TRUTH)
        unfinished.rename(DATA)
    try:
        summary = materialize(DATA, STORE, on_progress=_tell)
    except DispatchError as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    print()
    print_report(summary.entries)
    print(f"{count(len(summary.written), 'job')} written, {len(summary.up_to_date)} up to date")
    for key, why in summary.failed.items():
        print(f"job not written: {key}: {why}", file=sys.stderr)
    print(f"\nThe jobs are in {STORE / 'sorting_jobs'}: one JSON file per recording.\n")
    status = demo_sorting.sort_known(DATA, STORE, Path(summary.home), TRUTH, _tell)
    _say_what_next()
    return summary.exit_status or status


def _tell(what: str) -> None:
    print(f"Dagster: {what}", flush=True)


def _say_what_next() -> None:
    command = Path(sys.executable).with_name("dispatch-assets")
    beside = command.is_relative_to(Path.cwd())
    shown = shlex.quote(str(command.relative_to(Path.cwd()) if beside else command))
    print(
        f"""
Next:
  make dev
      the Dagster UI with this demo, on http://127.0.0.1:3000
  {shown} plan {DATA}
      what is dispatched, what not, and why
  {shown} materialize --data {DATA} --store {STORE}
      what this demo did, once more: everything is up to date

With your own data, put their folder instead of {DATA}, and a store of their own:
  {shown} plan /path/to/data
  {shown} materialize --data /path/to/data --store /path/to/store
  DISPATCH_DATA=/path/to/data DISPATCH_STORE=/path/to/store make dev
README.md tells more."""
    )


if __name__ == "__main__":
    sys.exit(main())
