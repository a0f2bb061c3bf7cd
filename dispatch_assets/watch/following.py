"""What becomes of the entries that are not at rest, from one tick to the next.

See `ticks` for the states and how they follow on each other.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dispatch_assets.errors import count
from dispatch_assets.watch.cursor import GONE, Pending
from dispatch_assets.watch.looks import Look
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.states import EntryState, State

MAX_WAIT_S = 3_600
"""Longest wait between two looks into an entry that does not change, and two requests for it."""
_FIRST_RETRY_S = 60
_MB = 1e6


@dataclass(frozen=True)
class Options:
    """How patient the watch is.

    Attributes
    ----------
    settle_s
        How long an entry has to look the same, in seconds; two ticks in any case.
    stuck_after_s
        After how many seconds an entry that does not settle needs a person.
    max_entries
        Entries of one request.
    """

    settle_s: float = 0.0
    stuck_after_s: float = 86_400.0
    max_entries: int = 500


@dataclass(frozen=True)
class Questions:
    """What a tick may ask about the world.

    Attributes
    ----------
    why_unsettled
        Why an entry is not complete, None if it is; opens some of its files.
    may_check
        Whether there is still time to ask that.
    in_flight
        Entries that an inventory was asked for which has not ended yet.
    """

    why_unsettled: Callable[[str, Look], str | None]
    may_check: Callable[[], bool] = lambda: True
    in_flight: Callable[[], Collection[str]] = lambda: ()


@dataclass(frozen=True)
class Request:
    """An inventory of some entries; two requests with the same key are the same one.

    Attributes
    ----------
    run_key
        What makes it the same.
    looks
        The digest of what each entry looks like, by name; `GONE` if it is not there.
    """

    run_key: str
    looks: Mapping[str, str]

    @property
    def entries(self) -> tuple[str, ...]:
        """The names of the entries."""
        return tuple(self.looks)


class Following:
    """One tick: what was pending before, and what is now.

    Attributes
    ----------
    before, now
        The entries that are not at rest, by name.
    """

    def __init__(
        self,
        before: dict[str, Pending],
        looks: Mapping[str, Look],
        seen: Seen,
        now_s: int,
        options: Options | None = None,
    ) -> None:
        self.before, self.now = before, dict[str, Pending]()
        self._looks, self._seen, self._now_s = looks, seen, now_s
        self._options = options or Options()
        entries = seen.entries
        self._moving = {n: k for n, k in looks.items() if not seen.at_rest(n, k)}
        self._gone = [n for n, e in entries.items() if not e.vanished and n not in looks]
        self._twins = self._find_twins()

    def _find_twins(self) -> dict[str, str]:
        """Return for entries that are gone the new ones that look as they did, and vice versa."""
        new = {k.digest: n for n, k in self._moving.items() if n not in self._seen.entries}
        pairs = {n: t for n in self._gone if (t := new.get(self._seen.entries[n].look))}
        return pairs | {new_name: old_name for old_name, new_name in pairs.items()}

    def follow(self, questions: Questions | None) -> list[str]:
        """Find out about every entry that is not at rest, and return those to ask for."""
        ready, to_check = [], []
        for name in [*self._moving, *self._gone]:
            digest = self._moving[name].digest if name in self._moving else GONE
            prior = self.before.get(name)
            if prior is None or prior.look != digest:
                self.now[name] = self._begun(name, digest, prior)
                continue
            self.now[name] = prior
            if prior.attempt:
                if self._now_s >= prior.asked + _retry_after_s(prior.attempt):
                    ready.append(name)
            elif self._now_s - prior.same_since < self._options.settle_s:
                why = f"It has to stay as it is for {self._options.settle_s:g} s."
                self.now[name] = self._told(name, prior, why)
            elif digest == GONE:
                ready.append(name)
            elif self._now_s >= _check_at_s(prior):
                to_check.append(name)
            else:
                self.now[name] = self._told(name, prior, prior.why)
        return [*ready, *(self._check(to_check, questions) if questions else ())]

    def _begun(self, name: str, digest: str, prior: Pending | None) -> Pending:
        """Return an entry that looks other than at the last tick."""
        first = prior.first if prior is not None and not prior.attempt else self._now_s
        state = prior.state if prior is not None else State.COPYING
        since = prior.since if prior is not None else 0
        fresh = Pending(digest, state, since, first, self._now_s)
        if digest == GONE:
            return self._moved(fresh, State.VANISHED, self._why_gone(name))
        look = self._looks[name]
        holds = f"{count(look.n_files, 'file')}, {look.size_bytes / _MB:,.1f} MB"
        how = "New, or still changing" if prior is None else "Still changing"
        twin = f"; it looks as {t} did, which is gone" if (t := self._twins.get(name)) else ""
        return self._told(name, fresh, f"{how} ({holds}){twin}.")

    def _why_gone(self, name: str) -> str:
        twin = self._twins.get(name)
        return f"It may have been renamed to {twin}." if twin else "It is not there any more."

    def _told(self, name: str, p: Pending, why: str) -> Pending:
        """Return an entry that is not settled, with the reason."""
        if p.look == GONE:
            return self._moved(p, State.VANISHED, why)
        known = self._seen.entries.get(name)
        state = State.CHANGED if known is not None and not known.vanished else State.COPYING
        if self._now_s - p.first >= self._options.stuck_after_s:
            state = State.QUARANTINED
        return self._moved(p, state, why)

    def _moved(self, p: Pending, state: State, why: str) -> Pending:
        since = p.since if p.state == state and p.since else self._now_s
        return replace(p, state=state, since=since, why=why)

    def _check(self, names: list[str], questions: Questions) -> Iterator[str]:
        """Yield those that are complete; the ones not looked into for longest come first."""
        for name in sorted(names, key=lambda n: (self.now[n].checked or self.now[n].same_since, n)):
            p = self.now[name]
            if not questions.may_check():
                waits = p.why if p.checked else "It has not been looked into yet: its turn comes."
                self.now[name] = self._told(name, p, waits)
                continue
            why = questions.why_unsettled(name, self._moving[name])
            if why is None:
                yield name
            else:
                p = replace(p, checked=self._now_s)
                self.now[name] = self._told(name, p, why if why.endswith(".") else f"{why}.")

    def ask(self, ready: list[str], in_flight: Collection[str]) -> list[str]:
        """Mark the entries as asked for, and return those that have to be."""
        for name in ready:
            p, waiting = self.now[name], name in in_flight
            n = p.attempt if waiting and p.attempt else p.attempt + 1
            asked = p.asked if waiting and p.attempt else self._now_s
            why = "It is complete; its inventory is asked for."
            if p.look == GONE:
                why = f"{self._why_gone(name)} Its inventory is asked for."
            if n > 1:
                ago = f"Its inventory has been asked for {n} times"
                why = f"{ago}: see why the runs of session_inventory have not come to it."
            p = replace(p, attempt=n, asked=asked)
            state = State.VANISHED if p.look == GONE else State.SETTLED
            self.now[name] = self._moved(p, state, why)
        return sorted(name for name in ready if name not in in_flight)

    def requests(self, names: list[str]) -> Iterator[Request]:
        """Yield requests for entries that were marked."""
        size = self._options.max_entries
        for i in range(0, len(names), size):
            part = tuple(names[i : i + size])
            yield Request(self._run_key(part), {name: self.now[name].look for name in part})

    def _run_key(self, names: tuple[str, ...]) -> str:
        """Return what makes a request the same: how entries look and looked, and the attempt."""
        digest = hashlib.blake2b(digest_size=16)
        for name in names:
            known, p = self._seen.entries.get(name), self.now[name]
            before = f"{known.look} {known.at} {known.vanished}" if known else ""
            text = f"{name}\0{p.look}\0{before}\0{p.attempt}\n"
            digest.update(text.encode("utf-8", "surrogateescape"))
        return f"entries-{digest.hexdigest()}"

    def states(self, pending: Mapping[str, Pending]) -> tuple[EntryState, ...]:
        """Return pending entries as people see them."""
        entries = self._seen.entries
        return tuple(
            EntryState(
                entry=name,
                state=p.state,
                since=datetime.fromtimestamp(p.since, UTC).isoformat(timespec="seconds"),
                why=p.why,
                sessions=entries[name].sessions if name in entries else [],
            )
            for name, p in pending.items()
        )


def _retry_after_s(attempt: int) -> int:
    """Return the wait after the given attempt, in seconds: 1, 2, 4 ... minutes."""
    return min(MAX_WAIT_S, _FIRST_RETRY_S << min(attempt - 1, 10))


def _check_at_s(p: Pending) -> int:
    """Return when an entry that stays as it is may be looked into again; ever more rarely.

    Not never: that a file is no longer open for writing, for one, cannot be seen from outside.
    """
    if not p.checked:
        return 0
    return p.checked + min(MAX_WAIT_S, (p.checked - p.same_since) // 2)
