"""``make demo``: five small sessions, one per input format, through Dagster to sorting jobs.

Writes what acquisition software would write, discovers it, and materializes every sorting job on
Dagster's own default storage. A second run finds everything up to date.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dispatch_assets.defs.runner import materialize
from dispatch_assets.errors import DispatchError
from dispatch_assets.report import print_report
from dispatch_assets_tests.samples import write_one_per_format

DEMO = Path(".dispatch") / "demo"
DATA, STORE = DEMO / "data", DEMO / "store"


def main() -> int:
    """Run the demo and return its exit status."""
    if DATA.is_dir():
        print(f"Using the sessions in {DATA} from an earlier run.")
    else:
        print(f"Writing one small session per input format to {DATA} ...")
        unfinished = DATA.with_name("unfinished")
        write_one_per_format(unfinished)
        unfinished.rename(DATA)
    try:
        summary = materialize(DATA, STORE, on_progress=lambda what: print(f"Dagster: {what}"))
    except DispatchError as e:
        print(f"demo: {e}", file=sys.stderr)
        return 1
    print()
    print_report(summary.entries)
    print(f"{len(summary.written)} jobs written, {len(summary.up_to_date)} were up to date")
    for key, why in summary.failed.items():
        print(f"job not written: {key}: {why}", file=sys.stderr)
    print(f"\nThe jobs are in {STORE / 'sorting_jobs'}: one JSON file per recording.")
    _say_what_next()
    return summary.exit_status


def _say_what_next() -> None:
    command = Path(sys.executable).with_name("dispatch-assets")
    shown = command.relative_to(Path.cwd()) if command.is_relative_to(Path.cwd()) else command
    print(
        f"""
Next:
  make dev
      the Dagster UI with this demo, on http://127.0.0.1:3000
  {shown} plan /path/to/sessions
      what would be dispatched of your own data, what not, and why
  {shown} materialize --data /path/to/sessions
      the same graph on your own data
  DISPATCH_DATA=/path/to/sessions make dev
      the UI on your own data
README.md tells more."""
    )


if __name__ == "__main__":
    sys.exit(main())
