"""What pydantic complains of, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from dispatch_assets.errors import did_you_mean

MAX_DEPTH = 20
"""Levels of parameters; pydantic gives up at 255, Python's own JSON at about a thousand."""
_MAX_SHOWN = 200  # letters of a value that is wrong
_MAX_NAME = 80  # letters of one that is unknown
_MAX_COMPLAINTS = 20
_MAX_KNOWN = 11  # names that are listed where none is like the unknown one


def sentences(e: ValidationError, known: Sequence[str]) -> str:
    """Return complaints as clauses.

    Parameters
    ----------
    e
        The complaints.
    known
        Names to suggest in the place of an unknown one.
    """
    errors = e.errors()
    told = [_complaint(dict(x), known) for x in errors[:_MAX_COMPLAINTS]]
    left = len(errors) - len(told)
    return "; ".join([*told, f"and {left:,} more"] if left else told)


def is_nested(value: object, max_depth: int = MAX_DEPTH) -> bool:
    """Say whether a JSON value is nested more than `max_depth` levels deep."""
    level = [value]
    for _ in range(max_depth):
        lists = [v for v in level if isinstance(v, list | tuple)]
        objects = [v for v in level if isinstance(v, dict)]
        level = [inner for v in lists for inner in v]
        level += [inner for v in objects for inner in v.values()]
        if not level:
            return False
    return True


def _complaint(error: dict[str, Any], known: Sequence[str]) -> str:
    parts = [str(part) for part in error["loc"]]
    name = ".".join(p if len(p) <= _MAX_NAME else f"{p[:_MAX_NAME]} ..." for p in parts)
    if error["type"] == "extra_forbidden":
        return f"{name}: unknown parameter{_suggestion(parts[-1][:_MAX_NAME], known)}"
    message = str(error["msg"]).removeprefix("Value error, ")
    given = error.get("input")
    shown = "" if isinstance(given, dict | BaseModel) else f" (got {_shortened(given)})"
    return f"{name}: {message}{shown}" if name else message


def _shortened(value: object) -> str:
    try:
        shown = repr(value)
    except RecursionError:
        return "what is nested without end"
    return shown if len(shown) <= _MAX_SHOWN else f"{shown[:_MAX_SHOWN]} ..."


def _suggestion(name: str, known: Sequence[str]) -> str:
    guess = did_you_mean(name, known)
    return f", {guess}" if guess else f"; known: {', '.join(known[:_MAX_KNOWN])}"
