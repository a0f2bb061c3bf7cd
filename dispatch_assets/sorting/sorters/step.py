"""The step ``sorting``: a sorter finds units in the preprocessed recording."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.errors import RefusedError, count
from dispatch_assets.sorting.results import Refusal
from dispatch_assets.sorting.sorters.catalogue import (
    MIN_CHANNELS,
    WITHOUT_MOTION_CORRECTION,
    pip_install,
)
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    Fact,
    Step,
    StepContext,
    StepOutcome,
)

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseSorting

    from dispatch_assets.sorting.sorters.arguments import Arguments
    from dispatch_assets.sorting.sorters.running import Found

_LOG, _PARAMS = "sorter_log.json", "sorter_params.json"


def _check(context: StepContext) -> None:
    from dispatch_assets.sorting.sorters.checking import check_sorter

    check_sorter(context.params.spikesorting)


def _run(context: StepContext, folder: Path) -> StepOutcome:
    from dispatch_assets.sorting.sorters.arguments import arguments_for
    from dispatch_assets.sorting.sorters.motion import lacks_torch, without_motion_correction
    from dispatch_assets.sorting.sorters.running import run

    params = context.params.spikesorting
    recording = context.preprocessed()
    _check_channels(context, recording)
    corrected = _is_motion_corrected(context)
    wanted = (
        not corrected
        and not params.skip_motion_correction
        and recording.get_num_channels() >= params.min_drift_channels
    )
    helpless = wanted and lacks_torch(params)
    arguments = arguments_for(
        without_motion_correction(params) if helpless else params,
        context.params.seed,
        context.n_jobs,
        correct_motion=wanted and not helpless,
    )
    found = run(context, recording, arguments, folder / "scratch")
    _write(context, found, arguments, folder)
    return StepOutcome(
        facts=_facts(context, found, recording),
        tables={"units": _units(found.sorting, recording)},
        files={"sorting": "sorting", "sorter's log": _LOG, "sorter's parameters": _PARAMS},
        warnings=_warnings(context, found, arguments, corrected, helpless),
        versions={params.sorter: _version(found)},
    )


def _check_channels(context: StepContext, recording: BaseRecording) -> None:
    sorter, n_channels = context.params.spikesorting.sorter, recording.get_num_channels()
    needed = MIN_CHANNELS.get(sorter, 1)
    if n_channels < needed:
        what = f"{count(n_channels, 'channel')} left, and {sorter!r} needs {needed}"
        remedy = "Choose another sorter"
        raise RefusedError(what, context.job.job_key, remedy, Refusal.TOO_FEW_CHANNELS)


def _is_motion_corrected(context: StepContext) -> bool:
    section = context.result_of(PREPROCESSED).parameters.get("preprocessing")
    return isinstance(section, dict) and section.get("motion") == "apply"


def _write(context: StepContext, found: Found, arguments: Arguments, folder: Path) -> None:
    from spikeinterface.core.core_tools import check_json

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The extractor is not serializable")  # it need not be
        found.sorting.save(folder=folder / "sorting")
    params = context.params.spikesorting
    as_run = {
        "sorter_name": params.sorter,
        "sorter_version": _version(found),
        "sorter_params": arguments.complete,
        "seed": context.params.seed,
        "container": params.container,
        "container_image": params.container_image,
    }
    (folder / _PARAMS).write_text(json.dumps(check_json(as_run), indent=2) + "\n")
    (folder / _LOG).write_text(json.dumps(found.log, indent=2) + "\n")


def _version(found: Found) -> str:
    return str(found.log.get("sorter_version", "unknown"))


def _facts(context: StepContext, found: Found, recording: BaseRecording) -> dict[str, Fact]:
    n_spikes = int(found.sorting.to_spike_vector().size)
    facts: dict[str, Fact] = {
        "units": len(found.sorting.unit_ids),
        "spikes": n_spikes,
        "spikes_per_s": round(n_spikes / recording.get_total_duration(), 2),
        "sorter": context.params.spikesorting.sorter,
        "sorter_version": _version(found),
        "run_time_s": round(float(found.log.get("run_time") or 0), 1),
        "seed": context.params.seed,
    }
    if recording.get_num_segments() > 1:
        facts["segments"] = recording.get_num_segments()
        facts["sorted_as_one_segment"] = found.concatenated
    if context.params.spikesorting.container != "none":
        facts["container"] = context.params.spikesorting.container
    return facts


def _units(sorting: BaseSorting, recording: BaseRecording) -> list[dict[str, Fact]]:
    """Return one row per unit: its id, number of spikes, and rate in each segment in Hz."""
    n_segments = recording.get_num_segments()
    rows = []
    for unit in sorting.unit_ids:
        trains = [sorting.get_unit_spike_train(unit, s) for s in range(n_segments)]
        row: dict[str, Fact] = {"unit": str(unit), "spikes": sum(map(len, trains))}
        for segment, train in enumerate(trains):
            duration_s = recording.get_num_samples(segment) / recording.sampling_frequency
            column = "rate_hz" if n_segments == 1 else f"rate_hz_in_segment_{segment}"
            row[column] = round(len(train) / duration_s, 3)
        rows.append(row)
    return rows


def _warnings(
    context: StepContext, found: Found, arguments: Arguments, corrected: bool, helpless: bool
) -> list[str]:
    sorter = context.params.spikesorting.sorter
    said = []
    if helpless:
        said.append(
            f"{sorter} did not correct for motion: its method needs torch. If the probe moved, "
            f"install it ({pip_install('accuracy')}), or set preprocessing.motion to apply"
        )
    if found.n_outside:
        spikes = count(found.n_outside, "spike")
        said.append(f"{spikes} that {sorter} put outside of the recording are left out")
    off = WITHOUT_MOTION_CORRECTION.get(sorter, {})
    if corrected and any(arguments.complete.get(key) not in (None, off[key]) for key in off):
        said.append(
            f"the recording was corrected for motion before, and {sorter} did so once more, "
            f"because sorter_params ask for it"
        )
    return said


STEP = Step(
    SORTING,
    "units that a sorter found in the preprocessed recording",
    needs=(PREPROCESSED,),
    sections=("spikesorting",),
    code_version="1",
    run=_run,
    check=_check,
)
