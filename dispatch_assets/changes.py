"""What a look at sessions found, compared with what the store knows about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatch_assets.models import Inventory, InventoryEntry, Reason
from dispatch_assets.naming import file_stem
from dispatch_assets.shards import Shards, Tombstone, Tombstones

Identity = tuple[str | None, str, str, int | None, str | None]


@dataclass(frozen=True)
class Change:
    """One recording that is new or has changed."""

    key: str
    now: InventoryEntry
    before: InventoryEntry | None = None
    renamed_from: str = ""


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
    renamed
        Keys of vanished recordings that are there under another key, with that key.
    """

    whole: bool
    inventories: list[Inventory] = field(default_factory=list)
    others: list[InventoryEntry] = field(default_factory=list)
    new: list[Change] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    returned: list[Change] = field(default_factory=list)
    vanished: dict[str, InventoryEntry] = field(default_factory=dict)
    vanished_sessions: list[str] = field(default_factory=list)
    renamed: dict[str, str] = field(default_factory=dict)
    _shards: list[Inventory] = field(default_factory=list)
    _tombstones: dict[str, Tombstones] = field(default_factory=dict)

    @property
    def entries(self) -> list[InventoryEntry]:
        """Everything found, session after session."""
        return [*(e for i in self.inventories for e in i.entries), *self.others]

    @property
    def jobs(self) -> dict[str, InventoryEntry]:
        """The jobs found, by key."""
        return {str(e.job_key): e for i in self.inventories for e in i.jobs}

    def save(self, shards: Shards, looked_at: Collection[str] = ()) -> None:
        """Write what differs from the store.

        Parameters
        ----------
        shards
            The store.
        looked_at
            Entries of the data root that were looked at, if only some were.
        """
        for inventory in self._shards:
            shards.write(inventory)
        for tombstones in self._tombstones.values():
            shards.write_tombstones(tombstones)
        if self.whole:
            shards.write_not_sessions(self.others)
        elif looked_at:
            before = shards.not_sessions_or_none() or []  # a full scan finds the others again
            kept = [e for e in before if e.session_name not in looked_at]
            shards.write_not_sessions([*kept, *self.others])

    def add(self, inventory: Inventory, shards: Shards) -> None:
        """Compare a session with its shard."""
        stem = file_stem(inventory.session.name)
        before, stones = shards.read_or_none(stem), shards.tombstones_or_none(stem)
        inventory = with_known(inventory, before)
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
                self._tombstones[stem] = fresh

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
        self._tombstones[file_stem(inventory.session.name)] = Tombstones(
            session_name=inventory.session.name,
            session_vanished_at=_now(),
            recordings=buried | _tombstones(gone),
        )

    def recognise(self, shards: Shards) -> None:
        """Recognise by content what has vanished and is there under another name."""
        jobs = {key: identity(entry) for key, entry in self.jobs.items()}
        several = {what for what, n in Counter(jobs.values()).items() if n > 1}  # copies
        now = {what: key for key, what in jobs.items() if what not in several}
        for stem in {*shards.with_tombstones(), *self._tombstones} if now else ():
            stones = self._tombstones.get(stem) or shards.tombstones_or_none(stem)
            if stones is None:
                continue
            found = {
                key: stone.model_copy(update={"renamed_to": now[identity(stone.entry)]})
                for key, stone in stones.recordings.items()
                if not stone.renamed_to and identity(stone.entry) in now
            }
            if found:
                update = {"recordings": {**stones.recordings, **found}}
                self._tombstones[stem] = stones.model_copy(update=update)
                self.renamed |= {key: str(stone.renamed_to) for key, stone in found.items()}
        origin = {new: old for old, new in self.renamed.items()}
        self.new = [Change(c.key, c.now, c.before, origin.get(c.key, "")) for c in self.new]


def with_known(now: Inventory, before: Inventory | None) -> Inventory:
    """Add the jobs, as they were, of streams of which the disk or share gave no answer."""
    silent = [e for e in now.entries if e.reason == Reason.NO_ANSWER]
    if before is None or not silent:
        return now
    there = {e.job_key for e in now.jobs}
    known = [e for e in before.jobs if e.job_key not in there and _is_part_of(e, silent)]
    return now.model_copy(update={"entries": [*now.entries, *known]})


def _is_part_of(job: InventoryEntry, silent: Collection[InventoryEntry]) -> bool:
    """Say whether a job belongs to one of some streams; an empty name stands for all of them."""
    return any(e.block in ("", job.block) and _has_name(e.stream, job.stream) for e in silent)


def _has_name(pattern: str, stream: str) -> bool:
    if pattern.endswith("*"):  # all streams of a folder that could not be listed
        return stream.startswith(pattern[:-1])
    return pattern in ("", stream)


def identity(entry: InventoryEntry) -> Identity:
    """Return what stays the same if a session gets another name."""
    return entry.fingerprint, entry.block, entry.stream, entry.segment, entry.group


def _tombstones(gone: Mapping[str, InventoryEntry]) -> dict[str, Tombstone]:
    now = _now()
    return {key: Tombstone(vanished_at=now, entry=entry) for key, entry in gone.items()}


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
