"""All units of a session in one NWB file: every probe, shank and segment."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.errors import StepError
from dispatch_assets.naming import file_stem
from dispatch_assets.sorting.nwb.backend import SUFFIX, Backend, write_file
from dispatch_assets.sorting.nwb.facts import SessionFacts
from dispatch_assets.sorting.nwb.file import build_file
from dispatch_assets.sorting.nwb.part import Part, read_part
from dispatch_assets.sorting.results import Check


@dataclass(frozen=True)
class SessionNwb:
    """A file that was written.

    Attributes
    ----------
    path
        Where it is.
    recordings
        Names of the recordings whose units are in it.
    n_units
        Number of units.
    checks
        What was verified about it.
    warnings
        What a person should know.
    """

    path: Path
    recordings: list[str]
    n_units: int
    checks: list[Check]
    warnings: list[str]


def write_session_nwb(results: Iterable[Path], out: Path, backend: Backend = "hdf5") -> SessionNwb:
    """Write the units of several jobs of one session to one NWB file.

    Parameters
    ----------
    results
        Folders of the jobs' results, with the step ``units_nwb`` done in each.
    out
        Folder for the file, which is called after the session; made if it is missing.
    backend
        Kind of file.

    Returns
    -------
    SessionNwb
        What was written. Units are called ``<recording>_<unit>``.

    Raises
    ------
    StepError
        If a job is not done, the jobs are of several sessions, or the file would be faulty.
    StoreError
        If results cannot be read or the file cannot be written.
    """
    parts = sorted((read_part(folder) for folder in results), key=lambda part: part.order)
    session = the_session(parts)
    facts = _session_facts(parts)
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{file_stem(session)}{SUFFIX[backend]}"
    checks = write_file(build_file(parts, facts), path, backend, refuse_faulty=True)
    return SessionNwb(
        path=path,
        recordings=[part.job.recording_name for part in parts],
        n_units=sum(len(part.unit_ids) for part in parts),
        checks=checks,
        warnings=facts.warnings,
    )


def the_session(parts: list[Part]) -> str:
    """Return the name of the session that all parts are of.

    Raises
    ------
    StepError
        If there is no part, or parts are of several sessions, or one is there twice.
    """
    if not parts:
        raise StepError("no results were named", "", "Name the folders of a session's results")
    sessions = sorted({part.job.session_name for part in parts})
    if len(sessions) > 1:
        remedy = "Name results of one session at a time"
        raise StepError(f"the results are of {len(sessions)} sessions", ", ".join(sessions), remedy)
    keys = [part.job.job_key for part in parts]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        raise StepError("was named more than once", ", ".join(twice), "Name each job once")
    return sessions[0]


def _session_facts(parts: list[Part]) -> SessionFacts:
    """Return the facts of the part that began first, with what only others know."""
    known = [part.facts for part in parts]
    known.sort(key=lambda f: (f.start is None, f.start.timestamp() if f.start else 0.0))
    facts = known[0]
    for other in known[1:]:
        facts = facts.missing(other)
    return facts.model_copy(update={"warnings": list(dict.fromkeys(facts.warnings))})
