"""Inventories as text for people."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence

from dispatch_assets.errors import count
from dispatch_assets.models import InventoryEntry, Reason


def print_report(
    entries: Sequence[InventoryEntry],
    results: str | None = None,
    warnings: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Print a table of jobs, what was left out as expected, and what failed with its remedy.

    Parameters
    ----------
    entries
        The inventory.
    results
        Where the jobs were written, if they were.
    warnings
        What a person should know about jobs, by recording name.
    """
    jobs = [e for e in entries if e.status == "job"]
    skipped, unknown = left_out(entries)
    failed = [e for e in entries if e.status == "failed"]
    if jobs:
        heads = ("session", "recording", "duration (s)", "channels", "LFP", "probe")
        print(table(heads, (_row(e) for e in jobs)))
    if warnings:
        print("\nWorth knowing:")
        print(table((), ((f"  {name}", w) for name, found in warnings.items() for w in found)))
    if skipped:
        print("\nNot sorted, as expected:")
        rows = ((f"  {e.session_name}", place(e), str(e.reason), e.message) for e in skipped)
        print(table((), rows))
    print_unknown(unknown)
    print_failures(failed)
    where = f" in {results}" if results else ""
    more = f", {len(unknown)} not recognised" if unknown else ""
    n_jobs = count(len(jobs), "job")
    print(f"\n{n_jobs}{where}, {len(skipped)} left out{more}, {len(failed)} failed")
    if not entries:
        print("The data folder is empty: there is no session in it.", file=sys.stderr)
    elif not jobs:
        print("No recording can be sorted.", file=sys.stderr)


def print_failures(failed: Sequence[InventoryEntry]) -> None:
    """Print what could not be dispatched, with its remedy."""
    sys.stdout.flush()  # errors go to another stream, and belong after the tables
    if failed:
        print("\nCould not be dispatched:", file=sys.stderr)
    for e in failed:
        print(f"  {e.session_name} {place(e)} [{e.reason}]\n    {e.message}", file=sys.stderr)


def left_out(
    entries: Iterable[InventoryEntry],
) -> tuple[list[InventoryEntry], list[InventoryEntry]]:
    """Return what is left out as expected, and what no format recognises."""
    skipped = [e for e in entries if e.status == "skipped"]
    unknown = [e for e in skipped if e.reason == Reason.NOT_RECOGNISED]
    return [e for e in skipped if e.reason != Reason.NOT_RECOGNISED], unknown


def print_unknown(unknown: Iterable[InventoryEntry]) -> None:
    """Print what no format recognises; what was tried is said once for all that it holds for."""
    names: dict[str, list[str]] = {}
    for e in unknown:
        names.setdefault(e.message, []).append(f"  {e.session_name} {place(e)}".rstrip())
    if names:
        print("\nNot recognised (`dispatch-assets formats PATH` says more; input 'spikeinterface'")
        print("with a reader_type reads what no format recognises):")
    for message, listed in names.items():
        tried = textwrap.wrap(message, 96, initial_indent="    ", subsequent_indent="    ")
        print("\n".join([*listed, *tried]))


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
