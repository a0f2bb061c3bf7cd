"""What a watch remembers from one tick to the next: only the entries that are not at rest.

Dagster stores a sensor's cursor again at every tick, so it has to be small: of ten thousand
entries that are dispatched it holds none. It may get lost at any time: everything then looks new
or changed once more, and what is asked for twice is inventoried twice, to the same effect.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from pydantic import TypeAdapter, ValidationError

from dispatch_assets.watch.states import State

VERSION = 1
MAX_PENDING = 2_000
"""Entries that are followed at a time, in about 0.6 MB; the others' turn comes later."""
GONE = ""
"""Look of an entry that is not there."""


@dataclass(frozen=True)
class Pending:
    """An entry that is not at rest. Times are in seconds since 1970, UTC.

    Attributes
    ----------
    look
        Digest of what it looks like; `GONE` if it is not there.
    state
        State that people are told.
    since
        When it came into that state.
    first
        When it was first found not to be at rest.
    same_since
        When it was first seen as it is.
    why
        What the state rests on.
    checked
        When its completeness was last looked into; 0 if never as it is.
    asked
        When an inventory was last asked for as it is; 0 if never.
    attempt
        How often an inventory was asked for as it is.
    """

    look: str
    state: State
    since: int
    first: int
    same_since: int
    why: str = ""
    checked: int = 0
    asked: int = 0
    attempt: int = 0


_PENDING = TypeAdapter(dict[str, Pending])


def parse_cursor(text: str | None) -> dict[str, Pending]:
    """Return the entries in a cursor; none if it is missing, damaged or of another version."""
    try:
        value = json.loads(text or "")
        if not isinstance(value, dict) or value.get("version") != VERSION:
            return {}
        return _PENDING.validate_python(value.get("pending"))
    except (ValidationError, ValueError, RecursionError):
        return {}


def dump_cursor(pending: Mapping[str, Pending]) -> str:
    """Return the text of a cursor."""
    entries = {name: asdict(p) for name, p in pending.items()}
    return json.dumps({"version": VERSION, "pending": entries}, separators=(",", ":"))


def kept(pending: Mapping[str, Pending]) -> dict[str, Pending]:
    """Return those that there is room for.

    Those asked for come first, then the oldest; those that need a person come last, since without
    memory they only begin anew.
    """

    def rank(name: str) -> tuple[bool, bool, int, str]:
        p = pending[name]
        return p.state == State.QUARANTINED, not p.attempt, p.first, name

    if len(pending) <= MAX_PENDING:
        return dict(pending)
    return {name: pending[name] for name in sorted(pending, key=rank)[:MAX_PENDING]}
