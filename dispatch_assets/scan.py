"""The data root against the store: what is new, what changed, what vanished.

Opens headers only and writes nothing until `Scan.save`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatch_assets.discovery import Discovery, discover
from dispatch_assets.errors import MassRemovalError, ParameterError, count
from dispatch_assets.models import Inventory, InventoryEntry, Session
from dispatch_assets.naming import file_stem
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets.shards import Shards, Tombstone, Tombstones

FEW_SESSIONS = 3  # so many may always vanish at once
MANY_SESSIONS = 0.2  # more than this part of all sessions look like an unmounted disk
MOUNT_OR = "Mount the disk; if they are gone for good, run again"


@dataclass(frozen=True)
class Change:
    """One recording that is new or has changed."""

    key: str
    now: InventoryEntry
    before: InventoryEntry | None = None


@dataclass
class Scan:
    """What a scan found.

    Attributes
    ----------
    whole
        Whether all sessions were looked at.
    inventories
        The sessions looked at, as they are now.
    others
        Entries of the data root that are no session.
    new, changed, returned, vanished
        Recordings by what became of them since the last scan. Those returned are as they were;
        those vanished are given as they were last, by key.
    vanished_sessions
        Sessions of which nothing is left.
    """

    whole: bool
    inventories: list[Inventory] = field(default_factory=list)
    others: list[InventoryEntry] = field(default_factory=list)
    new: list[Change] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    returned: list[Change] = field(default_factory=list)
    vanished: dict[str, InventoryEntry] = field(default_factory=dict)
    vanished_sessions: list[str] = field(default_factory=list)
    _shards: list[Inventory] = field(default_factory=list)
    _tombstones: list[Tombstones] = field(default_factory=list)

    @property
    def entries(self) -> list[InventoryEntry]:
        """Everything found, session after session."""
        return [*(e for i in self.inventories for e in i.entries), *self.others]

    @property
    def jobs(self) -> dict[str, InventoryEntry]:
        """The jobs found, by key."""
        return {str(e.job_key): e for i in self.inventories for e in i.jobs}

    def save(self, shards: Shards) -> None:
        """Write what differs from the store."""
        for inventory in self._shards:
            shards.write(inventory)
        for tombstones in self._tombstones:
            shards.write_tombstones(tombstones)
        if self.whole:
            shards.write_not_sessions(self.others)

    def add(self, inventory: Inventory, shards: Shards) -> None:
        """Compare a session with its shard."""
        stem = file_stem(inventory.session.name)
        before, stones = shards.read_or_none(stem), shards.tombstones(stem)
        buried = stones.recordings if stones else {}
        known = {str(e.job_key): e for e in (before.jobs if before else [])}
        now = {str(e.job_key): e for e in inventory.jobs}
        for key, entry in now.items():
            self._compare(key, entry, known.get(key), buried.get(key))
        gone = {k: e for k, e in known.items() if k not in now and k not in buried}
        self.vanished |= gone
        self.inventories.append(inventory)
        if inventory != before:
            self._shards.append(inventory)
        kept = {k: s for k, s in buried.items() if k not in now} | _tombstones(gone)
        if stones or kept:
            fresh = Tombstones(session_name=inventory.session.name, recordings=kept)
            if fresh != stones:
                self._tombstones.append(fresh)

    def _compare(
        self,
        key: str,
        entry: InventoryEntry,
        known: InventoryEntry | None,
        buried: Tombstone | None,
    ) -> None:
        before = buried.entry if buried else known
        if before is None:
            self.new.append(Change(key, entry))
        elif before.fingerprint != entry.fingerprint:
            self.changed.append(Change(key, entry, before))
        elif buried:
            self.returned.append(Change(key, entry, before))

    def bury(self, inventory: Inventory, stones: Tombstones | None) -> None:
        """Mark a session as vanished; its shard stays as it is."""
        buried = stones.recordings if stones else {}
        gone = {str(e.job_key): e for e in inventory.jobs if e.job_key not in buried}
        self.vanished |= gone
        self.vanished_sessions.append(inventory.session.name)
        fresh = Tombstones(
            session_name=inventory.session.name,
            session_vanished_at=_now(),
            recordings=buried | _tombstones(gone),
        )
        self._tombstones.append(fresh)


def scan(
    root: str,
    params: DispatchParams,
    shards: Shards,
    *,
    sessions: Sequence[str] = (),
    allow_mass_removal: bool = False,
    on_session: Callable[[str], None] = lambda _: None,
) -> Scan:
    """Look at the sessions of a data root, header by header.

    Parameters
    ----------
    root
        The data root.
    params
        What to dispatch; its `sessions` narrow down every scan.
    shards
        What is known.
    sessions
        Names of the sessions to look at; empty means all.
    allow_mass_removal
        Accept that most sessions are gone.
    on_session
        Called with each session's name when its turn comes.

    Raises
    ------
    DataRootError
        If the data root is missing.
    MassRemovalError
        If it is empty, or looks unmounted; with a remedy for the Dagster launchpad.
    ParameterError
        If a named session neither exists nor ever existed.
    """
    found = discover(root, params.model_copy(update={"sessions": []}))
    there = {file_stem(s.name): s for s in found.sessions}
    known = set(shards.names())
    wanted = _wanted([*sessions] or params.sessions, there, known)
    lost = _lost(shards, known - set(there), wanted)
    if not allow_mass_removal:
        _refuse_unmounted(root, found, lost, len(known))
    result = Scan(whole=wanted is None, others=list(found.others))
    for stem, session in there.items():
        if wanted is None or stem in wanted:
            on_session(session.name)
            result.add(plan_session(session, params).inventory, shards)
    for inventory, stones in lost:
        result.bury(inventory, stones)
    return result


def _wanted(
    names: Sequence[str], there: dict[str, Session], known: Collection[str]
) -> set[str] | None:
    """Return the stems of the sessions to look at, None for all."""
    stems = {file_stem(name): name for name in names}
    unknown = sorted(
        name for stem, name in stems.items() if stem not in there and stem not in known
    )
    if unknown:
        what = f"no session is called {', '.join(map(repr, unknown))}"
        some = ", ".join(s.name for s in [*there.values()][:20])
        raise ParameterError(what, "sessions", f"There are: {some or 'none'}")
    return set(stems) or None


def _lost(
    shards: Shards, missing: set[str], wanted: set[str] | None
) -> list[tuple[Inventory, Tombstones | None]]:
    """Return the known sessions that are not there, without those known to have vanished."""
    lost = []
    for stem in sorted(missing if wanted is None else missing & wanted):
        stones, inventory = shards.tombstones(stem), shards.read_or_none(stem)
        if inventory is not None and (stones is None or stones.session_vanished_at is None):
            lost.append((inventory, stones))
    return lost


def _refuse_unmounted(root: str, found: Discovery, lost: Sequence[object], n_known: int) -> None:
    remedy = f"{MOUNT_OR} session_inventory with `allow_mass_removal: true` in its run config"
    if not found.sessions and not found.others:
        raise MassRemovalError("the data folder is empty", root, remedy)
    too_many = len(lost) > max(FEW_SESSIONS, MANY_SESSIONS * n_known)
    if lost and (too_many or not found.sessions):
        known = count(n_known, "known session is", "known sessions are")
        raise MassRemovalError(f"{len(lost):,} of {known} missing", root, remedy)


def _tombstones(gone: Mapping[str, InventoryEntry]) -> dict[str, Tombstone]:
    now = _now()
    return {key: Tombstone(vanished_at=now, entry=entry) for key, entry in gone.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
