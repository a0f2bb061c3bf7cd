"""``dispatch-assets status``: the fleet as a table, as JSON and as a page."""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.defs.environment import (
    DATA,
    PARAMS,
    RESULTS,
    SORTING,
    STORE,
    WATCH,
    Settings,
    absolute,
    settings_or_why_not,
)
from dispatch_assets.errors import ParameterError

if TYPE_CHECKING:
    from dispatch_assets.status.arrivals import Arrivals
    from dispatch_assets.status.models import FleetStatus


def status(parser: ArgumentParser, arguments: list[str]) -> int:
    """Show the fleet."""
    from dispatch_assets.status.fleet import fleet_status

    _add_options(parser)
    options = parser.parse_args(arguments)
    settings, wrong = settings_or_why_not(os.environ)
    store = absolute(options.store) if options.store else settings.store
    data = absolute(options.data) if options.data else settings.data
    # what results should have been made with, and what counts as a session that is complete
    for name in (SORTING, PARAMS, WATCH) if data else (SORTING,):
        if name in wrong:
            raise wrong[name]
    fleet = fleet_status(
        store,
        results=absolute(options.results) if options.results else settings.results,
        sorting=settings.sorting,
        arrivals=_arrivals(data, store, settings) if data else None,
        sessions=options.sessions,
    )
    if options.html is not None:
        _write_page(Path(options.html), fleet)
    if options.json:
        from dispatch_assets.models import dump_json

        print(dump_json(fleet.model_dump(mode="json")), end="")
    elif options.html is None:
        from dispatch_assets.status.table import print_status

        print_status(fleet, everything=options.all)
    return fleet.exit_status


def _add_options(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("sessions", nargs="*", metavar="SESSION", help="only these sessions")
    add("--data", metavar="DIR", help=f"the data root (default: ${DATA}; without: not looked at)")
    store_help = f"folder or URL of inventories and jobs (default: ${STORE}, or .dispatch/store)"
    add("--store", metavar="DIR", help=store_help)
    add("--results", metavar="DIR", help=f"results of sorting (default: ${RESULTS}, or in store)")
    add(
        "--json",
        action="store_true",
        help="print JSON, as `dispatch-assets schema status` says",
    )
    add("--html", metavar="FILE", help="write one self-contained page, and print no table")
    add("--all", action="store_true", help="print every session, also those that need nobody")


def _arrivals(data: str, store: str, settings: Settings) -> Arrivals:
    from dispatch_assets.status.arrivals import Arrivals
    from dispatch_assets.watch.following import Options

    patience = settings.watch
    options = Options(settle_s=patience.settle_s, stuck_after_s=patience.stuck_after_s)
    return Arrivals(data, _cursor(store), settings.params, options)


def _cursor(store: str) -> str | None:
    """Return what the sensor remembers, None where there is no Dagster or it never ran."""
    try:
        from dispatch_assets.defs.cursor import cursor_of
    except ModuleNotFoundError as e:
        if e.name != "dagster":
            raise
        return None
    return cursor_of(store, os.environ)


def _write_page(file: Path, fleet: FleetStatus) -> None:
    from dispatch_assets.status.page import render
    from dispatch_assets.store import write_file

    if file.is_dir():
        raise ParameterError("is a folder", f"--html {str(file)!r}", "Name a file")
    write_file(file.absolute(), render(fleet, file.absolute().parent).encode())
    print(f"wrote {file}", file=sys.stderr)
