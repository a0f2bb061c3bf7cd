"""From keys to jobs: each session is opened once for all of its keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dispatch_assets.errors import DispatchError, StreamError, UnknownJobError
from dispatch_assets.group_members import MemberPlans
from dispatch_assets.groups import GROUP, group_name, plan_group
from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.shards import Shards, why_no_job

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
    data_folder
        The folder that paths in the job are relative to.
    """

    key: str
    job: SortingJob | DispatchError
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
    inventories: dict[str, Inventory] = {}  # by key: most sessions hold several
    sessions: dict[str, tuple[Inventory, list[str]]] = {}
    for key in keys:
        if key not in inventories:
            try:
                found = shards.find(key)
            except UnknownJobError as e:
                yield Outcome(key, e)
                continue
            inventories |= {str(job.job_key): found for job in found.jobs}
        inventory = inventories[key]
        sessions.setdefault(inventory.session.name, (inventory, []))[1].append(key)
    for inventory, wanted in sessions.values():
        if inventory.session.input_format == GROUP:
            yield from _build_group(inventory, shards, params)
        else:
            yield from _build_session(inventory, wanted, params)


def _build_group(inventory: Inventory, shards: Shards, params: DispatchParams) -> Iterator[Outcome]:
    from dispatch_assets.group_jobs import build_group_job

    for entry in inventory.jobs:
        members, folder = MemberPlans(params, shards.find), inventory.session.data_folder
        name = group_name(inventory.session)
        built: SortingJob | DispatchError
        try:
            built = build_group_job(plan_group(name, entry.members, members, folder))
        except DispatchError as e:
            built = e
        yield Outcome(str(entry.job_key), built, folder)


def _build_session(
    inventory: Inventory, keys: Iterable[str], params: DispatchParams
) -> Iterator[Outcome]:
    from dispatch_assets.jobs import JobBuilder
    from dispatch_assets.planning import plan_session

    plan = plan_session(inventory.session, params)
    builder = JobBuilder(plan)
    entries = {str(e.job_key): e for e in inventory.jobs}
    for key in keys:
        built: SortingJob | DispatchError
        try:
            built = builder.build(plan.job(key))
        except UnknownJobError as e:
            now = why_no_job(plan.inventory, entries[key])
            built = StreamError(now.message, reason=str(now.reason)) if now else e
        except DispatchError as e:
            built = e
        yield Outcome(key, built, inventory.session.data_folder)
