"""The command line: ``dispatch``, ``plan``, ``run``, ``materialize``, ``status`` and others.

Exit status: 0 everything that should be dispatched was; 1 something could not be, or there was
nothing; 2 the command line or a parameter makes no sense. What a command needs is imported when it
runs, so that ``--help`` is quick.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import NoReturn

_COMMANDS = {
    "dispatch": "write one job file per recording found in a data folder",
    "plan": "show what would be dispatched, what not and why; writes nothing",
    "formats": "show which input formats recognise a path, and why",
    "schema": "print the JSON schema of jobs, inventories or parameters",
    "run": "run steps of the sorting chain on one job",
    "export": "write sorted sessions as one NWB file, or as AIND's results tree",
    "materialize": "run the Dagster assets: discover, then write every new or changed job",
    "status": "show every session and recording: its state, its last error, its next step",
}
# what argparse says
_UNKNOWN_FLAGS = "unrecognized arguments: "
_UNKNOWN_CHOICE = re.compile(r"invalid choice: '(.*)' \(choose from (.*)\)")


class _Parser(argparse.ArgumentParser):
    """A parser that guesses what a mistyped flag or choice was meant to be."""

    def error(self, message: str) -> NoReturn:
        """Print the message, with what was perhaps meant, and exit with status 2."""
        from dispatch_assets.errors import did_you_mean

        choice = _UNKNOWN_CHOICE.search(message)
        known: list[str] = list(self._option_string_actions)
        unknown: list[str] = []
        if choice is not None:
            known, unknown = re.findall(r"[\w-]+", choice[2]), [choice[1]]
        elif message.startswith(_UNKNOWN_FLAGS):
            words = message.removeprefix(_UNKNOWN_FLAGS).split()
            unknown = [word.partition("=")[0] for word in words if word.startswith("--")]
        guesses = [guess for name in unknown if (guess := did_you_mean(name, known))]
        super().error("; ".join([message, *guesses]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status."""
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):  # a name may be none that can be printed here
            output.reconfigure(errors="backslashreplace")
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
    except BrokenPipeError:  # whoever reads has seen enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        print("interrupted; files already written are complete", file=sys.stderr)
        return 130


def _top_level(arguments: list[str]) -> int:
    parser = _Parser(
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

    parser = _Parser(
        prog=f"dispatch-assets {command}", description=f"{_COMMANDS[command].capitalize()}."
    )
    status: int = getattr(commands, command)(parser, arguments)
    return status
