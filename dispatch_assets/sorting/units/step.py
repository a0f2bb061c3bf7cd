"""The step ``units``: what the sorter found, measured, labelled, and without what is no unit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.params import CurationParams, SortingParams
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    UNITS,
    Fact,
    Step,
    StepContext,
    StepOutcome,
)

if TYPE_CHECKING:
    import pandas as pd
    from spikeinterface.core import BaseRecording, BaseSorting, SortingAnalyzer

    from dispatch_assets.sorting.units.analyzer import Dropped
    from dispatch_assets.sorting.units.work import Work

ANALYZER, TABLE, DROPPED, MERGES = "analyzer", "units.csv", "dropped.csv", "merges.json"


def check_params(params: SortingParams) -> None:
    """Verify the sections `postprocessing` and `curation` before hours are spent.

    Raises
    ------
    ParameterError
        Naming the first that SpikeInterface does not have or that needs another one.
    """
    from dispatch_assets.sorting.units.extensions import (
        check_extensions,
        metric_columns,
        read_extensions,
    )
    from dispatch_assets.sorting.units.labels import check_thresholds
    from dispatch_assets.sorting.units.merges import check_presets

    check_extensions(params.postprocessing)
    extensions, _ = read_extensions(params.postprocessing, params.seed)
    check_thresholds(params.curation, metric_columns(extensions))
    check_presets(params.curation.merge_presets)


def _check(context: StepContext) -> None:
    check_params(context.params)


def _run(context: StepContext, folder: Path) -> StepOutcome:
    from dispatch_assets.sorting.units.analyzer import analyze, enough_spikes, scout
    from dispatch_assets.sorting.units.extensions import read_extensions
    from dispatch_assets.sorting.units.work import Work

    params = context.params.postprocessing
    extensions, left_aside = read_extensions(params, context.params.seed)
    recording, found = _inputs(context)
    sorting, dropped = enough_spikes(found, params.min_spikes)
    if sorting.get_num_units() == 0:
        return _no_units(folder, dropped)
    work = Work(context.n_jobs, context.params.seed, context.log)
    scouted = scout(recording, sorting, params, work)
    dropped += scouted.duplicates
    analyzer = analyze(recording, scouted, folder / ANALYZER, extensions, work)
    units = _describe(analyzer, recording, context.params.curation)
    proposals = _propose(analyzer, recording, folder, context.params.curation, work)
    outcome = _outcome(folder, units, dropped, len(proposals))
    outcome.files["analyzer"] = ANALYZER
    outcome.files["proposed merges"] = MERGES
    if left_aside:
        names = ", ".join(left_aside)
        outcome.warnings.append(f"SpikeInterface no longer has these arguments: {names}")
    return outcome


def _inputs(context: StepContext) -> tuple[BaseRecording, BaseSorting]:
    recording, sorting = context.preprocessed(), context.sorted()
    n_recording, n_sorting = recording.get_num_segments(), sorting.get_num_segments()
    if n_recording != n_sorting:
        what = f"the sorting has {n_sorting} segments, the recording {n_recording}"
        raise StepError(what, context.results, f"Run the step `{SORTING}` again")
    return recording, sorting


def _describe(
    analyzer: SortingAnalyzer, recording: BaseRecording, params: CurationParams
) -> pd.DataFrame:
    """Return one row per unit: labels, place, metrics; the first two as properties, too."""
    import pandas as pd

    from dispatch_assets.sorting.units.labels import bombcell_labels, label_units
    from dispatch_assets.sorting.units.table import keep_as_properties, places

    metrics = analyzer.get_metrics_extension_data()
    described = label_units(metrics, params)
    if recording.get_total_duration() >= params.bombcell_min_duration:
        described["bombcell_label"] = bombcell_labels(metrics, params)
    described = pd.concat([described, places(analyzer, recording)], axis=1)
    keep_as_properties(analyzer, described)
    return pd.concat([described, metrics], axis=1)


def _propose(
    analyzer: SortingAnalyzer,
    recording: BaseRecording,
    folder: Path,
    params: CurationParams,
    work: Work,
) -> list[dict[str, Any]]:
    from dispatch_assets.sorting.units.analyzer import sides
    from dispatch_assets.sorting.units.merges import propose_merges, write_merges

    main_channels = analyzer.get_main_channels(outputs="index", with_dict=False)
    of_units = sides(recording)[main_channels]
    proposals = propose_merges(folder / ANALYZER, params.merge_presets, of_units, work)
    write_merges(folder / MERGES, analyzer, proposals)
    return proposals


def _no_units(folder: Path, dropped: list[Dropped]) -> StepOutcome:
    """Return the outcome of a recording without units; SpikeInterface has no empty analyzer."""
    import pandas as pd

    columns = ["label", "failed", "not_computed", "group", "shank", "channel_id", "snr"]
    return _outcome(folder, pd.DataFrame(columns=columns), dropped, 0)


def _outcome(
    folder: Path, units: pd.DataFrame, dropped: list[Dropped], n_merges: int
) -> StepOutcome:
    from dispatch_assets.sorting.units.table import at_a_glance, checks, write_dropped

    units.to_csv(folder / TABLE, index_label="unit_id")
    write_dropped(folder / DROPPED, dropped)
    return StepOutcome(
        facts=_facts(units, dropped, n_merges),
        tables={"Units": at_a_glance(units)},
        files={"units": TABLE, "dropped units": DROPPED},
        checks=checks(units),
    )


def _facts(units: pd.DataFrame, dropped: list[Dropped], n_merges: int) -> dict[str, Fact]:
    from dispatch_assets.sorting.units.analyzer import DUPLICATE, TOO_FEW_SPIKES
    from dispatch_assets.sorting.units.labels import LABELS

    facts: dict[str, Fact] = {"units": len(units)}
    facts |= {label: int((units["label"] == label).sum()) for label in LABELS}
    facts["dropped_too_few_spikes"] = sum(one.reason == TOO_FEW_SPIKES for one in dropped)
    facts["dropped_duplicates"] = sum(one.reason == DUPLICATE for one in dropped)
    facts["merges_proposed"] = n_merges
    median = float(units["snr"].median()) if "snr" in units.columns and len(units) else math.nan
    facts["median_snr"] = None if math.isnan(median) else round(median, 2)
    if "bombcell_label" in units.columns:
        facts["bombcell_good"] = int((units["bombcell_label"] == "good").sum())
    return facts


STEP = Step(
    UNITS,
    "the units, measured and labelled, without duplicates and units of a few spikes",
    needs=(PREPROCESSED, SORTING),
    sections=("postprocessing", "curation"),
    code_version="1",
    run=_run,
    check=_check,
)
