"""From a stream to its planned jobs: in which parts it is sorted, and what in it cannot be.

A planned job keeps its recording at hand, so that nothing is opened twice.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.entries import job_entry, problem_entry
from dispatch_assets.errors import StreamError
from dispatch_assets.fingerprint import fingerprint
from dispatch_assets.input_format import SourceRecording
from dispatch_assets.models import EXPECTED_REASONS, InventoryEntry, Reason, Session
from dispatch_assets.params import DispatchParams
from dispatch_assets.probes import probe_names
from dispatch_assets.reading import reading

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


def plan_stream(
    session: Session, source: SourceRecording, params: DispatchParams
) -> Iterator[InventoryEntry | PlannedJob]:
    """Plan one stream; what goes wrong with it stays with it.

    Yields
    ------
    InventoryEntry or PlannedJob
        Its jobs, and an entry for whatever in it cannot be sorted.
    """
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
    _check_duration(duration_s, params.min_recording_duration, where)
    raw_files = _raw_files(session, source, positions)
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
                **raw_files,
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


def _check_duration(duration_s: float, least_s: float, where: str) -> None:
    if least_s != -1 and duration_s < least_s:
        what = f"lasts {duration_s:.2f} s, less than {least_s:g} s"
        raise StreamError(what, where, "Lower min_recording_duration", Reason.TOO_SHORT)


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


def _raw_files(
    session: Session, source: SourceRecording, positions: tuple[int, ...]
) -> dict[str, Any]:
    """Return what an inventory entry says of the files that a recording and its LFP lie in."""
    files = [*source.shared_files, *(f for i in positions for f in source.segments[i].files)]
    lfp = lfp_positions(source, positions)
    if source.lfp is not None and lfp is not None:
        files += [*source.lfp.shared_files, *(f for i in lfp for f in source.lfp.segments[i].files)]
    identity = fingerprint(files, Path(session.path))
    return {
        "fingerprint": identity.digest,
        "size_bytes": identity.size_bytes,
        "raw_files": identity.parts,
    }
