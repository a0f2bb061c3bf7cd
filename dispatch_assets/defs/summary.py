"""What ``dispatch-assets materialize`` did, for people. Knows nothing of Dagster."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from dispatch_assets.defs.environment import DAGSTER_HOME, DATA, PARAMS, STORE
from dispatch_assets.errors import count
from dispatch_assets.models import InventoryEntry
from dispatch_assets.report import left_out, place, print_unknown, table

MAX_LISTED = 50


@dataclass(frozen=True)
class Summary:
    """What was found and what was done about it.

    Attributes
    ----------
    entries
        Everything in the sessions that were looked at.
    counts
        Number of recordings ``new``, ``changed``, ``returned``, ``vanished``.
    written
        Job files written, by key.
    failed
        Why the others could not be, by key.
    up_to_date
        Keys of the jobs that were left alone.
    data, store, home
        Where the raw data are, and the jobs; where Dagster keeps its state.
    params
        The parameters that differ from the defaults, as JSON; empty if none do.
    """

    entries: tuple[InventoryEntry, ...]
    counts: Mapping[str, int]
    written: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    up_to_date: tuple[str, ...] = ()
    data: str = ""
    store: str = ""
    home: str = ""
    params: str = ""

    def of_status(self, status: str) -> list[InventoryEntry]:
        """Return the entries of one status: job, skipped or failed."""
        return [e for e in self.entries if e.status == status]

    @property
    def exit_status(self) -> int:
        """0 if there are jobs and nothing failed, else 1."""
        return int(bool(self.failed or self.of_status("failed") or not self.of_status("job")))


def print_summary(summary: Summary) -> None:
    """Print what was written, and what was not with its remedy."""
    jobs = {str(e.job_key): e for e in summary.of_status("job")}
    (skipped, unknown), faults = left_out(summary.entries), summary.of_status("failed")
    rows = [_row(key, jobs[key]) for key in list(summary.written)[:MAX_LISTED] if key in jobs]
    if rows:
        print(table(("session", "recording", "duration (s)", "channels", "partition"), rows))
    if len(summary.written) > MAX_LISTED:
        print(f"... and {len(summary.written) - MAX_LISTED:,} more")
    print_unknown(unknown)
    sys.stdout.flush()
    for e in faults:
        where = f"{e.session_name} {place(e)}".strip()
        print(f"could not be dispatched: {where} [{e.reason}]\n    {e.message}", file=sys.stderr)
    for key, why in summary.failed.items():
        print(f"job not written: {key}\n    {why}", file=sys.stderr)
    sys.stderr.flush()
    changes = ", ".join(f"{n:,} {what}" for what, n in summary.counts.items())
    sessions = count(len({e.session_name for e in jobs.values()}), "session")
    blank = "\n" if rows or unknown else ""
    print(f"{blank}{count(len(jobs), 'recording')} in {sessions}: {changes}")
    more = f"{len(unknown):,} not recognised, " if unknown else ""
    print(
        f"{count(len(summary.written), 'job')} written, {len(summary.up_to_date):,} up to date, "
        f"{len(skipped):,} left out as expected, {more}"
        f"{len(summary.failed) + len(faults):,} failed"
    )
    print(f"Jobs: {summary.store}")
    print(f"To see them in the Dagster UI: {_dev_command(summary)}")


def _dev_command(summary: Summary) -> str:
    settings = {DATA: summary.data, STORE: summary.store, DAGSTER_HOME: summary.home}
    if summary.params:  # else the next inventory would withdraw what they have made
        settings[PARAMS] = summary.params
    return " ".join([*(f"{name}={shlex.quote(v)}" for name, v in settings.items()), "make dev"])


def _row(key: str, e: InventoryEntry) -> tuple[str, ...]:
    duration = f"{e.duration_s or 0.0:.2f}"
    return (e.session_name, str(e.recording_name), duration, str(e.n_channels), key)
