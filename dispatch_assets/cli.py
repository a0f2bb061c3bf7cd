"""The command line: ``dispatch``, ``plan``, ``formats``, ``schema``, ``materialize``.

Exit status: 0 everything that should be dispatched was; 1 something could not be, or there was
nothing; 2 the command line or a parameter makes no sense. What a command needs is imported when it
runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch_assets.params import DispatchParams

_COMMANDS = {
    "dispatch": "write one job file per recording found in a data folder",
    "plan": "show what would be dispatched, what not and why; writes nothing",
    "formats": "show which input formats recognise a path, and why",
    "schema": "print the JSON schema of jobs, inventories or parameters",
    "materialize": "run the Dagster assets: discover, then write every new or changed job",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or arguments[0] not in _COMMANDS:
        return _top_level(arguments)
    from dispatch_assets.errors import DispatchError, ParameterError

    try:
        return _run(arguments[0], arguments[1:])
    except ParameterError as e:
        print(f"dispatch-assets {arguments[0]}: {e}", file=sys.stderr)
        return 2
    except DispatchError as e:
        print(f"dispatch-assets {arguments[0]}: {e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; files already written are complete", file=sys.stderr)
        return 130


def _top_level(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="dispatch-assets",
        description="Find recordings in electrophysiology session folders and plan sorting jobs.",
        epilog="`dispatch-assets COMMAND --help` tells more about a command.",
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND")
    for name, about in _COMMANDS.items():
        commands.add_parser(name, help=about, add_help=False)
    options = parser.parse_args(arguments)
    if options.version:
        from dispatch_assets import __version__

        print(f"dispatch-assets {__version__}")
        return 0
    parser.print_help(sys.stderr)
    return 2


def _run(command: str, arguments: list[str]) -> int:
    from dispatch_assets import commands

    parser = argparse.ArgumentParser(
        prog=f"dispatch-assets {command}", description=f"{_COMMANDS[command].capitalize()}."
    )
    status: int = getattr(commands, command)(parser, arguments)
    return status


def add_parameters(parser: argparse.ArgumentParser) -> None:
    """Add one flag per dispatch parameter, and ``--params``."""
    from dispatch_assets.params import DispatchParams

    group = parser.add_argument_group("parameters")
    group.add_argument(
        "--params",
        metavar="JSON",
        help="a JSON file or string with parameters (an AIND params file works); "
        "what it says wins over flags",
    )
    for name, field in DispatchParams.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "" if default in ([], {}) else f" (default: {_spelled(default)})"
        kind: dict[str, Any] = (
            {"action": argparse.BooleanOptionalAction}
            if isinstance(default, bool)
            else {"metavar": name.rpartition("_")[2].upper()}
        )
        text = f"{field.description}{shown}".replace("%", "%%")
        flag = f"--{name.replace('_', '-')}"
        group.add_argument(flag, dest=name, default=argparse.SUPPRESS, help=text, **kind)


def _spelled(value: object) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def params_from(options: argparse.Namespace, positional: Sequence[str] = ()) -> DispatchParams:
    """Make parameters from flags, upstream's positional arguments, and ``--params``.

    Raises
    ------
    ParameterError
        Naming the parameter that makes no sense.
    """
    from dispatch_assets.errors import ParameterError
    from dispatch_assets.params import DispatchParams, load_json_argument, parse_params

    given = {n: v for n, v in vars(options).items() if n in DispatchParams.model_fields}
    for name, value in zip(UPSTREAM_POSITIONS, positional, strict=False):
        if value == "":
            continue
        if name in given:
            raise ParameterError("is given as a flag and by position", name, "Give it once")
        given[name] = value
    if options.params is not None:
        loaded = load_json_argument(options.params, "params")
        if not isinstance(loaded, dict):
            raise ParameterError("must be a JSON object", "params")
        given |= loaded.get("job_dispatch", loaded)
    return parse_params(given)


UPSTREAM_POSITIONS = (
    "split_segments",
    "split_groups",
    "debug",
    "debug_duration",
    "skip_timestamps_check",
    "input",
    "nwb_files",
    "multi_session",
    "min_recording_duration",
    "spikeinterface_info",
)
"""The order in which the upstream script takes parameters without flags."""
