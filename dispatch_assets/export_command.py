"""``dispatch-assets export``: results of a session in forms that others read."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.errors import DataRootError, ParameterError, count

if TYPE_CHECKING:
    from dispatch_assets.sorting.results import StepResult

SESSION_NWB, AIND = "session-nwb", "aind"
_FORMS = {
    SESSION_NWB: "one NWB file with the units of all probes, shanks and segments",
    AIND: "the results tree of the Allen Institute's pipeline",
}


def export(parser: ArgumentParser, arguments: list[str]) -> int:
    """Export results."""
    add = parser.add_argument
    about = "; ".join(f"{name}: {what}" for name, what in _FORMS.items())
    add("form", choices=list(_FORMS), help=about)
    add(
        "results", nargs="+", metavar="RESULTS", help="folders of jobs' results, or folders of such"
    )
    add("--out", required=True, metavar="DIR", help="folder for the file, or for the tree")
    add("--session", metavar="NAME", help="take the results of this session alone")
    add("--backend", choices=("hdf5", "zarr"), default="hdf5", help="kind of NWB file")
    options = parser.parse_args(arguments)
    folders = results_folders([Path(p) for p in options.results], options.session)
    if not options.out.strip():
        raise ParameterError("must name a folder", "--out")
    out = Path(options.out)
    if options.form == SESSION_NWB:
        from dispatch_assets.sorting.nwb.session import write_session_nwb

        written = write_session_nwb(folders, out, options.backend)
        units, recordings = count(written.n_units, "unit"), len(written.recordings)
        print(f"{units} of {count(recordings, 'recording')}: {written.path}")
        warnings = written.warnings
    else:
        from dispatch_assets.sorting.aind_tree import export_aind_tree

        tree = export_aind_tree(folders, out, options.backend)
        print(f"{count(len(tree.recordings), 'recording')}: {tree.path}")
        warnings = tree.warnings
    for warning in warnings:
        print(f"  warning: {warning}", file=sys.stderr)
    return 0


def results_folders(given: list[Path], session: str | None = None) -> list[Path]:
    """Return the folders of jobs whose chain is done, in and below those that are given.

    Parameters
    ----------
    given
        Folders of one job's results, or folders that hold such.
    session
        Take the results of this session alone.

    Raises
    ------
    DataRootError
        If a folder does not exist, or there are no results in it.
    ParameterError
        If there are results, but not of `session`.
    """
    found: dict[Path, StepResult] = {}
    for folder in given:
        if not folder.is_dir():
            raise DataRootError("the folder does not exist", folder, "Check the spelling")
        own = [f for f in (folder, *sorted(folder.iterdir())) if _is_done(f)]
        if not own:
            remedy = "Run the whole chain first: `dispatch-assets run all`"
            raise DataRootError("no results of a job whose units are exported", folder, remedy)
        found |= {f.resolve(): _exported(f) for f in own}
    sessions = sorted({result.session_name for result in found.values()})
    if session is not None and session not in sessions:
        raise ParameterError(f"is not among {', '.join(sessions)}", f"--session {session!r}")
    return [f for f, result in found.items() if session in (None, result.session_name)]


def _is_done(folder: Path) -> bool:
    from dispatch_assets.sorting.results import RESULT_FILE
    from dispatch_assets.sorting.step import UNITS_NWB

    return (folder / UNITS_NWB / RESULT_FILE).is_file() and not folder.name.startswith(".")


def _exported(folder: Path) -> StepResult:
    from dispatch_assets.sorting.attempt import published
    from dispatch_assets.sorting.step import UNITS_NWB

    return published(folder, UNITS_NWB)
