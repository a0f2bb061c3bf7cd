"""Pairs of units that may be one: proposed for a person to decide on, never merged here."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.units.work import Work

if TYPE_CHECKING:
    from spikeinterface.core import SortingAnalyzer

_SCORES = {  # SpikeInterface's names of what its presets look at
    "templates_diff": "template_difference",
    "correlogram_diff": "correlogram_difference",
    "presence_distances": "presence_distance",
    "unit_distances": "distance_um",
}


def check_presets(presets: Iterable[str]) -> None:
    """Verify names of presets.

    Raises
    ------
    ParameterError
        If SpikeInterface has no such preset.
    """
    from spikeinterface.curation.auto_merge import _compute_merge_presets as known

    for preset in presets:
        if preset not in known:
            remedy = did_you_mean(preset, known) or f"There are: {', '.join(known)}"
            raise ParameterError("is unknown", f"curation.merge_presets.{preset}", remedy)


def propose_merges(
    analyzer_folder: Path, presets: Sequence[str], sides: np.ndarray, work: Work
) -> list[dict[str, Any]]:
    """Return pairs of units that look like one.

    Parameters
    ----------
    analyzer_folder
        Analyzer with its extensions. It is opened anew: SpikeInterface writes into the arrays of
        the analyzer that it is given.
    presets
        Which of SpikeInterface's recipes propose.
    sides
        A number per unit; pairs of different numbers (shanks) are not proposed.
    work
        How to compute.

    Returns
    -------
    list of dict
        One per pair: `units`, the `presets` that proposed it, and its `scores`: differences of
        templates (0 to 1) and correlograms, distance in um.

    Raises
    ------
    StepError
        If SpikeInterface cannot do it.
    """
    from spikeinterface.core import load_sorting_analyzer
    from spikeinterface.curation import compute_merge_unit_groups

    analyzer = load_sorting_analyzer(analyzer_folder, load_extensions=False)
    units = list(analyzer.unit_ids)
    found: dict[tuple[Any, Any], dict[str, Any]] = {}
    for preset in presets:
        remedy = "Leave it out of `curation.merge_presets`"
        with work.computing(f"merges that {preset!r} proposes", remedy):
            pairs, scores = compute_merge_unit_groups(
                analyzer, preset, resolve_graph=False, extra_outputs=True, **work.job_kwargs
            )
        for one, other in pairs:
            i, j = units.index(one), units.index(other)
            if sides[i] == sides[j]:
                pair = found.setdefault((one, other), {"presets": [], "scores": {}})
                pair["presets"].append(preset)
                pair["scores"].update(_scores_of(scores, i, j))
    return [{"units": [_plain(u) for u in pair], **why} for pair, why in sorted(found.items())]


def write_merges(
    file: Path, analyzer: SortingAnalyzer, proposals: Sequence[dict[str, Any]]
) -> None:
    """Write proposals in SpikeInterface's curation format, with their scores beside.

    `spikeinterface.curation.apply_curation` applies it, and SpikeInterface-GUI opens it.
    """
    from spikeinterface.curation.curation_tools import resolve_merging_graph

    pairs = [tuple(proposal["units"]) for proposal in proposals]
    groups = resolve_merging_graph(analyzer.sorting, pairs) if pairs else []
    curation = {
        "format_version": "2",
        "unit_ids": [_plain(unit) for unit in analyzer.unit_ids],
        "merges": [{"unit_ids": [_plain(unit) for unit in group]} for group in groups],
        "proposals": list(proposals),
    }
    file.write_text(json.dumps(curation, indent=1) + "\n", encoding="utf-8")


def _scores_of(scores: dict[str, Any], i: int, j: int) -> dict[str, float]:
    return {
        ours: round(float(scores[theirs][i, j]), 4)
        for theirs, ours in _SCORES.items()
        if theirs in scores and np.isfinite(scores[theirs][i, j])
    }


def _plain(unit: Any) -> str | int:  # noqa: ANN401 - numpy's or Python's string or integer
    return str(unit) if isinstance(unit, str) else int(unit)
