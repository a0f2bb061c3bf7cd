"""Facts on a session from the files that stand beside its traces.

Sources, best first: the NWB file that holds the traces; AIND's JSON files (aind-data-schema 1 and
2); what Open Ephys and SpikeGLX write down when they begin to record. Facts of the first are kept,
those of the others fill gaps.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dispatch_assets.models import SortingJob
from dispatch_assets.naming import natural_key
from dispatch_assets.sorting.nwb.facts import Gathered, SessionFacts
from dispatch_assets.sorting.nwb.nwb_input import is_nwb, nwb_facts

MAX_JSON_BYTES = 10_000_000
_HEAD_BYTES = 100_000
# "Software Time (milliseconds since midnight Jan 1st 1970 UTC): 1705312800000", Open Ephys 0.6
_SOFTWARE_TIME = re.compile(r"Software Time \(milliseconds since[^)]*UTC\): (\d{12,14})\b")
_SETTINGS_DATE = re.compile(r"<DATE>\s*([^<]{1,40}?)\s*</DATE>")
_CREATED = re.compile(r"^fileCreateTime=(\S{10,40})\s*$", re.MULTILINE)  # SpikeGLX


def session_facts(job: SortingJob, data_folder: Path, timezone: str) -> SessionFacts:
    """Return what the files of a job's session say about it.

    Parameters
    ----------
    job
        The job.
    data_folder
        Folder that its paths are relative to.
    timezone
        IANA name of the zone of times that have none; empty for UTC.
    """
    raw = [data_folder / p for p in raw_paths(job.recording_dict)]
    folders = list(dict.fromkeys(f for p in raw for f in _own_folders(p, job, data_folder)))
    found = SessionFacts()
    for path in raw:
        if is_nwb(path):
            found = found.missing(nwb_facts(path, timezone))
    for read in (_aind_facts, _open_ephys_facts, _spikeglx_facts):
        gathered = Gathered(timezone)
        read(gathered, job, raw, folders)
        found = found.missing(gathered.facts())
    return found


def raw_paths(described: object, key: str = "") -> Iterator[str]:
    """Yield the paths in a recording's JSON, which stand where SpikeInterface looks for them."""
    if isinstance(described, dict):
        for name, value in described.items():
            yield from raw_paths(value, name)
    elif isinstance(described, list):
        for value in described:
            yield from raw_paths(value, key)
    elif isinstance(described, str) and "path" in key and described:
        yield described


def _own_folders(raw: Path, job: SortingJob, data_folder: Path) -> Iterator[Path]:
    """Yield the folders around a raw file that are of its session alone, inner ones first."""
    raw, data_folder = (Path(os.path.normpath(p)) for p in (raw, data_folder))
    if raw == data_folder:
        yield raw
    for folder in (raw, *raw.parents):
        if folder == data_folder:
            break
        if folder.is_relative_to(data_folder):
            yield folder
    entry = job.input_folder  # the session's, as it was given: perhaps the data folder itself
    if entry is not None and Path(entry).absolute() == Path(job.data_folder):
        yield data_folder


def _aind_facts(to: Gathered, job: SortingJob, raw: list[Path], folders: list[Path]) -> None:
    session = _first_json("session.json", folders, to)
    acquisition = _first_json("acquisition.json", folders, to)
    description = _first_json("data_description.json", folders, to)
    to.set_start(acquisition.get("acquisition_start_time"), "acquisition.json")
    to.set_start(session.get("session_start_time"), "session.json")
    for people in (acquisition.get("experimenters"), session.get("experimenter_full_name")):
        if isinstance(people, list) and not to.experimenter:
            to.experimenter = [p for p in people[:20] if isinstance(p, str) and p.strip()]
    _open_ephys_start(to, raw)  # more exact than the time at which the asset was described
    to.set_start(description.get("creation_time"), "data_description.json")
    to.set_general("institution", _name_of(description.get("institution")))
    to.set_general("experiment_description", description.get("data_summary"))
    to.set_subject("subject_id", description.get("subject_id"))
    _aind_subject(to, _first_json("subject.json", folders, to))


