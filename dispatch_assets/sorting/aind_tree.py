"""Results of a session in the folders of the Allen Institute's pipeline, for steps that expect it.

::

    preprocessed/<recording>.json   the lazy chain; load it with base_folder=DATA
    preprocessed/<recording>/       the int16 copy that was sorted (upstream keeps none)
    spikesorted/<recording>/        what the sorter found
    postprocessed/<recording>/      the analyzer
    curated/<recording>/            the units with their labels
    visualization/<recording>/      report and figures
    visualization_output.json       where those are, by recording and title
    nwb/<session>.nwb               all units of the session
    processing.json                 what was done: aind-data-schema's Processing, version 2

Names and places are those that aind-ephys-results-collector writes and that aind-units-nwb and
the pipeline's own check read. Two things differ from upstream. The analyzer is a binary folder and
not Zarr, because numcodecs 0.15.2 refuses to read a Zarr analyzer (it pickles the recording);
``spikeinterface.load`` reads either. And there are no figurl links, nor quality_control.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
import warnings as _warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.errors import StepError, StoreError
from dispatch_assets.naming import clean
from dispatch_assets.sorting.aind_processing import processing
from dispatch_assets.sorting.attempt import published
from dispatch_assets.sorting.nwb.backend import Backend
from dispatch_assets.sorting.nwb.part import Part, read_part
from dispatch_assets.sorting.nwb.session import the_session, write_session_nwb
from dispatch_assets.sorting.results import RESULT_FILE
from dispatch_assets.sorting.step import PREPROCESSED, SORTING, UNITS, UNITS_REPORT

if TYPE_CHECKING:
    from spikeinterface.core import SortingAnalyzer

_GOOD = "good"


@dataclass(frozen=True)
class AindTree:
    """A tree that was written.

    Attributes
    ----------
    path
        Where it is.
    recordings
        Names of the recordings in it.
    warnings
        What a person should know.
    """

    path: Path
    recordings: list[str]
    warnings: list[str]


def export_aind_tree(results: Iterable[Path], out: Path, backend: Backend = "hdf5") -> AindTree:
    """Write the results of several jobs of one session as one tree.

    Traces are hard links where the disk allows it; everything else is a copy, which may be
    changed without changing the results.

    Parameters
    ----------
    results
        Folders of the jobs' results, with all steps done in each.
    out
        The tree; must not exist yet, or be empty.
    backend
        Kind of NWB file.

    Raises
    ------
    StepError
        If a job is not done, or the jobs are of several sessions.
    StoreError
        If results cannot be read, or the tree cannot be written.
    """
    folders = list(results)
    parts = [read_part(folder) for folder in folders]
    the_session(parts)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise StoreError("is not empty", out, "Name a folder that does not exist yet")
    private = out.absolute().with_name(f".{out.absolute().name}-{uuid.uuid4().hex[:12]}")
    try:
        warnings = _write_tree(parts, folders, private, backend)
        if out.exists():
            out.rmdir()
        private.rename(out)
    except OSError as e:
        if isinstance(e, StoreError):
            raise
        remedy = "Check free space and permissions"
        raise StoreError(f"cannot be written ({e.strerror or e})", out, remedy) from e
    finally:
        shutil.rmtree(private, ignore_errors=True)
    return AindTree(out, [part.job.recording_name for part in parts], warnings)


def _write_tree(parts: list[Part], folders: list[Path], tree: Path, backend: Backend) -> list[str]:
    tree.mkdir(parents=True)
    warnings, views = [], {}
    for part, folder in zip(parts, folders, strict=True):
        name = folder_name(part)
        warnings += _copy_recording(folder / PREPROCESSED, tree / "preprocessed", name)
        _copy(folder / SORTING / "sorting", tree / "spikesorted" / name)
        if part.analyzer is None:
            warnings.append(f"{name}: no units, so nothing is postprocessed or curated")
        else:
            _copy_analyzer(folder / UNITS / "analyzer", tree / "postprocessed" / name, name)
            _write_curated(part.analyzer, tree / "curated" / name)
        views[name] = _copy_report(folder, tree / "visualization" / name)
    _write_json(views, tree / "visualization_output.json")
    written = write_session_nwb(folders, tree / "nwb", backend)
    _write_json(processing(list(zip(parts, folders, strict=True))), tree / "processing.json")
    return [*warnings, *written.warnings]


def folder_name(part: Part) -> str:
    """Return what a recording's folders are called: its name, which fits a path already.

    Raises
    ------
    StepError
        If it does not, because someone else wrote the job.
    """
    name = part.job.recording_name
    if name != clean(name) or name.startswith("."):
        raise StepError(f"cannot name folders {name!r}", part.job.job_key, "Dispatch it again")
    return name


def _copy_recording(step: Path, target: Path, name: str) -> list[str]:
    _copy(step / "recording", target / name)
    if not (step / "chain.json").is_file():
        return [f"{name}: its preprocessing chain was not kept; only the int16 copy is there"]
    shutil.copyfile(step / "chain.json", target / f"{name}.json")
    return []


def _copy_analyzer(source: Path, target: Path, name: str) -> None:
    """Copy an analyzer and lead it to the copy of its recording."""
    _copy(source, target)
    file = target / "recording.json"
    described = json.loads(file.read_text(encoding="utf-8"))
    described["kwargs"]["folder_path"] = f"../../preprocessed/{name}"
    _write_json(described, file)


def _write_curated(analyzer: SortingAnalyzer, target: Path) -> None:
    """Write the units with their labels; ``default_qc`` is what upstream calls a good unit."""
    sorting = analyzer.sorting.clone()
    labels = sorting.get_property("label")
    if labels is not None:
        sorting.set_property("default_qc", [str(label) == _GOOD for label in labels])
    with _warnings.catch_warnings():  # its provenance is processing.json
        _warnings.filterwarnings("ignore", message="The extractor is not serializable")
        sorting.save(folder=target)


def _copy_report(folder: Path, target: Path) -> dict[str, str]:
    """Copy what the report step made; return its parts by title, relative to the tree."""
    if not (folder / UNITS_REPORT).exists():
        return {}
    result = published(folder, UNITS_REPORT)
    _copy(folder / UNITS_REPORT, target)
    (target / RESULT_FILE).unlink()
    parts = {**result.figures, **result.files}
    return {title: f"visualization/{target.name}/{path}" for title, path in parts.items()}


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, copy_function=_link_or_copy)


def _link_or_copy(source: str, target: str) -> None:
    """Link traces, which nobody writes to; a library that changes another file gets a copy."""
    if source.endswith(".raw"):
        try:
            os.link(source, target)
        except OSError:  # another disk, or one without links
            pass
        else:
            return
    shutil.copy2(source, target)


def _write_json(value: object, file: Path) -> None:
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    file.write_text(text + "\n", encoding="utf-8")
