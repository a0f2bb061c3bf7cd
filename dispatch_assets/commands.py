"""What each command of the command line does. Each takes its parser and its arguments."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.arguments import UPSTREAM_POSITIONS, add_parameters, params_from
from dispatch_assets.errors import ParameterError

if TYPE_CHECKING:
    from dispatch_assets.dispatch import Report


def dispatch(parser: ArgumentParser, arguments: list[str]) -> int:
    """Write job files."""
    from dispatch_assets import dispatch as core
    from dispatch_assets.report import print_report

    parser.add_argument("data", metavar="DATA", help="folder of session folders, or one session")
    parser.add_argument(
        "--results", required=True, metavar="RESULTS", help="folder for the job files"
    )
    parser.add_argument(
        "positional",
        nargs="*",
        metavar="VALUE",
        help=f"parameters by position, as the upstream script takes them: "
        f"{', '.join(UPSTREAM_POSITIONS)}",
    )
    add_parameters(parser)
    options = parser.parse_intermixed_args(arguments)
    if len(options.positional) > len(UPSTREAM_POSITIONS):
        raise ParameterError(f"unknown arguments {options.positional[len(UPSTREAM_POSITIONS) :]}")
    params = params_from(options, options.positional)
    _check_results(options.data, options.results)
    with _Progress() as progress:
        report = core.dispatch(options.data, options.results, params, progress)
    print_report(report.entries, options.results, report.warnings)
    for path in report.stale_files:
        print(f"set aside a job whose recording is gone: {path}", file=sys.stderr)
    return report.exit_status


def _check_results(data: str, results: str) -> None:
    """Refuse a results folder that is none, or that would end up among the sessions."""
    folder = Path(results).resolve()
    if not results.strip() or (folder.exists() and not folder.is_dir()):
        raise ParameterError("is no folder", f"--results {results!r}", "Name a folder")
    if folder.is_relative_to(Path(data).resolve()):
        what = "lies in the data folder, into which nothing is ever written"
        raise ParameterError(what, f"--results {results!r}", "Name a folder outside of it")


def plan(parser: ArgumentParser, arguments: list[str]) -> int:
    """Show the plan."""
    from dispatch_assets import dispatch as core
    from dispatch_assets.report import print_report

    parser.add_argument("data", metavar="DATA", help="folder of session folders, or one session")
    parser.add_argument("--json", action="store_true", help="print the inventory as JSON")
    parser.add_argument(
        "--diff",
        metavar="DIR",
        help="compare with the jobs in a store, or in the results of an earlier dispatch",
    )
    add_parameters(parser)
    options = parser.parse_args(arguments)
    params = params_from(options)
    with _Progress() as progress:
        report = core.plan(options.data, params, progress)
    if options.diff is not None:
        return _print_difference(report, options.diff, as_json=options.json)
    if options.json:
        print(json.dumps([e.model_dump(mode="json") for e in report.entries], indent=2))
    else:
        print_report(report.entries)
        sessions = {e.session_name for e in report.entries if e.status == "job"}
        if sessions and not params.skip_timestamps_check:
            print("Only headers were read: the clocks are checked when the jobs are written.")
        if len(sessions) > 1 and not params.multi_session:
            print("To dispatch several sessions at once, say --multi-session.")
    return report.exit_status


def _print_difference(report: Report, place: str, *, as_json: bool) -> int:
    """Print what the plan would change."""
    from dispatch_assets.difference import before_in, compare, print_differences

    found = compare(before_in(place), report.inventories, report.scanned)
    if as_json:
        print(json.dumps([d.model_dump(mode="json") for d in found], indent=2))
    else:
        print_differences(found, report.entries)
    return report.exit_status


def formats(parser: ArgumentParser, arguments: list[str]) -> int:
    """Show which formats recognise a path."""
    from dispatch_assets.discovery import evidence

    parser.add_argument("path", metavar="PATH", help="a session folder, data folder or file")
    options = parser.parse_args(arguments)
    verdicts = evidence(options.path)
    for name, verdict in verdicts:
        decided = f"{verdict.why}: {verdict.file}" if verdict.file else verdict.why
        print(f"{name:15s} {'yes' if verdict.found else 'no ':3s}  {decided}")
    return 0 if any(v.found for _, v in verdicts) else 1


def schema(parser: ArgumentParser, arguments: list[str]) -> int:
    """Print a JSON schema."""
    from dispatch_assets.schemas import SCHEMAS, schema_text

    parser.add_argument("what", choices=sorted(SCHEMAS), help="which schema")
    options = parser.parse_args(arguments)
    print(schema_text(options.what), end="")
    return 0


def run(parser: ArgumentParser, arguments: list[str]) -> int:
    """Run steps of the sorting chain."""
    from dispatch_assets import steps_command

    return steps_command.run(parser, arguments)


def export(parser: ArgumentParser, arguments: list[str]) -> int:
    """Export sorted sessions."""
    from dispatch_assets import export_command

    return export_command.export(parser, arguments)


def materialize(parser: ArgumentParser, arguments: list[str]) -> int:
    """Run the Dagster assets."""
    try:
        from dispatch_assets.defs import runner
    except ModuleNotFoundError as e:
        if e.name != "dagster":
            raise
        remedy = "Install dispatch_assets with its dependencies, or use `dispatch-assets dispatch`"
        raise ParameterError("this command needs Dagster", "materialize", remedy) from e
    status: int = runner.main(parser, arguments)
    return status


def status(parser: ArgumentParser, arguments: list[str]) -> int:
    """Show the fleet."""
    from dispatch_assets import status_command

    return status_command.status(parser, arguments)


class _Progress:
    """Names the session at work on a terminal, once a second has passed; nothing when piped."""

    def __init__(self) -> None:
        self.bar: Any = None

    def __enter__(self) -> _Progress:
        from tqdm import tqdm

        quiet = not sys.stderr.isatty()
        layout = "{desc} ({n_fmt} sessions, {elapsed})"
        self.bar = tqdm(delay=1, disable=quiet, leave=False, bar_format=layout, file=sys.stderr)
        return self

    def __call__(self, session: str) -> None:
        self.bar.set_description_str(f"reading {session}", refresh=False)
        self.bar.update()

    def __exit__(self, *error: object) -> None:
        self.bar.close()
