"""An NWB file of one job's units, or of all units of a session."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import JsonValue

from dispatch_assets.sorting.clock import offsets
from dispatch_assets.sorting.nwb.electrodes import Electrodes, clean_name
from dispatch_assets.sorting.nwb.facts import UNKNOWN_START, SessionFacts
from dispatch_assets.sorting.nwb.part import Part, SegmentKey, session_spans
from dispatch_assets.sorting.nwb.units_table import units_table

if TYPE_CHECKING:
    from pynwb import NWBFile

_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "dispatch-assets.units-nwb")
_KEYWORDS = ("extracellular electrophysiology", "spike sorting")
_CLOCK = (
    "All times are in seconds on the clock of the recordings: their timestamps where those were "
    "kept, else a regular clock. The table `recordings` in the processing module `ecephys` says "
    "which, for each. Unless the timestamps were synchronised to it, session_start_time and the "
    "clock's zero are known to no better than the rig wrote them down."
)


def build_file(parts: list[Part], facts: SessionFacts) -> NWBFile:
    """Return a file with the units of all parts, ready to be written.

    Parameters
    ----------
    parts
        One per job, all of one session.
    facts
        What is known about the session.
    """
    from pynwb import NWBFile

    parts = sorted(parts, key=lambda part: part.order)
    shift_s = offsets(session_spans(parts))
    session = parts[0].job.session_name
    names = ", ".join(part.job.recording_name for part in parts)
    file = NWBFile(
        session_description=f"Units sorted from {names} of the session {session}.",
        identifier=identifier(parts),
        session_id=session.replace("/", "-"),
        session_start_time=facts.start or UNKNOWN_START,
        timestamps_reference_time=facts.reference_time,
        experimenter=facts.experimenter or None,
        keywords=list(dict.fromkeys([*facts.keywords, *_KEYWORDS])),
        notes=_notes(parts, facts, shift_s),
        was_generated_by=[[name, version] for name, version in _versions(parts).items()],
        subject=_subject(facts.subject),
        **facts.general,
    )
    electrodes = Electrodes(file, parts, facts.subject.get("species", ""))
    if any(len(part.unit_ids) for part in parts):  # nwbinspector takes an empty table for a fault
        file.units = units_table(parts, electrodes, shift_s, file.electrodes)
    module = file.create_processing_module("ecephys", "How the units came about.")
    module.add(_recordings_table(parts, shift_s))
    module.add(_provenance_table(parts))
    return file


def identifier(parts: list[Part]) -> str:
    """Return the file's identifier: the same for the same jobs, data, parameters and code."""
    made_of = sorted(
        [p.job.job_key, p.job.fingerprint, *(r.inputs_hash for r in p.results.values())]
        for p in parts
    )
    return str(uuid.uuid5(_NAMESPACE, json.dumps(made_of)))


def _subject(facts: Mapping[str, str]) -> Any:  # noqa: ANN401 - pynwb has no types
    import datetime as dt

    from pynwb.file import Subject

    values: dict[str, Any] = dict(facts)
    if "date_of_birth" in values:
        values["date_of_birth"] = dt.datetime.fromisoformat(values["date_of_birth"])
    return Subject(**values)


def _notes(parts: list[Part], facts: SessionFacts, shift_s: Mapping[SegmentKey, float]) -> str:
    reset = [p.job.recording_name for p in parts if p.clock.was_reset]
    moved = any(shift_s.values())
    lines = [
        _CLOCK,
        f"session_start_time: {facts.start_source or 'not known; 1970-01-01 stands for that'}.",
    ]
    if reset:
        lines.append(
            f"Broken timestamps were reset to a regular clock in: {', '.join(reset)}. The column "
            "spike_times_original_clock holds the original ones."
        )
    if any(p.job.concatenated for p in parts):
        lines.append(
            "Recordings were sorted as one: spike_times go on from one to the next without a "
            "pause, spike_times_original_clock are on the clock of each. The table `recordings` "
            "has a row for each."
        )
    if moved:
        lines.append(
            "Segments whose times overlap follow one another as if concatenated; the column "
            "offset_s of the table `recordings` says by how much each was shifted."
        )
    if any(p.job.debug for p in parts):
        lines.append("The recordings were clipped for debugging: this is not the whole session.")
    return "\n".join(lines)


def _versions(parts: list[Part]) -> dict[str, str]:
    results = [r for part in parts for r in part.results.values()]
    others = {n: v for result in results for n, v in sorted(result.versions.items())}
    return {**others, **writer_versions()}


def writer_versions() -> dict[str, str]:
    """Return the versions of the software that writes NWB files."""
    from importlib.metadata import version

    return {name: version(name) for name in ("pynwb", "hdmf", "hdmf-zarr")}


