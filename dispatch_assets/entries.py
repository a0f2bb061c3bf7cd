"""Inventory entries: a job, or a stream, segment or session that is none, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from dispatch_assets import naming
from dispatch_assets.errors import DispatchError, StreamError
from dispatch_assets.input_format import SkippedStream, SourceRecording
from dispatch_assets.models import EXPECTED_REASONS, InventoryEntry, Reason, Session
from dispatch_assets.params import DispatchParams


def job_entry(
    session: Session,
    source: SourceRecording,
    segment: int | None,
    group: str | None,
    params: DispatchParams,
) -> InventoryEntry:
    """Return the entry of a job; its key never has the session in the recording's name twice."""
    name = naming.recording_name(source.block, source.stream, segment=segment, group=group)
    return InventoryEntry(
        status="job",
        session_name=session.name,
        input_format=session.input_format,
        block=source.block,
        stream=source.stream,
        job_key=naming.job_key(session.name, name),
        recording_name=naming.recording_name(
            source.block,
            source.stream,
            segment=segment,
            group=group,
            session=session.name if params.multi_session else None,
        ),
        segment=segment,
        group=group,
    )


def problem_entry(
    session: Session, source: SourceRecording, problem: StreamError, segment: int | None
) -> InventoryEntry:
    """Return the entry of a segment, or a whole stream, that cannot be dispatched."""
    reason = Reason(problem.reason or Reason.UNREADABLE)
    return _no_job(session, reason, str(problem), source.block, source.stream, segment)


def skipped_entry(session: Session, skipped: SkippedStream) -> InventoryEntry:
    """Return the entry of a stream that its format leaves out."""
    return _no_job(session, skipped.reason, skipped.message, skipped.block, skipped.stream)


def session_entry(session: Session, error: DispatchError) -> InventoryEntry:
    """Return the entry of a session that cannot be read at all."""
    reason = Reason(getattr(error, "reason", "") or Reason.UNREADABLE)
    return _no_job(session, reason, str(error))


def excluded_entry(session: Session, why: str) -> InventoryEntry:
    """Return the entry of a session that a person does not want to be dispatched."""
    place = "" if session.settings is None else f" (says {session.settings.file})"
    return _no_job(session, Reason.EXCLUDED, f"{why}{place}")


def stray_entry(path: Path, input_format: str, reason: Reason, message: str) -> InventoryEntry:
    """Return the entry of what lies in a data folder and is no session."""
    return InventoryEntry(
        status="skipped" if reason in EXPECTED_REASONS else "failed",
        session_name=path.name,
        input_format=input_format,
        reason=reason,
        message=message,
    )


def duplicate_entry(entry: InventoryEntry) -> InventoryEntry:
    """Return the entry of a job that shares its key with another one."""
    message = (
        f"{entry.job_key}: several recordings of the session have this name. "
        "Rename their streams, or move one of them to a session of its own."
    )
    reason = Reason.DUPLICATE_NAME
    facts = {"status": "failed", "job_key": None, "reason": reason, "message": message}
    return entry.model_copy(update=facts)


def settle_lfp(
    entries: Sequence[InventoryEntry], ap_of: Mapping[tuple[str, str], str]
) -> list[InventoryEntry]:
    """Make what is said of LFP bands true, now that it is known what became of their AP bands.

    Parameters
    ----------
    entries
        Everything found in a session.
    ap_of
        The AP stream of each LFP band, by the LFP's block and stream.

    Returns
    -------
    list of InventoryEntry
        The same, but an LFP band that is damaged is listed for that only, and one whose AP band is
        no job says so.
    """
    jobs = {(e.block, e.stream) for e in entries if e.status == "job"}
    failed = {(e.block, e.stream) for e in entries if e.status == "failed"}
    return [_settled(e, ap_of, jobs) for e in entries if not _is_told_twice(e, failed)]


def _is_told_twice(e: InventoryEntry, failed: Collection[tuple[str, str]]) -> bool:
    return e.reason == Reason.LFP_BAND and (e.block, e.stream) in failed


def _settled(
    e: InventoryEntry,
    ap_of: Mapping[tuple[str, str], str],
    jobs: Collection[tuple[str, str]],
) -> InventoryEntry:
    ap = ap_of.get((e.block, e.stream))
    if e.reason != Reason.LFP_BAND or ap is None or (e.block, ap) in jobs:
        return e
    return e.model_copy(update={"message": f"LFP band; left out with {ap}, which is no job"})


def _no_job(
    session: Session,
    reason: Reason,
    message: str,
    block: str = "",
    stream: str = "",
    segment: int | None = None,
) -> InventoryEntry:
    return InventoryEntry(
        status="skipped" if reason in EXPECTED_REASONS else "failed",
        session_name=session.name,
        input_format=session.input_format,
        block=block,
        stream=stream,
        segment=segment,
        reason=reason,
        message=message,
    )
