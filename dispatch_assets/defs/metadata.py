"""What people see in the Dagster UI about inventories, recordings and jobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

from dispatch_assets.changes import Change, Scan
from dispatch_assets.errors import count
from dispatch_assets.fingerprint import differences
from dispatch_assets.models import InventoryEntry, SortingJob
from dispatch_assets.report import place

MAX_FILES = 50
MAX_ROWS = 200  # a table is stored with its event, so it must not grow with the data root

Metadata = dict[str, dg.MetadataValue]


def table(
    rows: Iterable[Mapping[str, str | float | bool | None]], columns: Sequence[str]
) -> dg.TableMetadataValue:
    """Return a table of at most `MAX_ROWS` rows; the last one says how many are left out."""
    listed = list(rows)
    records = [dg.TableRecord(dict(row)) for row in listed[:MAX_ROWS]]
    if len(listed) > MAX_ROWS:
        more = f"... and {len(listed) - MAX_ROWS:,} more"
        records.append(dg.TableRecord({c: more if c == columns[0] else None for c in columns}))
    schema = dg.TableSchema(columns=[dg.TableColumn(c, _type(records, c)) for c in columns])
    return dg.MetadataValue.table(records=records, schema=schema)


def _type(records: Sequence[dg.TableRecord], column: str) -> str:
    kinds = {type(r.data.get(column)) for r in records} - {type(None)}
    return {bool: "bool", int: "int", float: "float"}.get(kinds.pop(), "string") if kinds else "any"


def inventory_metadata(
    scan: Scan, store: str, incomplete: Mapping[str, str] | None = None
) -> Metadata:
    """Return what an inventory run found, as counts and tables.

    Parameters
    ----------
    scan
        What it found.
    store
        Where the inventories are.
    incomplete
        What it has left alone, by name in the data root, with the reason.
    """
    entries, jobs = scan.entries, scan.jobs
    skipped = [e for e in entries if e.status == "skipped"]
    failed = [e for e in entries if e.status == "failed"]
    duration_s = sum((e.duration_s or 0.0 for e in jobs.values()), start=0.0)
    size_bytes = sum(e.size_bytes for e in jobs.values())
    counts = {
        "sessions": len(scan.inventories),
        "jobs": len(jobs),
        "skipped": len(skipped),
        "failed": len(failed),
        "new": len(scan.new),
        "changed": len(scan.changed),
        "returned": len(scan.returned),
        "vanished": len(scan.vanished),
    }
    return {
        "summary": dg.MetadataValue.md(_summary(scan, counts, duration_s, size_bytes)),
        **{name: dg.MetadataValue.int(n) for name, n in counts.items()},
        "total duration (s)": dg.MetadataValue.float(round(duration_s, 2)),
        "total size (bytes)": dg.MetadataValue.int(size_bytes),
        "sorting jobs": _jobs_table(scan),
        "left out or failed": not_jobs_table([*failed, *skipped]),
        "vanished recordings": _vanished_table(scan),
        "inventories": dg.MetadataValue.path(store),
        **(_incomplete(incomplete) if incomplete else {}),
    }


def _summary(scan: Scan, counts: Mapping[str, int], duration_s: float, size_bytes: int) -> str:
    scope = "all sessions" if scan.whole else "named sessions only"
    lines = [
        f"**{count(counts['jobs'], 'sorting job')}** in "
        f"{count(counts['sessions'], 'session')} ({scope}): "
        f"{_hours(duration_s)}, {_bytes(size_bytes)}",
        f"- {counts['new']:,} new, {counts['changed']:,} changed, "
        f"{counts['returned']:,} returned, {counts['vanished']:,} vanished",
        f"- {counts['skipped']:,} left out as expected, {counts['failed']:,} **failed**",
    ]
    lines += [f"- vanished session: `{name}`" for name in scan.vanished_sessions[:MAX_ROWS]]
    if scan.renamed:
        lines.append(f"- {count(len(scan.renamed), 'recording')} found again under another name")
    return "\n".join(lines)


def _jobs_table(scan: Scan) -> dg.TableMetadataValue:
    """Return a table of jobs, what happened lately first."""
    marks = {
        **{c.key: "new" for c in scan.new},
        **{c.key: "changed" for c in scan.changed},
        **{c.key: "returned" for c in scan.returned},
    }
    columns = ("session", "recording", "status", "duration (s)", "channels", "probe", "LFP", "key")
    order = sorted(scan.jobs.items(), key=lambda item: item[0] not in marks)
    rows = (
        {
            "session": e.session_name,
            "recording": e.recording_name,
            "status": marks.get(key, "unchanged"),
            "duration (s)": None if e.duration_s is None else round(e.duration_s, 2),
            "channels": e.n_channels,
            "probe": ", ".join(dict.fromkeys(e.probe_names)),
            "LFP": e.has_lfp,
            "key": key,
        }
        for key, e in order
    )
    return table(rows, columns)


def not_jobs_table(entries: Iterable[InventoryEntry]) -> dg.TableMetadataValue:
    """Return a table of what is no job, with the reasons."""
    columns = ("session", "stream", "status", "reason", "message")
    rows = (
        {
            "session": e.session_name,
            "stream": place(e),
            "status": e.status,
            "reason": str(e.reason),
            "message": e.message,
        }
        for e in entries
    )
    return table(rows, columns)


def _vanished_table(scan: Scan) -> dg.TableMetadataValue:
    columns = ("session", "recording", "key", "now called")
    gone = {key: (e.session_name, str(e.recording_name)) for key, e in scan.vanished.items()}
    before = {key: ("", "") for key in scan.renamed if key not in gone}  # missed earlier
    rows = (
        {"session": session, "recording": name, "key": key, "now called": scan.renamed.get(key, "")}
        for key, (session, name) in {**gone, **before}.items()
    )
    return table(rows, columns)


def _incomplete(incomplete: Mapping[str, str]) -> Metadata:
    rows = ({"entry": name, "why": why} for name, why in incomplete.items())
    return {"not complete yet": table(rows, ("entry", "why"))}


def recording_metadata(change: Change) -> Metadata:
    """Return what is new about a recording, and how it was before."""
    now = change.now
    return {
        "change": dg.MetadataValue.text(_kind(change)),
        "what changed": dg.MetadataValue.md(_comparison(change)),
        "session": dg.MetadataValue.text(now.session_name),
        "fingerprint": dg.MetadataValue.text(str(now.fingerprint)),
        "size (bytes)": dg.MetadataValue.int(now.size_bytes),
        "duration (s)": dg.MetadataValue.float(round(now.duration_s or 0.0, 2)),
        "channels": dg.MetadataValue.int(now.n_channels or 0),
    }


def _kind(change: Change) -> str:
    if change.before is None:
        return f"renamed from {change.renamed_from}" if change.renamed_from else "new"
    return "changed" if change.before != change.now else "none; reported again"


def _comparison(change: Change) -> str:
    before, now = _facts(change.before), _facts(change.now)
    rows = [f"| {k} | {before[k]} | {_marked(now[k], now[k] != before[k])} |" for k in now]
    files = differences(change.before.raw_files, change.now.raw_files) if change.before else []
    listed = [f"- `{file}`" for file in files[:MAX_FILES]]
    if len(files) > MAX_FILES:
        listed.append(f"- ... and {len(files) - MAX_FILES:,} more")
    return "\n".join(["| | before | now |", "|---|---|---|", *rows, "", *listed])


def _facts(e: InventoryEntry | None) -> dict[str, str]:
    return {
        "size (bytes)": str(e.size_bytes) if e else "",
        "fingerprint": str(e.fingerprint) if e else "",
        "duration (s)": f"{e.duration_s or 0.0:.2f}" if e else "",
        "samples": ", ".join(map(str, e.n_samples)) if e else "",
        "channels": str(e.n_channels) if e else "",
        "probes": ", ".join(dict.fromkeys(e.probe_names)) if e else "",
    }


def _marked(text: str, changed: bool) -> str:
    return f"**{text}**" if changed and text else text


def job_metadata(job: SortingJob, file: str) -> Metadata:
    """Return what a person wants to know about a job."""
    probes = ", ".join(dict.fromkeys(job.probe_names))
    has_lfp = job.recording_lfp_dict is not None
    metadata: Metadata = {
        "summary": dg.MetadataValue.md(
            f"**{job.recording_name}** of session **{job.session_name}**: {job.duration:g} s, "
            f"{count(job.n_channels, 'channel')} at {job.sampling_frequency_hz:g} Hz, "
            f"probe {probes or 'without a name'}"
        ),
        "job file": dg.MetadataValue.path(file),
        "session": dg.MetadataValue.text(job.session_name),
        "input format": dg.MetadataValue.text(job.input_format),
        "duration (s)": dg.MetadataValue.float(job.duration),
        "channels": dg.MetadataValue.int(job.n_channels),
        "sampling frequency (Hz)": dg.MetadataValue.float(job.sampling_frequency_hz),
        "probes": dg.MetadataValue.text(probes),
        "segments": dg.MetadataValue.int(len(job.n_samples)),
        "LFP": dg.MetadataValue.bool(has_lfp),
        "timestamps": dg.MetadataValue.text(job.timestamps.verdict),
        "timestamps message": dg.MetadataValue.text(job.timestamps.message),
        "fingerprint": dg.MetadataValue.text(job.fingerprint),
    }
    if job.warnings:
        metadata["warnings"] = dg.MetadataValue.md("\n".join(f"- {w}" for w in job.warnings))
    return metadata


def failures_metadata(failures: Mapping[str, str]) -> Metadata:
    """Return the keys that failed, each with its sentence."""
    rows = ({"recording": key, "why": why} for key, why in failures.items())
    return {"failed": table(rows, ("recording", "why"))}


def _hours(duration_s: float) -> str:
    return f"{duration_s / 3600:.1f} h" if duration_s >= 3600 else f"{duration_s:.1f} s"


def _bytes(n: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if n < 1000:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1000
    return f"{n:.1f} TB"
