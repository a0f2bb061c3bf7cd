"""From keys to jobs: each session is opened once for all of its keys. Knows nothing of Dagster."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dispatch_assets.defs.files import Shards
from dispatch_assets.errors import DispatchError, StreamError, UnknownJobError
from dispatch_assets.models import Inventory, InventoryEntry, SortingJob
from dispatch_assets.params import DispatchParams

if TYPE_CHECKING:
    from dispatch_assets.planning import SessionPlan

CODE_VERSION = "1"
"""Raise it when jobs of unchanged recordings come out differently: all of them become stale."""


@dataclass(frozen=True)
class Outcome:
    """What became of one key.

    Attributes
    ----------
    key
        The job's key.
    job
        The job, or the error that kept it from being built.
    entry
        Its entry in the inventory; None if there is none.
    data_folder
        The folder that paths in the job are relative to.
    """

    key: str
    job: SortingJob | DispatchError
    entry: InventoryEntry | None = None
    data_folder: str = ""


def data_version(key: str, fingerprint: str | None, parameters_hash: str) -> str:
    """Return a hash of what a job follows from: its part of which files, parameters, code."""
    text = f"{key}\0{fingerprint}\0{parameters_hash}\0{CODE_VERSION}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def build(keys: Iterable[str], shards: Shards, params: DispatchParams) -> Iterator[Outcome]:
    """Build the jobs of `keys`; what goes wrong with one stays with it.

    Parameters
    ----------
    keys
        Keys of any sessions, in any order.
    shards
        The inventories that hold them.
    params
        What to dispatch, and how.

    Yields
    ------
    Outcome
        One per key, session by session.
    """
    sessions: dict[str, tuple[Inventory, list[str]]] = {}
    for key in keys:
        try:
            inventory = shards.find(key)
        except UnknownJobError as e:
            yield Outcome(key, e)
            continue
        sessions.setdefault(inventory.session.name, (inventory, []))[1].append(key)
    for inventory, wanted in sessions.values():
        yield from _build_session(inventory, wanted, params)


def _build_session(
    inventory: Inventory, keys: Iterable[str], params: DispatchParams
) -> Iterator[Outcome]:
    from dispatch_assets.jobs import JobBuilder
    from dispatch_assets.planning import plan_session

    plan = plan_session(inventory.session, params)
    builder = JobBuilder(plan, params)
    entries = {str(e.job_key): e for e in inventory.jobs}
    for key in keys:
        built: SortingJob | DispatchError
        try:
            built = builder.build(plan.job(key))
        except UnknownJobError as e:
            built = _reason(plan, entries[key]) or e
        except DispatchError as e:
            built = e
        yield Outcome(key, built, entries[key], inventory.session.data_folder)


def _reason(plan: SessionPlan, entry: InventoryEntry) -> DispatchError | None:
    """Return why a job of the inventory is none any more, if the session says so now."""
    for now in plan.inventory.entries:
        same_stream = (now.block, now.stream) == (entry.block, entry.stream)
        about_it = same_stream and now.segment in (None, entry.segment)
        if now.status != "job" and (about_it or not (now.block or now.stream)):
            return StreamError(now.message or str(now.reason), reason=str(now.reason))
    return None
