"""From a session to its inventory: what can be sorted, in which parts, and what cannot and why.

Opens headers only. A planned job keeps its recording at hand, so that nothing is opened twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.entries import (
    duplicate_entry,
    excluded_entry,
    job_entry,
    problem_entry,
    session_entry,
    settle_lfp,
    skipped_entry,
)
from dispatch_assets.errors import (
    DispatchError,
    ParameterError,
    SessionError,
    SettingsError,
    StreamError,
    UnknownJobError,
)
from dispatch_assets.fingerprint import fingerprint
from dispatch_assets.formats import by_name
from dispatch_assets.input_format import SkippedStream, SourceRecording, reading
from dispatch_assets.models import EXPECTED_REASONS, Inventory, InventoryEntry, Reason, Session
from dispatch_assets.params import DispatchParams
from dispatch_assets.probes import probe_names
from dispatch_assets.session_params import SessionParams, session_params
from dispatch_assets.session_streams import as_settled
from dispatch_assets.special_files import refuse_special_files

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

_NO_PROBE_REMEDY = (
    "Sorting needs the contacts' positions: put a dispatch.json into the session's folder that "
    "names a probeinterface JSON file as probe_paths"
)


@dataclass(frozen=True)
class PlannedJob:
    """One inventory entry that is a job, with what is needed to build it."""

    entry: InventoryEntry
    source: SourceRecording
    positions: tuple[int, ...]  # of the source's segments


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
            for source in as_settled(sources, own, session.settings):
                if isinstance(source, SkippedStream):
                    items.append(skipped_entry(session, source))
                else:
                    items += _plan_source(session, source, own.params)
                    if source.lfp is not None:
                        ap_of[source.block, source.lfp.stream] = source.stream
    except DispatchError as e:
        # those of all sessions have been checked when it was discovered
        its_own = session.settings is not None and isinstance(e, ParameterError)
        told = SettingsError(e.what, e.where, e.remedy) if its_own else e
        items.append(session_entry(session, told))
    return items, ap_of


def _without_jobs(session: Session, params: DispatchParams, entry: InventoryEntry) -> SessionPlan:
    """Return the plan of a session that is not even looked at."""
    inventory = Inventory(
        session=session,
        parameters_hash=params.hash(),
        parameters=params.changed(),
        entries=[entry],
    )
    return SessionPlan(session, inventory, params, ())


def _plan_source(
    session: Session, source: SourceRecording, params: DispatchParams
) -> Iterator[InventoryEntry | PlannedJob]:
    """Plan one stream; what goes wrong with it stays with it."""
    problems = {i: s.problem for i, s in enumerate(source.segments) if s.problem is not None}
    usable = tuple(i for i in range(len(source.segments)) if i not in problems)
    for i, problem in problems.items():
        segment = source.segments[i].index if params.split_segments else None
        yield problem_entry(session, source, problem, segment)
    if not source.segments:
        empty = StreamError("the stream has no segments", source.stream, reason=Reason.EMPTY)
        yield problem_entry(session, source, empty, None)
    if source.lfp is not None:
        yield from _faults_of_lfp(session, source.lfp, params)
    if problems and not params.split_segments:
        usable = _whole_or_nothing(problems, usable)
    parts = [(i,) for i in usable] if params.split_segments else [usable] if usable else []
    for positions in parts:
        segment = source.segments[positions[0]].index if params.split_segments else None
        where = f"{session.path} ({source.stream})"
        try:
            with reading(where):
                jobs = list(_plan_part(session, source, positions, segment, params))
        except StreamError as e:
            yield problem_entry(session, source, e, segment)
        else:
            yield from jobs


def _faults_of_lfp(
    session: Session, lfp: SourceRecording, params: DispatchParams
) -> Iterator[InventoryEntry]:
    """Report what is damaged in an LFP band, which then is missing from its AP band's jobs."""
    for segment in lfp.segments:
        if segment.problem is not None and segment.problem.reason not in EXPECTED_REASONS:
            index = segment.index if params.split_segments else None
            yield problem_entry(session, lfp, segment.problem, index)


def _whole_or_nothing(problems: dict[int, StreamError], usable: tuple[int, ...]) -> tuple[int, ...]:
    """Empty segments can be left out of a concatenation; a damaged one spoils it."""
    harmless = all(p.reason == Reason.EMPTY for p in problems.values())
    return usable if harmless else ()


def _plan_part(
    session: Session,
    source: SourceRecording,
    positions: tuple[int, ...],
    segment: int | None,
    params: DispatchParams,
) -> Iterator[PlannedJob]:
    recording = source.open_segments(positions)
    where = f"{session.path} ({source.stream})"
    n_samples = [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
    rate_hz = float(recording.get_sampling_frequency())
    _check_probe(recording, where)
    groups = _groups(recording) if params.split_groups else {None: recording.channel_ids}
    duration_s = sum(n_samples) / rate_hz
    if params.min_recording_duration != -1 and duration_s < params.min_recording_duration:
        what = f"lasts {duration_s:.2f} s, less than {params.min_recording_duration:g} s"
        raise StreamError(what, where, "Lower min_recording_duration", Reason.TOO_SHORT)
    identity = fingerprint(_files(source, positions), Path(session.path))
    lfp = lfp_positions(source, positions)
    for group, channel_ids in groups.items():
        entry = job_entry(session, source, segment, group, params).model_copy(
            update={
                "n_channels": len(channel_ids),
                "n_samples": n_samples,
                "sampling_frequency_hz": rate_hz,
                "duration_s": duration_s,
                "probe_names": probe_names(recording),
                "has_lfp": lfp is not None,
                "fingerprint": identity.digest,
                "size_bytes": identity.size_bytes,
                "raw_files": identity.parts,
            }
        )
        yield PlannedJob(entry, source, positions)


def _check_probe(recording: BaseRecording, where: str) -> None:
    import numpy as np

    if not recording.has_channel_location():
        raise StreamError("has no probe", where, _NO_PROBE_REMEDY, Reason.NO_PROBE)
    if not np.isfinite(recording.get_channel_locations()).all():
        what = "some of its channels have no position (NaN)"
        raise StreamError(what, where, _NO_PROBE_REMEDY, Reason.NO_PROBE)


def _groups(recording: BaseRecording) -> dict[str | None, Sequence[Any]]:
    """Return channel ids by group in upstream's order; one group is no group."""
    import numpy as np

    values = np.asarray(recording.get_channel_groups())
    unique = np.unique(values)
    if len(unique) < 2:
        return {None: list(recording.channel_ids)}
    return {str(g): list(recording.channel_ids[values == g]) for g in unique}


def lfp_positions(source: SourceRecording, positions: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return the LFP's segments that match the AP's, or None if any is missing or damaged."""
    if source.lfp is None:
        return None
    by_index = {s.index: i for i, s in enumerate(source.lfp.segments) if s.problem is None}
    wanted = [source.segments[i].index for i in positions]
    return tuple(by_index[w] for w in wanted) if all(w in by_index for w in wanted) else None


def _files(source: SourceRecording, positions: tuple[int, ...]) -> list[Path]:
    files = [*source.shared_files, *(f for i in positions for f in source.segments[i].files)]
    lfp = lfp_positions(source, positions)
    if source.lfp is not None and lfp is not None:
        files += [*source.lfp.shared_files, *(f for i in lfp for f in source.lfp.segments[i].files)]
    return files


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
