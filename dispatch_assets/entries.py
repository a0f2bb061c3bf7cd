"""Inventory entries: a job, or a stream, segment or session that is none, and why."""

from __future__ import annotations

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
    return _no_job(session, Reason.UNREADABLE, str(error))


def duplicate_entry(entry: InventoryEntry) -> InventoryEntry:
    """Return the entry of a job that shares its key with another one."""
    message = (
        f"{entry.job_key}: several recordings of the session have this name. "
        "Rename their streams, or move one of them to a session of its own."
    )
    reason = Reason.DUPLICATE_NAME
    facts = {"status": "failed", "job_key": None, "reason": reason, "message": message}
    return entry.model_copy(update=facts)


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
