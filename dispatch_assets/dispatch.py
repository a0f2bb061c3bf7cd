"""The whole way once: data folder in, job files and an inventory out."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dispatch_assets.discovery import Discovery, discover
from dispatch_assets.entries import settle_lfp
from dispatch_assets.errors import AmbiguousSessionsError, DispatchError
from dispatch_assets.group_jobs import build_group_job
from dispatch_assets.group_members import MemberPlans
from dispatch_assets.groups import GroupPlan, plan_groups
from dispatch_assets.jobs import JobBuilder
from dispatch_assets.models import Inventory, InventoryEntry, Reason, SortingJob, dump_json
from dispatch_assets.naming import job_file_name
from dispatch_assets.params import AUTO, DispatchParams
from dispatch_assets.planning import SessionPlan, plan_session
from dispatch_assets.shards import Shards
from dispatch_assets.store import JsonFolder

ASIDE = ".dispatch"
"""Folder for what is no job: the upstream pipeline hands every visible entry to a later step."""
Jobs = Iterator[tuple[InventoryEntry, SortingJob | None]]
INVENTORY_NAME, STALE_FOLDER = "inventory", "stale"


@dataclass(frozen=True)
class Report:
    """What became of a data folder.

    Attributes
    ----------
    entries
        One entry per job, and per stream, segment, session or folder that is none.
    job_files
        Paths of the job files written, by job key.
    warnings
        What a person should know about jobs, by recording name.
    stale_files
        Job files of earlier runs that no longer have a recording, where they were moved.
    inventories
        The same entries session by session, with the parameters that they rest on.
    scanned
        The data folder, if all of it was looked at; else empty.
    """

    entries: tuple[InventoryEntry, ...]
    job_files: dict[str, str]
    warnings: dict[str, list[str]] = field(default_factory=dict)
    stale_files: tuple[str, ...] = ()
    inventories: tuple[Inventory, ...] = ()
    scanned: str = ""

    @property
    def exit_status(self) -> int:
        """0 if there are jobs and nothing failed, else 1."""
        failed = any(e.status == "failed" for e in self.entries)
        return int(failed or not any(e.status == "job" for e in self.entries))


def _ignore(session: str) -> None:
    """Tell nobody about progress."""


def plan(
    data_folder: str | os.PathLike[str],
    params: DispatchParams,
    on_session: Callable[[str], None] = _ignore,
) -> Report:
    """Say what would be dispatched, what not, and why; writes nothing.

    Raises
    ------
    DispatchError
        If the data folder or the parameters make no sense; what is wrong with one session or
        stream is an entry of the report.
    """
    found = discover(data_folder, params)
    inventories, members = list[Inventory](), MemberPlans(params)
    for session in found.sessions:
        on_session(session.name)
        plan_ = plan_session(session, params)
        members.add(plan_)
        inventories.append(plan_.inventory)
    groups = plan_groups(params, members, _root(found, data_folder))
    inventories += [group.inventory for group in groups]
    entries = (e for inventory in inventories for e in inventory.entries)
    return Report(
        (*entries, *found.others), {}, inventories=tuple(inventories), scanned=found.scanned
    )


def dispatch(
    data_folder: str | os.PathLike[str],
    results_folder: str | os.PathLike[str],
    params: DispatchParams,
    on_session: Callable[[str], None] = _ignore,
) -> Report:
    """Write one job file per recording, and an inventory of everything.

    Parameters
    ----------
    data_folder
        Folder of sessions, or one session.
    results_folder
        Where ``job_<key>.json`` and ``.dispatch/inventory.json`` go; made if missing.
    params
        What to dispatch, and how.
    on_session
        Called with each session's name when its turn comes.

    Raises
    ------
    AmbiguousSessionsError
        If there are several sessions and ``multi_session`` is off.
    DispatchError
        If the data folder or the parameters make no sense, or nothing can be written.
    """
    found = discover(data_folder, params)
    _refuse_several(found, params, data_folder)
    written, members = _Written(results_folder), MemberPlans(params)
    for session in found.sessions:
        on_session(session.name)
        plan_ = plan_session(session, params)
        members.add(plan_)
        written.add(plan_.inventory, build_jobs(plan_), plan_.ap_of)
    for group in plan_groups(params, members, _root(found, data_folder)):
        written.add(group.inventory, _build_group(group), {})
    stale = _set_aside(Path(results_folder), found, params, written.job_files)
    entries = (*written.entries, *found.others)
    report = Report(entries, written.job_files, written.warnings, tuple(stale))
    inventory = dump_json([e.model_dump(mode="json") for e in report.entries])
    JsonFolder(Path(results_folder) / ASIDE).write(INVENTORY_NAME, inventory)
    return report


class _Written:
    """Writes jobs and inventories as they come; has what a `Report` says of them."""

    def __init__(self, results_folder: str | os.PathLike[str]) -> None:
        self._folder = JsonFolder(results_folder)
        self._shards = Shards(str(Path(results_folder, ASIDE)))  # for a later `plan --diff`
        self.entries: list[InventoryEntry] = []
        self.job_files: dict[str, str] = {}
        self.warnings: dict[str, list[str]] = {}

    def add(self, inventory: Inventory, jobs: Jobs, ap_of: Mapping[tuple[str, str], str]) -> None:
        """Write the jobs of a session or group as they are built, then its inventory."""
        built = list[InventoryEntry]()
        for entry, job in jobs:
            built.append(entry)
            if job is not None:
                name = job_file_name(job.job_key).removesuffix(".json")
                self.job_files[job.job_key] = str(self._folder.write(name, job.to_json()))
                self.warnings.update({job.recording_name: job.warnings} if job.warnings else {})
        built = settle_lfp(built, ap_of)
        self._shards.write(inventory.model_copy(update={"entries": built}))
        self.entries.extend(built)


def build_jobs(session_plan: SessionPlan) -> Jobs:
    """Build every job of a session; one that cannot be built becomes a failed entry.

    Yields
    ------
    entry : InventoryEntry
        Every entry of the inventory, in order.
    job : SortingJob or None
        The job, if the entry is one.
    """
    builder = JobBuilder(session_plan)
    planned = {job.entry.job_key: job for job in session_plan.jobs}
    for entry in session_plan.inventory.entries:
        if entry.status != "job":
            yield entry, None
            continue
        try:
            yield entry, builder.build(planned[entry.job_key])
        except DispatchError as e:
            yield as_failed(entry, e), None


def _build_group(plan: GroupPlan) -> Jobs:
    for entry in plan.inventory.entries:
        if entry.status != "job":
            yield entry, None
            continue
        try:
            yield entry, build_group_job(plan)
        except DispatchError as e:
            yield as_failed(entry, e), None


def _root(found: Discovery, data_folder: str | os.PathLike[str]) -> str:
    """Return the data folder as its sessions know it."""
    if found.sessions:
        return found.sessions[0].data_folder
    return str(Path(data_folder).absolute())


def as_failed(entry: InventoryEntry, error: DispatchError) -> InventoryEntry:
    """Return `entry` as the fault that kept its job from being built."""
    reason = Reason(getattr(error, "reason", "") or Reason.UNREADABLE)
    return entry.model_copy(
        update={"status": "failed", "job_key": None, "reason": reason, "message": str(error)}
    )


def _refuse_several(found: Discovery, params: DispatchParams, data_folder: object) -> None:
    if len(found.sessions) > 1 and not params.multi_session:
        names = ", ".join(s.name for s in found.sessions[:5])
        what = f"holds {len(found.sessions)} sessions ({names}), but multi_session is off"
        remedy = "Say --multi-session to dispatch all of them, or name one with --sessions"
        raise AmbiguousSessionsError(what, data_folder, remedy)


def _set_aside(
    results: Path, found: Discovery, params: DispatchParams, written: dict[str, str]
) -> list[str]:
    """Move job files that this run would have written, had they still a recording, to a subfolder.

    Consumers take every job file in the folder, so a job that no longer exists must not stay;
    nothing is deleted. Jobs of another data folder or format, or of a session not asked for, stay.
    """
    moved = []
    names = {s.name for s in found.sessions}
    for file in sorted(results.glob("job_*.json")):
        session, place, input_format = _origin(file)
        gone = place == found.scanned and params.input in (AUTO, input_format)
        if str(file) in written.values() or not (session in names or gone):
            continue
        target = results / ASIDE / STALE_FOLDER / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        file.replace(target)
        moved.append(str(target))
    return moved


def _origin(file: Path) -> tuple[str, str, str] | tuple[None, None, None]:
    """Return session, data folder and format of a job file of ours; None for any other file."""
    try:
        job = json.loads(file.read_text(encoding="utf-8"))
        return str(job["session_name"]), str(job["data_folder"]), str(job["input_format"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None, None, None  # not ours to judge
