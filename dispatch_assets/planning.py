"""From a session to its inventory: what can be sorted, and what cannot and why.

Opens headers only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dispatch_assets.entries import (
    duplicate_entry,
    excluded_entry,
    session_entry,
    settle_lfp,
    skipped_entry,
)
from dispatch_assets.errors import (
    DispatchError,
    ParameterError,
    SessionError,
    SettingsError,
    UnknownJobError,
)
from dispatch_assets.formats import by_name
from dispatch_assets.input_format import SkippedStream, SourceRecording
from dispatch_assets.models import Inventory, InventoryEntry, Session
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import reading
from dispatch_assets.session_params import SessionParams, session_params
from dispatch_assets.session_streams import as_settled
from dispatch_assets.special_files import refuse_special_files
from dispatch_assets.stream_plans import PlannedJob, plan_stream


@dataclass(frozen=True)
class SessionPlan:
    """The inventory of a session and its jobs, still open."""

    session: Session
    inventory: Inventory
    params: DispatchParams  # those that hold for this session
    jobs: tuple[PlannedJob, ...]
    ap_of: dict[tuple[str, str], str] = field(default_factory=dict)  # AP stream by block, LFP

    def job(self, key: str) -> PlannedJob:
        """Return the job called `key`.

        Raises
        ------
        UnknownJobError
            With the reason, if the session has no such job.
        """
        for job in self.jobs:
            if job.entry.job_key == key:
                return job
        known = ", ".join(str(j.entry.job_key) for j in self.jobs[:5]) or "none"
        what = f"session {self.session.name!r} has no such job; it has {known}"
        raise UnknownJobError(what, key, "Run the inventory again")


def plan_session(session: Session, params: DispatchParams) -> SessionPlan:
    """List every job of a session, and everything that is not a job with the reason.

    A session that cannot be read at all gives an inventory with one failed entry; this function
    raises nothing that one session could cause.
    """
    try:
        own = session_params(session, params)
    except SettingsError as e:
        return _without_jobs(session, params, session_entry(session, e))
    if own.settings is not None and own.settings.exclude is not None:
        return _without_jobs(session, params, excluded_entry(session, own.settings.exclude))
    items, ap_of = _items(session, own)
    if not items:
        empty = SessionError("nothing was found in it", session.path, "Is the copy complete?")
        items.append(session_entry(session, empty))
    items = _without_duplicates(items)
    entries = settle_lfp([i.entry if isinstance(i, PlannedJob) else i for i in items], ap_of)
    inventory = Inventory(
        session=session, parameters_hash=own.hash, parameters=own.changed, entries=entries
    )
    jobs = tuple(i for i in items if isinstance(i, PlannedJob))
    return SessionPlan(session, inventory, own.params, jobs, ap_of)


def _items(
    session: Session, own: SessionParams
) -> tuple[list[InventoryEntry | PlannedJob], dict[tuple[str, str], str]]:
    """Return what a session holds, and the AP stream of each LFP band by its block and stream."""
    items: list[InventoryEntry | PlannedJob] = []
    ap_of: dict[tuple[str, str], str] = {}
    try:
        with reading(session.path):
            refuse_special_files(Path(session.path))
            sources = by_name(session.input_format).read(session, own.params)
            for source in as_settled(_noting_lfp(sources, ap_of), own, session.settings):
                if isinstance(source, SkippedStream):
                    items.append(skipped_entry(session, source))
                else:
                    items += plan_stream(session, source, own.params)
    except DispatchError as e:
        # those of all sessions have been checked when it was discovered
        its_own = session.settings is not None and isinstance(e, ParameterError)
        told = SettingsError(e.what, e.where, e.remedy) if its_own else e
        items.append(session_entry(session, told))
    return items, ap_of


def _noting_lfp(
    sources: Iterable[SourceRecording | SkippedStream], ap_of: dict[tuple[str, str], str]
) -> Iterator[SourceRecording | SkippedStream]:
    """Note which AP stream an LFP band goes with, also if settings leave that stream out."""
    for source in sources:
        if not isinstance(source, SkippedStream) and source.lfp is not None:
            ap_of[source.block, source.lfp.stream] = source.stream
        yield source


def _without_jobs(session: Session, params: DispatchParams, entry: InventoryEntry) -> SessionPlan:
    """Return the plan of a session that is not even looked at."""
    inventory = Inventory(
        session=session,
        parameters_hash=params.hash(),
        parameters=params.changed(),
        entries=[entry],
    )
    return SessionPlan(session, inventory, params, ())


def _without_duplicates(
    items: list[InventoryEntry | PlannedJob],
) -> list[InventoryEntry | PlannedJob]:
    """Fail jobs whose keys are equal, or equal but for letter case: they would share one file."""
    keys = Counter(str(i.entry.job_key).casefold() for i in items if isinstance(i, PlannedJob))
    return [
        duplicate_entry(i.entry)
        if isinstance(i, PlannedJob) and keys[str(i.entry.job_key).casefold()] > 1
        else i
        for i in items
    ]
