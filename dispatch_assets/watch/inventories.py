"""What an inventory tells those who watch: which entries it has seen, as they looked before."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatch_assets.changes import Scan
from dispatch_assets.errors import DataRootError
from dispatch_assets.models import Inventory, Reason
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import Scope, entry_of
from dispatch_assets.watch.looks import Look
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Inventoried, Seen

PAUSE_S = 5.0
"""At least, between two looks at what is new or has changed, if nobody looked at it before."""


@dataclass(frozen=True)
class OnlyComplete:
    """What an entry that is new or has changed has to be like, or it is left alone.

    Attributes
    ----------
    settle_s
        How long it has to stay as it is, in seconds, unless it is among `looked_at`.
    looked_at
        Digests of the looks at entries that the sensor has found settled: they have to be the same.
    """

    settle_s: float = 0.0
    looked_at: Mapping[str, str] = field(default_factory=dict)


class Watched:
    """One inventory of a data root that is watched. Make it before the inventory reads anything.

    Parameters
    ----------
    store, root
        Folder or URL of the store; the data root.
    params
        What to dispatch.
    sessions, entries
        What is asked for: names of sessions, or of entries of the data root; all if both are empty.
    only_complete
        Leave alone what has changed since it was inventoried and is not complete, or still changes;
        None: look at everything.

    Attributes
    ----------
    incomplete
        Entries that are left alone, with the reason.

    Raises
    ------
    ParameterError
        If the input format or the folder of settings does not exist.
    StoreError
        If the store cannot be read.
    """

    def __init__(
        self,
        store: str,
        root: str,
        params: DispatchParams,
        sessions: Sequence[str] = (),
        entries: Sequence[str] = (),
        *,
        only_complete: OnlyComplete | None = None,
    ) -> None:
        self._store, self._root = store, root
        self._watched = WatchedRoot(root, params)
        self._looks = self._look(entries)
        seen = Seen.read(store, root)
        self.incomplete: dict[str, str] = {}
        if only_complete:
            self.incomplete = self._incomplete(seen, only_complete)
        known = seen.entries if entries else {}
        before = (name for entry in entries if entry in known for name in known[entry].sessions)
        self.scope = Scope(
            tuple(sessions), tuple(entries), tuple(before), frozenset(self.incomplete)
        )

    def _look(self, entries: Collection[str]) -> dict[str, Look]:
        try:
            return self._watched.looks(entries)
        except DataRootError:  # the inventory says so, or has been told to accept it
            return {}

    def _incomplete(self, seen: Seen, wanted: OnlyComplete) -> dict[str, str]:
        looked_at = wanted.looked_at
        moved = {name: x for name, x in self._looks.items() if not seen.at_rest(name, x)}
        whys = ((n, self._why_incomplete(n, x, looked_at.get(n))) for n, x in moved.items())
        found = {name: why for name, why in whys if why is not None}
        if left := moved.keys() - found - looked_at.keys():
            time.sleep(max(PAUSE_S, wanted.settle_s))
            again = self._look(sorted(left))
            found |= {name: "it is changing" for name in left if again.get(name) != moved[name]}
        return found

    def _why_incomplete(self, name: str, look: Look, digest: str | None) -> str | None:
        if digest is not None and digest != look.digest:
            return "it has changed since its inventory was asked for"
        return self._watched.why_unsettled(name, look)

    def note(self, found: Scan) -> None:
        """Write down what was looked at. Call it when all that was found is stored.

        An inventory of named sessions notes nothing: it may have seen parts of entries only. Nor
        is anything noted of entries that gave no answer, so that they are asked for again.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        if not found.whole and not self.scope.entries:
            return
        sessions: dict[str, list[str]] = defaultdict(list)
        for inventory in found.inventories:
            sessions[entry_of(inventory.session)].append(inventory.session.name)
        done = Inventoried(
            self._looks,
            sessions,
            _problems(found),
            self.scope.entries,
            self.scope.without,
            _unanswered(found),
        )
        Seen.record(self._store, self._root, done, datetime.now(UTC))


def _unanswered(found: Scan) -> frozenset[str]:
    """Return the entries of which the disk or share gave no answer, at least in part."""
    strays = {e.session_name for e in found.others if e.reason == Reason.NO_ANSWER}
    parts = {
        entry_of(i.session)
        for i in found.inventories
        if any(e.reason == Reason.NO_ANSWER for e in i.entries)
    }
    return frozenset(strays | parts)


def _problems(found: Scan) -> dict[str, str]:
    """Return what is wrong with entries as a whole: nothing in them can be dispatched."""
    strays = {e.session_name: e.message for e in found.others if e.status == "failed"}
    sessions = {entry_of(i.session): why for i in found.inventories if (why := _why_useless(i))}
    return strays | sessions


def _why_useless(inventory: Inventory) -> str:
    whole = [e for e in inventory.failures if not e.block and not e.stream]
    return whole[0].message if whole and not inventory.jobs else ""
