"""What the store holds, and where.

::

    <store>/session_inventory/<session>.json   one `models.Inventory` per session ("shard")
    <store>/vanished/<session>.json            what used to be in the session (tombstones)
    <store>/not_sessions.json                  entries of the data root that are no session

Nothing is ever deleted.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dispatch_assets import naming
from dispatch_assets.errors import NamingError, StoreError, UnknownJobError
from dispatch_assets.models import Inventory, InventoryEntry, dump_json
from dispatch_assets.store import JsonFolder, below, is_damage, parsed

_NOT_SESSIONS = "not_sessions"
_ENTRIES = TypeAdapter(list[InventoryEntry])


class Tombstone(BaseModel):
    """A recording that was there once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vanished_at: str = Field(description="When it was missed first, UTC, ISO 8601.")
    entry: InventoryEntry = Field(description="What was known about it.")
    renamed_to: str | None = Field(
        default=None, description="Key under which the same recording was found again."
    )


class Tombstones(BaseModel):
    """What used to be in a session."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    session_name: str
    session_vanished_at: str | None = Field(
        default=None, description="When the whole session was missed first; null if it is there."
    )
    recordings: dict[str, Tombstone] = Field(default_factory=dict)


class Shards:
    """The inventories, one JSON file per session.

    Parameters
    ----------
    store
        Folder or URL of the store.
    """

    def __init__(self, store: str) -> None:
        self._inventories = JsonFolder(below(store, "session_inventory"))
        self._vanished = JsonFolder(below(store, "vanished"))
        self._root = JsonFolder(store)

    @property
    def place(self) -> str:
        """Folder of the inventories."""
        return str(self._inventories.base)

    def names(self) -> list[str]:
        """Return the file stems (`naming.file_stem`) of all sessions ever seen."""
        return self._inventories.names()

    def read(self, stem: str) -> Inventory:
        """Return the inventory of a session.

        Raises
        ------
        StoreError
            If it is missing or damaged.
        """
        return parsed(self._inventories, stem, Inventory)

    def read_or_none(self, stem: str) -> Inventory | None:
        """Return the inventory of a session; None if it is missing, damaged or of an old schema."""
        if not self._inventories.exists(stem):
            return None
        try:
            return self.read(stem)
        except StoreError as e:
            if is_damage(e):
                return None
            raise

    def write(self, inventory: Inventory) -> None:
        """Write the inventory of a session."""
        stem = naming.file_stem(inventory.session.name)
        self._inventories.write(stem, dump_json(inventory.model_dump(mode="json")))

    def tombstones(self, stem: str) -> Tombstones | None:
        """Return what used to be in a session, None if nothing has vanished.

        Raises
        ------
        StoreError
            If the file cannot be read, or is damaged.
        """
        return parsed(self._vanished, stem, Tombstones) if self._vanished.exists(stem) else None

    def tombstones_or_none(self, stem: str) -> Tombstones | None:
        """Return what used to be in a session; None as well if that is damaged.

        One damaged file must not stop the inventory of all sessions; what is still missing gets a
        new tombstone.
        """
        try:
            return self.tombstones(stem)
        except StoreError as e:
            if is_damage(e):
                return None
            raise

    def with_tombstones(self) -> list[str]:
        """Return the file stems of all sessions of which something has vanished."""
        return self._vanished.names()

    def write_tombstones(self, tombstones: Tombstones) -> None:
        """Write what used to be in a session."""
        stem = naming.file_stem(tombstones.session_name)
        self._vanished.write(stem, dump_json(tombstones.model_dump(mode="json")))

    def not_sessions(self) -> list[InventoryEntry]:
        """Return the entries of the data root that are no session, as the last scan found them.

        Raises
        ------
        StoreError
            If the file cannot be read, or is damaged.
        """
        if not self._root.exists(_NOT_SESSIONS):
            return []
        value = self._root.read(_NOT_SESSIONS)
        try:
            return _ENTRIES.validate_python(value)
        except ValidationError as e:
            what, place = "is not what this version writes", self._root.path(_NOT_SESSIONS)
            raise StoreError(what, place, "Materialize it again") from e

    def not_sessions_or_none(self) -> list[InventoryEntry] | None:
        """Return the entries that are no session; None if their file is damaged."""
        try:
            return self.not_sessions()
        except StoreError as e:
            if is_damage(e):
                return None
            raise

    def write_not_sessions(self, entries: list[InventoryEntry]) -> None:
        """Write the entries of the data root that are no session."""
        self._root.write(_NOT_SESSIONS, dump_json([e.model_dump(mode="json") for e in entries]))

    def present(self) -> list[Inventory]:
        """Return the inventories of all sessions that have not vanished, but for damaged ones.

        The next scan writes those anew if their sessions are still there, and nobody can if not.
        """
        stones = {stem: self.tombstones_or_none(stem) for stem in self._vanished.names()}
        gone = {stem for stem, s in stones.items() if s is not None and s.session_vanished_at}
        found = (self.read_or_none(stem) for stem in self.names() if stem not in gone)
        return [inventory for inventory in found if inventory is not None]

    def find(self, key: str) -> Inventory:
        """Return the inventory that holds the job `key`.

        Raises
        ------
        UnknownJobError
            If there is no such job, or its recording has vanished.
        """
        for stem in self._stems(key):
            inventory = self.read_or_none(stem)
            if inventory is None:
                continue
            stones = self.tombstones_or_none(stem)
            if stones is not None and key in stones.recordings:
                raise _gone(key, stones.recordings[key], inventory)
            if any(e.job_key == key for e in inventory.jobs):
                return inventory
        remedy = "Check its spelling; if its session is new, materialize session_inventory first"
        raise UnknownJobError("no inventory holds this recording", key, remedy)

    def _stems(self, key: str) -> list[str]:
        """Return the sessions that `key` could belong to; a shortened key may belong to any."""
        try:
            return [naming.file_stem(naming.parse_job_key(key)[0])]
        except NamingError:
            return self.names() if len(key) > naming.MAX_KEY_LENGTH - len("~hh") else []


def why_no_job(inventory: Inventory, entry: InventoryEntry) -> InventoryEntry | None:
    """Return what an inventory says about a stream that used to be a job, None if nothing."""
    for now in inventory.entries:
        same_stream = (now.block, now.stream) == (entry.block, entry.stream)
        about_it = same_stream and now.segment in (None, entry.segment)
        if now.status != "job" and (about_it or not (now.block or now.stream)):
            return now
    return None


def _gone(key: str, stone: Tombstone, inventory: Inventory) -> UnknownJobError:
    if stone.renamed_to:
        what = f"its recording is now called {stone.renamed_to}; the data are the same"
        return UnknownJobError(what, key, "The results made under the old name are kept")
    now = why_no_job(inventory, stone.entry)
    what = f"its recording is gone since {stone.vanished_at}{f': {now.message}' if now else ''}"
    remedy = "Its job and results are kept. Bring the data back, then materialize session_inventory"
    return UnknownJobError(what, key, remedy)
