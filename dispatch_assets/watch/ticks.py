"""What to do at one tick of the watch, given what the entries look like. No input, no output.

An entry is at rest if it looks as it did when it was inventoried. Any other is followed::

    new ──> copying ──┐                        ┌──> (the inventory writes down its look) dispatched
                      ├──> settled, asked for ─┤
    dispatched ──> changed ──┘    ^            └──> (it does not) asked for again, ever more rarely
                      │           │
                      └─> quarantined, after a day: still followed, leaves as soon as it settles

It is settled if it looked the same at two ticks and its format says that all is there.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from dispatch_assets.errors import count
from dispatch_assets.scan import FEW_SESSIONS, MANY_SESSIONS, MOUNT_OR
from dispatch_assets.watch.cursor import dump_cursor, kept, parse_cursor
from dispatch_assets.watch.following import Following, Options, Questions, Request
from dispatch_assets.watch.looks import Look
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.states import EntryState, State


@dataclass(frozen=True)
class Tick:
    """What came of a tick.

    Attributes
    ----------
    cursor
        What to remember.
    requests
        Inventories to ask for.
    states
        The entries that are not at rest.
    problem
        Why nothing is asked for, as a sentence; empty unless the data root looks unmounted.
    """

    cursor: str
    requests: tuple[Request, ...]
    states: tuple[EntryState, ...]
    problem: str = ""


def tick(
    cursor: str | None,
    looks: Mapping[str, Look],
    seen: Seen,
    now: datetime,
    questions: Questions,
    options: Options | None = None,
) -> Tick:
    """Decide what to do now.

    Parameters
    ----------
    cursor
        What the last tick wanted to be remembered; None if that is lost.
    looks
        What every entry of the data root looks like.
    seen
        How they looked when they were inventoried.
    now
        The time, with its zone.
    questions
        What may be asked about entries and runs.
    options
        How patient to be.
    """
    watch = Following(parse_cursor(cursor), looks, seen, int(now.timestamp()), options)
    if problem := mass_removal(looks, seen):
        return Tick(dump_cursor(watch.before), (), watch.states(watch.before), problem)
    ready = watch.follow(questions)
    asked = watch.ask(ready, questions.in_flight() if ready else ())
    requests = tuple(watch.requests(asked))
    return Tick(dump_cursor(kept(watch.now)), requests, watch.states(watch.now))


def all_states(
    cursor: str | None,
    looks: Mapping[str, Look],
    seen: Seen,
    now: datetime,
    options: Options | None = None,
) -> list[EntryState]:
    """Return the state of every entry, without asking anything; parameters as of `tick`."""
    watch = Following(parse_cursor(cursor), looks, seen, int(now.timestamp()), options)
    watch.follow(None)
    pending = watch.before if mass_removal(looks, seen) else watch.now
    return [*watch.states(pending), *rest_states(looks, seen)]


def mass_removal(looks: Mapping[str, Look], seen: Seen) -> str:
    """Say that the data root looks unmounted, by the same measure as an inventory; empty if not."""
    known = [name for name, entry in seen.entries.items() if not entry.vanished]
    n_gone = sum(name not in looks for name in known)
    if n_gone <= max(FEW_SESSIONS, MANY_SESSIONS * len(known)):
        return ""
    what = f"{n_gone:,} of {count(len(known), 'known entry is', 'known entries are')} missing"
    remedy = f"{MOUNT_OR} session_inventory with `allow_mass_removal: true` in its run config"
    return f"{seen.root}: {what}, so nothing is asked for. {remedy}."


def rest_states(looks: Mapping[str, Look], seen: Seen) -> Iterator[EntryState]:
    """Yield the states of the entries that are at rest: dispatched, vanished, or with a problem."""
    for name, entry in seen.entries.items():
        sessions = entry.sessions
        if entry.vanished and name not in looks:
            why = "It is not in the data root any more; its results are kept."
            yield EntryState(
                entry=name, state=State.VANISHED, since=entry.vanished, why=why, sessions=sessions
            )
        elif name in looks and seen.at_rest(name, looks[name]):
            state = State.QUARANTINED if entry.problem else State.DISPATCHED
            why = entry.problem or f"Inventoried as it is now: {count(len(sessions), 'session')}."
            yield EntryState(entry=name, state=state, since=entry.at, why=why, sessions=sessions)
