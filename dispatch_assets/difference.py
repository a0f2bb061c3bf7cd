"""What a plan would change: jobs that are new, gone, different or as they were, and why."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from dispatch_assets.changes import Identity, identity
from dispatch_assets.dispatch import ASIDE
from dispatch_assets.errors import StoreError, count
from dispatch_assets.fingerprint import differences
from dispatch_assets.models import Inventory, InventoryEntry
from dispatch_assets.naming import job_file_name
from dispatch_assets.params import DispatchParams
from dispatch_assets.report import print_failures
from dispatch_assets.shards import Shards, why_no_job

Kind = Literal["added", "changed", "removed", "unchanged"]
KINDS: tuple[Kind, ...] = ("added", "changed", "removed", "unchanged")


class JobDifference(BaseModel):
    """What would become of one job."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    job_key: str
    session_name: str
    recording_name: str
    change: Kind
    reasons: list[str] = Field(description="Why, one clause each; empty if nothing changes.")


def before_in(place: str) -> list[Inventory]:
    """Return the inventories that earlier jobs were made from.

    Parameters
    ----------
    place
        Store of the Dagster assets (folder or URL), or a results folder of ``dispatch``.

    Raises
    ------
    StoreError
        If it is neither, or damaged.
    """
    shards = Shards(place)
    if shards.names():
        return shards.present()
    aside = Shards(str(Path(place, ASIDE)))
    if "://" in place or not aside.names():
        remedy = "Name the store of Dagster, or the results folder of an earlier `dispatch`"
        raise StoreError("holds neither inventories nor jobs", place, remedy)
    return [_with_files(inventory, Path(place)) for inventory in aside.present()]


def _with_files(inventory: Inventory, results: Path) -> Inventory:
    """Leave out jobs that have no file any more: later runs have set them aside."""
    kept = [
        e
        for e in inventory.entries
        if e.status != "job" or (results / job_file_name(str(e.job_key))).exists()
    ]
    return inventory.model_copy(update={"entries": kept})


def compare(
    before: Iterable[Inventory], now: Iterable[Inventory], scanned: str
) -> list[JobDifference]:
    """Compare the jobs of a plan with those that there are.

    Parameters
    ----------
    before
        Inventories of earlier jobs.
    now
        Inventories of the plan.
    scanned
        The data folder if the plan is about all of it; earlier sessions of it that the plan does
        not have are gone. Empty: only sessions of the plan are compared.
    """
    then, planned = _by_session(before), _by_session(now)
    identities = {identity(e): str(e.job_key) for i in then.values() for e in i.jobs}
    found: list[JobDifference] = []
    for name, inventory in planned.items():
        found += _session(then.get(name), inventory, identities)
    for name, inventory in then.items():
        if name not in planned and inventory.session.data_folder == scanned:
            why = ["the session is not in the data folder any more"]
            found += [_difference(e, "removed", why) for e in inventory.jobs]
    return found


def _by_session(inventories: Iterable[Inventory]) -> dict[str, Inventory]:
    return {inventory.session.name: inventory for inventory in inventories}


def _session(
    then: Inventory | None, now: Inventory, identities: Mapping[Identity, str]
) -> Iterator[JobDifference]:
    known = {str(e.job_key): e for e in then.jobs} if then else {}
    parameters = _changed_parameters(then, now)
    for entry in now.jobs:
        before = known.pop(str(entry.job_key), None)
        if before is None:
            yield _difference(entry, "added", _why_added(then, entry, parameters, identities))
            continue
        why = parameters + _changed_files(before, entry)
        yield _difference(entry, "changed" if why else "unchanged", why)
    for entry in known.values():
        no_job = why_no_job(now, entry)
        why = [no_job.message] if no_job else parameters or ["it is not in the session any more"]
        yield _difference(entry, "removed", why)


def _changed_parameters(then: Inventory | None, now: Inventory) -> list[str]:
    """Return which parameters differ; those at their defaults are not written down."""
    if then is None or then.parameters_hash == now.parameters_hash:
        return []
    names = sorted({*then.parameters, *now.parameters})
    told = [
        f"{name} was {_shown(then, name)}, is {_shown(now, name)}"
        for name in names
        if then.parameters.get(name) != now.parameters.get(name)
    ]
    return told or ["the parameters have changed"]


def _shown(inventory: Inventory, name: str) -> str:
    field = DispatchParams.model_fields.get(name)
    default = field.get_default(call_default_factory=True) if field is not None else None
    return str(inventory.parameters.get(name, default))


def _changed_files(before: InventoryEntry, now: InventoryEntry) -> list[str]:
    if before.fingerprint == now.fingerprint:
        return []
    return differences(before.raw_files, now.raw_files) or ["the raw files have changed"]


def _why_added(
    then: Inventory | None,
    entry: InventoryEntry,
    parameters: Sequence[str],
    identities: Mapping[Identity, str],
) -> list[str]:
    if same := identities.get(identity(entry)):
        return [f"same data as {same}: renamed or copied", *parameters]
    if then is None:
        return ["the session is new"]
    no_job = why_no_job(then, entry)
    if no_job is not None:
        return [f"could not be dispatched before: {no_job.message}", *parameters]
    return list(parameters) or ["the recording is new"]


def _difference(entry: InventoryEntry, change: Kind, reasons: Sequence[str]) -> JobDifference:
    return JobDifference(
        job_key=str(entry.job_key),
        session_name=entry.session_name,
        recording_name=str(entry.recording_name),
        change=change,
        reasons=list(reasons),
    )


def print_differences(found: Sequence[JobDifference], entries: Sequence[InventoryEntry]) -> None:
    """Print what would become of every job and why, and what fails.

    Parameters
    ----------
    found
        What would become of every job.
    entries
        The inventory of the plan.
    """
    for change in KINDS:
        these = [d for d in found if d.change == change]
        if these:
            print(f"{change}:")
        for d in these:
            print(f"  {d.job_key}")
            for line in (line for why in d.reasons for line in textwrap.wrap(why, 92)):
                print(f"      {line}")
    print_failures([e for e in entries if e.status == "failed"])
    kinds = Counter(d.change for d in found)
    told = ", ".join(f"{kinds[k]} {k}" for k in KINDS)
    print(f"\n{count(len(found), 'job')}: {told}")