def _recordings_table(parts: list[Part], shift_s: Mapping[SegmentKey, float]) -> Any:  # noqa: ANN401 - pynwb has no types
    """One row per segment of each recording: which clock it has, and where it lies."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "recording_name": ("Name of the recording.", []),
        "segment": ("Zero-based segment of the recording.", []),
        "start_s": ("Begin on the session's clock, in s.", []),
        "stop_s": ("End on the session's clock, in s.", []),
        "offset_s": ("Session's clock minus the recording's clock, in s.", []),
        "n_samples": ("Number of samples.", []),
        "sampling_frequency_hz": ("Nominal sampling frequency, in Hz.", []),
        "clock": (
            "kept, regular, reset or not_checked timestamps; where recordings were sorted as one, "
            "how their own clock is recovered: regular, anchors or unknown.",
            [],
        ),
        "about_clock": ("What was found out about the timestamps.", []),
    }
    for part in parts:
        for row in _concatenated_rows(part, shift_s) or _segment_rows(part, shift_s):
            for (_, values), value in zip(columns.values(), row, strict=True):
                values.append(value)
    return _table("recordings", "Recordings that the units were found in.", columns)


def _segment_rows(part: Part, shift_s: Mapping[SegmentKey, float]) -> list[tuple[Any, ...]]:
    report, rows = part.job.timestamps, list[tuple[Any, ...]]()
    for i, key in enumerate(part.segment_keys):
        span, shift = part.clock.span(i), shift_s[key]
        place = (part.job.recording_name, i, span.start_s + shift, span.stop_s + shift, shift)
        n_samples = int(part.recording.get_num_samples(i))
        rate_hz = float(part.recording.get_sampling_frequency())
        about = report.segments[i].reset_reason or report.message
        rows.append((*place, n_samples, rate_hz, report.verdict, about))
    return rows


def _concatenated_rows(part: Part, shift_s: Mapping[SegmentKey, float]) -> list[tuple[Any, ...]]:
    """Return a row for each recording of a group, where it lies in the concatenation."""
    rows: list[tuple[Any, ...]] = []
    for one in part.job.concatenated or ():
        shift, rate_hz = shift_s[part.segment_keys[0]], one.sampling_frequency_hz
        ends = np.array([one.first_sample, one.first_sample + one.n_samples - 1])
        start_s, last_s = (float(t) + shift for t in part.clock.time_s(0, ends))
        # from its own clock to the file's, at its first sample
        apart_s = np.nan if one.t_start_s is None else start_s - one.t_start_s
        place = (one.job_key, one.segment, start_s, last_s + 1 / rate_hz, apart_s)
        about = f"Part of {part.job.recording_name}, sorted as one with the others."
        rows.append((*place, one.n_samples, rate_hz, one.clock, about))
    return rows


def _provenance_table(parts: list[Part]) -> Any:  # noqa: ANN401 - pynwb has no types
    """One row per fact about how the units were made, all as text."""
    columns: dict[str, tuple[str, list[Any]]] = {
        "recording_name": ("Name of the recording.", []),
        "step": ("Step of the sorting chain.", []),
        "field": ("What it is: a field of the result, a parameter, a version.", []),
        "value": ("Its value, in JSON where it is no text.", []),
    }
    for part in parts:
        for row in _provenance(part):
            for (_, values), value in zip(columns.values(), row, strict=True):
                values.append(value)
    return _table("provenance", "Job, parameters, seed and software of each step.", columns)


def _provenance(part: Part) -> Iterator[tuple[str, str, str, str]]:
    name, job = part.job.recording_name, part.job
    facts = {
        "job_key": job.job_key,
        "fingerprint": job.fingerprint,
        "input_format": job.input_format,
    }
    facts |= {"parameters_hash": job.parameters_hash, "stream": job.stream, "block": job.block}
    yield from ((name, "dispatch", key, value) for key, value in facts.items())
    for step, result in part.results.items():
        kept = result.model_dump(
            mode="json",
            include={"attempt", "inputs_hash", "seed", "started_at", "finished_at", "n_jobs"},
        )
        described = {**kept, "parameters": result.parameters, "versions": dict(result.versions)}
        yield from ((name, step, key, value) for key, value in _flattened(described, ""))


def _flattened(value: JsonValue | Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """Yield the leaves of nested objects by dotted name."""
    if isinstance(value, Mapping) and value:
        for key, one in value.items():
            yield from _flattened(one, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for i, one in enumerate(value):
            yield from _flattened(one, f"{name}.{i}")
    else:
        yield name, value if isinstance(value, str) else json.dumps(value)


def _table(name: str, description: str, columns: Mapping[str, tuple[str, list[Any]]]) -> Any:  # noqa: ANN401 - pynwb has no types
    from hdmf.common import DynamicTable, VectorData

    data = [
        VectorData(name=clean_name(n), description=about, data=values)
        for n, (about, values) in columns.items()
    ]
    return DynamicTable(name=name, description=description, columns=data)
