"""What the store holds, and where.

::

    <store>/session_inventory/<session>.json   one `models.Inventory` per session ("shard")
    <store>/vanished/<session>.json            what used to be in the session (tombstones)
    <store>/not_sessions.json                  entries of the data root that are no session
    <store>/sorting_jobs/job_<key>.json        one `models.SortingJob` per recording

Nothing is ever deleted.
"""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from dispatch_assets import naming
from dispatch_assets.errors import NamingError, StoreError, UnknownJobError
from dispatch_assets.models import Inventory, InventoryEntry, SortingJob, dump_json
from dispatch_assets.store import JsonFolder

_NOT_SESSIONS = "not_sessions"
_ENTRIES = TypeAdapter(list[InventoryEntry])


class Tombstone(BaseModel):
    """A recording that was there once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    vanished_at: str = Field(description="When it was missed first, UTC, ISO 8601.")
    entry: InventoryEntry = Field(description="What was known about it.")


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
        self._inventories = JsonFolder(_below(store, "session_inventory"))
        self._vanished = JsonFolder(_below(store, "vanished"))
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
        return _parsed(self._inventories, stem, Inventory)

    def read_or_none(self, stem: str) -> Inventory | None:
        """Return the inventory of a session; None if it is missing, damaged or of an old schema."""
        if not self._inventories.exists(stem):
            return None
        try:
            return self.read(stem)
        except StoreError as e:
            if isinstance(e.__cause__, ValueError):  # the text is the problem, not the disk
                return None
            raise

    def write(self, inventory: Inventory) -> None:
        """Write the inventory of a session."""
        stem = naming.file_stem(inventory.session.name)
        self._inventories.write(stem, dump_json(inventory.model_dump(mode="json")))

    def tombstones(self, stem: str) -> Tombstones | None:
        """Return what used to be in a session, None if nothing has vanished."""
        return _parsed(self._vanished, stem, Tombstones) if self._vanished.exists(stem) else None

    def write_tombstones(self, tombstones: Tombstones) -> None:
        """Write what used to be in a session."""
        stem = naming.file_stem(tombstones.session_name)
        self._vanished.write(stem, dump_json(tombstones.model_dump(mode="json")))

    def not_sessions(self) -> list[InventoryEntry]:
        """Return the entries of the data root that are no session, as the last scan found them."""
        if not self._root.exists(_NOT_SESSIONS):
            return []
        return _ENTRIES.validate_python(self._root.read(_NOT_SESSIONS))

    def write_not_sessions(self, entries: list[InventoryEntry]) -> None:
        """Write the entries of the data root that are no session."""
        self._root.write(_NOT_SESSIONS, dump_json([e.model_dump(mode="json") for e in entries]))

    def present(self) -> list[Inventory]:
        """Return the inventories of all sessions that have not vanished."""
        stones = {stem: self.tombstones(stem) for stem in self._vanished.names()}
        gone = {stem for stem, s in stones.items() if s is not None and s.session_vanished_at}
        return [self.read(stem) for stem in self.names() if stem not in gone]

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
            stones = self.tombstones(stem)
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
    now = why_no_job(inventory, stone.entry)
    what = f"its recording is gone since {stone.vanished_at}{f': {now.message}' if now else ''}"
    remedy = "Its job and results are kept. Bring the data back, then materialize session_inventory"
    return UnknownJobError(what, key, remedy)


class JobFiles:
    """The job files, one per partition; their content is exactly ``SortingJob.to_json()``.

    Parameters
    ----------
    store
        Folder or URL of the store.
    """

    def __init__(self, store: str) -> None:
        self._folder = JsonFolder(_below(store, "sorting_jobs"))

    def path(self, key: str) -> str:
        """Return the path or URL of a job's file."""
        return str(self._folder.path(_job_stem(key)))

    def keys(self) -> set[str]:
        """Return the keys of all jobs that have a file."""
        prefix = _job_stem("")
        return {n.removeprefix(prefix) for n in self._folder.names() if n.startswith(prefix)}

    def write(self, job: SortingJob) -> str:
        """Write a job, whole or not at all, and return its path or URL."""
        return str(self._folder.write(_job_stem(job.job_key), job.to_json()))

    def is_made_from(self, key: str, fingerprint: str | None, parameters_hash: str) -> bool:
        """Return whether a job's file is there and says that it was made from these."""
        try:
            job = self._folder.read(_job_stem(key))
        except StoreError:
            return False  # missing or damaged: it has to be written
        made_from = isinstance(job, dict) and (job.get("fingerprint"), job.get("parameters_hash"))
        return made_from == (fingerprint, parameters_hash)

    def read(self, key: str) -> SortingJob:
        """Return a job.

        Raises
        ------
        StoreError
            If its file is missing, damaged or not a job.
        """
        return _parsed(self._folder, _job_stem(key), SortingJob)


_Model = TypeVar("_Model", bound=BaseModel)


def _parsed(folder: JsonFolder, name: str, model: type[_Model]) -> _Model:
    try:
        return model.model_validate(folder.read(name))
    except ValidationError as e:
        fields = ", ".join(".".join(map(str, x["loc"])) for x in e.errors()[:5])
        what = f"is not what this version writes ({fields})"
        raise StoreError(what, folder.path(name), "Materialize it again") from e


def _job_stem(key: str) -> str:
    return PurePath(naming.job_file_name(key)).stem


def _below(store: str, folder: str) -> str:
    return f"{store.rstrip('/')}/{folder}" if "://" in store else str(Path(store) / folder)
