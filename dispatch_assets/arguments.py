"""Dispatch parameters as command line arguments: one flag each, by position, or as JSON."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dispatch_assets.params import DispatchParams


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
    return ("no", "yes")[value] if isinstance(value, bool) else str(value)


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