def _aind_subject(to: Gathered, subject: dict[str, Any]) -> None:
    """Read subject.json: facts at its top in schema 1, under ``subject_details`` in schema 2."""
    details = subject.get("subject_details")
    details = {**subject, **details} if isinstance(details, dict) else subject
    to.set_subject("subject_id", details.get("subject_id"))
    to.set_subject("species", _name_of(details.get("species")))
    strain = details.get("strain") or details.get("background_strain")
    to.set_subject("strain", _name_of(strain))
    for name in ("sex", "date_of_birth", "genotype"):
        to.set_subject(name, details.get(name))


def _name_of(value: object) -> object:
    return value.get("name") if isinstance(value, dict) else value


def _first_json(name: str, folders: list[Path], to: Gathered) -> dict[str, Any]:
    """Return the JSON object of the innermost file called `name`; empty if there is none."""
    file = next((f / name for f in folders if (f / name).is_file()), None)
    if file is None:
        return {}
    try:
        size = file.stat().st_size
        if size > MAX_JSON_BYTES:
            to.warnings.append(f"{name} is left aside: {size:,} bytes")
            return {}
        value = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as e:
        to.warnings.append(f"{name} is left aside: it cannot be read ({type(e).__name__})")
        return {}
    if isinstance(value, dict):
        return value
    to.warnings.append(f"{name} is left aside: it is not a JSON object")
    return {}


def _open_ephys_facts(to: Gathered, job: SortingJob, raw: list[Path], folders: list[Path]) -> None:
    _open_ephys_start(to, raw)


def _open_ephys_start(to: Gathered, raw: list[Path]) -> None:
    """Read when Open Ephys began: its sync messages (UTC), else its settings (local time)."""
    for recording in (r for path in raw for r in _recording_folders(path)):
        found = _SOFTWARE_TIME.search(_head(recording / "sync_messages.txt"))
        if found is not None:
            milliseconds = int(found[1])
            start = dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)
            to.set_start(start.isoformat(), "Open Ephys's sync_messages.txt")
            return
        experiment = recording.parent.name.removeprefix("experiment")
        name = "settings.xml" if experiment == "1" else f"settings_{experiment}.xml"
        found = _SETTINGS_DATE.search(_head(recording.parents[1] / name))
        if found is not None:
            to.set_start(_iso(found[1]), f"Open Ephys's {name}")
            return


def _recording_folders(raw: Path) -> Iterator[Path]:
    """Yield the Open Ephys recording folders that a path belongs to, in order of time."""
    for folder in (raw, *raw.parents):
        if re.fullmatch(r"recording\d+", folder.name):
            yield folder
            return
        if folder.name == "ecephys_compressed":  # AIND keeps the small files of the original here
            experiment = raw.name.partition("_")[0]
            clipped = folder.with_name("ecephys_clipped")
            depths = (f"{experiment}/recording*", f"*/{experiment}/recording*")
            found = [p for pattern in depths for p in clipped.glob(pattern) if p.is_dir()]
            yield from sorted(found, key=lambda p: natural_key(p.name))
            return


def _iso(text: str) -> str:
    """Return Open Ephys's "15 Jan 2024 10:00:00" as ISO 8601; other texts as they are."""
    try:
        # the zone is that of the rig, which set_start asks for
        return dt.datetime.strptime(text, "%d %b %Y %H:%M:%S").isoformat()
    except ValueError:
        return text


def _spikeglx_facts(to: Gathered, job: SortingJob, raw: list[Path], folders: list[Path]) -> None:
    """Read when SpikeGLX made the first file of the job's stream, in the rig's local time."""
    metas = [p.with_suffix(".meta") for p in raw if p.suffix == ".bin"]
    folders = [p for p in raw if p.is_dir()]
    metas += [m for f in folders for m in sorted(f.glob(f"*.{job.stream}.meta"))]
    created = [found[1] for m in metas if (found := _CREATED.search(_head(m))) is not None]
    if created:
        to.set_start(min(created), "SpikeGLX's fileCreateTime")


def _head(file: Path) -> str:
    """Return the beginning of a text file; nothing if there is none."""
    try:
        with file.open("rb") as f:
            return f.read(_HEAD_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
