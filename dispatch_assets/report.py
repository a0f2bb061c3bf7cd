"""Inventories as text for people."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from dispatch_assets.models import InventoryEntry


def print_report(entries: Sequence[InventoryEntry], results: str | None = None) -> None:
    """Print a table of jobs, what was left out as expected, and what failed with its remedy."""
    jobs = [e for e in entries if e.status == "job"]
    skipped = [e for e in entries if e.status == "skipped"]
    failed = [e for e in entries if e.status == "failed"]
    if jobs:
        heads = ("session", "recording", "duration (s)", "channels", "LFP", "probe")
        print(table(heads, (_row(e) for e in jobs)))
    if skipped:
        print("\nNot sorted, as expected:")
        print(table((), ((e.session_name, place(e), str(e.reason), e.message) for e in skipped)))
    if failed:
        sys.stdout.flush()
        print("\nCould not be dispatched:", file=sys.stderr)
        for e in failed:
            print(f"  {e.session_name} {place(e)} [{e.reason}]\n    {e.message}", file=sys.stderr)
    where = f" in {results}" if results else ""
    print(f"\n{len(jobs)} jobs{where}, {len(skipped)} left out, {len(failed)} failed")
    if not jobs:
        print("No recording can be sorted.", file=sys.stderr)


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return an aligned text table; the last column may be of any width."""
    lines = [tuple(heads), *(tuple(r) for r in rows)] if heads else [tuple(r) for r in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "\n".join(
        "  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _row(e: InventoryEntry) -> tuple[str, ...]:
    duration = "" if e.duration_s is None else f"{e.duration_s:.2f}"
    lfp = "yes" if e.has_lfp else "no"
    probes = ", ".join(dict.fromkeys(e.probe_names))
    return (e.session_name, str(e.recording_name), duration, str(e.n_channels), lfp, probes)


def place(e: InventoryEntry) -> str:
    """Return where in its session an entry is: block, stream and segment."""
    segment = "" if e.segment is None else f" recording{e.segment + 1}"
    return f"{e.block} {e.stream}{segment}".strip()
