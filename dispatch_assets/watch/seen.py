"""The index of entries of the data root, as they looked when they were inventoried last.

``<store>/entries.json``. The sensor `new_sessions` asks for an inventory of what looks otherwise.
It is an aid and not a record: without it, or with a damaged one, everything is looked at again,
which changes nothing in what was dispatched. So two inventories that write it at once do no harm:
the one that comes last may undo what the other has noted, and those entries are looked at again.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dispatch_assets.errors import StoreError
from dispatch_assets.models import dump_json
from dispatch_assets.store import JsonFolder, is_damage
from dispatch_assets.watch.looks import Look

SCHEMA_VERSION = 1
_NAME = "entries"
_NO_LOOK = ""  # like that of no entry


@dataclass(frozen=True)
class SeenEntry:
    """An entry as it was inventoried.

    Attributes
    ----------
    look
        Digest of what it looked like before it was read.
    sessions
        Names of the sessions in it.
    at
        When it was inventoried, UTC, ISO 8601.
    problem
        What is wrong with it as a whole; empty if nothing is.
    vanished
        When it was missed first, UTC, ISO 8601; empty if it is there.
    """

    look: str
    sessions: list[str] = field(default_factory=list)
    at: str = ""
    problem: str = ""
    vanished: str = ""


@dataclass(frozen=True)
class Inventoried:
    """What an inventory has looked at.

    Attributes
    ----------
    looks_before
        What the entries looked like *before* they were read, so that what has changed meanwhile
        is seen later (`roots.WatchedRoot.looks`).
    sessions
        Names of the sessions found in each.
    problems
        What is wrong with an entry as a whole, for those with which something is.
    entries
        Names of the entries that were looked at, whether they are there or not; empty: all. Those
        that are known and not in `looks_before` have vanished.
    skipped
        Entries that are there but were not read, as they were not settled (any more); what was
        known about them stays.
    unanswered
        Entries of which the disk or share gave no answer, at least in part; they are asked for
        again, however they look.
    """

    looks_before: Mapping[str, Look]
    sessions: Mapping[str, Collection[str]]
    problems: Mapping[str, str] = field(default_factory=dict)
    entries: Collection[str] = ()
    skipped: Collection[str] = ()
    unanswered: Collection[str] = ()


class Seen(BaseModel):
    """What is known about the entries of one data root."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: int = SCHEMA_VERSION
    root: str = Field(default="", description="Absolute path of the data root.")
    entries: dict[str, SeenEntry] = Field(
        default_factory=dict, description="By name in the data root."
    )

    @classmethod
    def read(cls, store: str, root: str | os.PathLike[str]) -> Self:
        """Return the index of a store; empty if it is damaged, or of another data root.

        Raises
        ------
        StoreError
            If the store cannot be read.
        """
        folder, place = JsonFolder(store), _place(root)
        if not folder.exists(_NAME):
            return cls(root=place)
        try:
            seen = cls.model_validate(folder.read(_NAME))
        except ValidationError:
            return cls(root=place)
        except StoreError as e:
            if is_damage(e):
                return cls(root=place)
            raise
        is_ours = seen.schema_version == SCHEMA_VERSION and seen.root == place
        return seen if is_ours else cls(root=place)

    def at_rest(self, entry: str, look: Look) -> bool:
        """Say whether an entry that looks so was inventoried as it is."""
        known = self.entries.get(entry)
        return known is not None and known.look == look.digest and not known.vanished

    @classmethod
    def record(
        cls, store: str, root: str | os.PathLike[str], done: Inventoried, now: datetime
    ) -> None:
        """Write down what an inventory has looked at. Call it last, when all else is written.

        Parameters
        ----------
        store, root
            Folder or URL of the store; the data root.
        done
            What was looked at.
        now
            The time, with its zone.

        Raises
        ------
        StoreError
            If it cannot be written.
        """
        at, before = now.isoformat(timespec="seconds"), cls.read(store, root)
        known = dict(before.entries)
        for name in done.entries or before.entries:
            if name in known and name not in done.looks_before and name not in done.skipped:
                known[name] = replace(known[name], vanished=known[name].vanished or at)
        for name, look in done.looks_before.items():
            if name in done.unanswered and name in known:
                known[name] = replace(known[name], look=_NO_LOOK)
            elif name in done.skipped or name in done.unanswered:
                continue
            elif not done.entries or name in done.entries:
                sessions = sorted(done.sessions.get(name, ()))
                entry = SeenEntry(look.digest, sessions, at, done.problems.get(name, ""))
                known[name] = _unless_same(known.get(name), entry)
        index = cls(root=_place(root), entries=known)
        if index != before or not JsonFolder(store).exists(_NAME):
            JsonFolder(store).write(_NAME, _dumped(index))


def _place(root: str | os.PathLike[str]) -> str:
    return os.path.normpath(Path(root).absolute())


def _unless_same(before: SeenEntry | None, now: SeenEntry) -> SeenEntry:
    """Keep the time since when an entry is as it is."""
    same = before is not None and replace(before, at=now.at) == now
    return before if before is not None and same else now


def _dumped(index: Seen) -> str:
    return dump_json(index.model_dump(mode="python"))
