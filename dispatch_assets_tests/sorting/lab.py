"""Small recordings with known units, their jobs, and results of steps made by hand."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from spikeinterface.core import BaseRecording, BaseSorting, generate_ground_truth_recording
from spikeinterface.preprocessing import scale

from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams
from dispatch_assets.sorting.chain import STEPS, run_steps
from dispatch_assets.sorting.params import SortingParams, parse_sorting_params
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.source import load_recording, read_job
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    Step,
    StepContext,
    StepOutcome,
)
from dispatch_assets_tests.samples.ground_truth import NOISE_UV, noise_like_a_shank

UV_PER_BIT = 0.195
SHORT = {"preprocessing": {"min_preprocessing_duration": 1.0}}  # test recordings are short


@dataclass(frozen=True)
class Known:
    """A session on disk whose spikes are known."""

    data: Path
    session: Path
    truth: BaseSorting


def write_known(  # one session in SpikeInterface's own binary format
    data: Path,
    name: str = "known",
    *,
    n_channels: int = 16,
    n_units: int = 5,
    durations_s: tuple[float, ...] = (20.0,),
    seed: int = 1,
    common_uv: float = 0.0,
    change: Callable[[BaseRecording], BaseRecording] = lambda recording: recording,
) -> Known:
    recording, truth = generate_ground_truth_recording(
        durations=list(durations_s),
        sampling_frequency=30_000.0,
        num_channels=n_channels,
        num_units=n_units,
        generate_probe_kwargs={
            "num_columns": 2,
            "xpitch": 32,
            "ypitch": 20,
            "contact_shapes": "circle",
            "contact_shape_params": {"radius": 6},
        },
        generate_unit_locations_kwargs={
            "margin_um": 10.0,
            "minimum_z": 5.0,
            "maximum_z": 30.0,
            "minimum_distance": 30.0,
        },
        noise_kwargs=noise_like_a_shank(n_channels, common_uv=common_uv)
        if common_uv
        else {"noise_levels": NOISE_UV, "strategy": "on_the_fly"},
        seed=seed,
    )
    raw = scale(recording, gain=1 / UV_PER_BIT, dtype="int16")
    raw.set_channel_gains(UV_PER_BIT)
    raw.set_channel_offsets(0.0)
    with warnings.catch_warnings():  # made-up traces have no provenance
        warnings.filterwarnings("ignore", message="The extractor is not serializable")
        change(raw).save(folder=data / name, verbose=False, chunk_duration="60s")
    return Known(data, data / name, truth)


def context_of(
    known: Known,
    results: Path,
    params: Mapping[str, object] | None = None,
    **dispatch_params: object,
) -> StepContext:
    """Dispatch the session and return what steps of its first job are given."""
    jobs = results.parent / f"{results.name}_jobs"
    wanted = {"split_segments": False, **dispatch_params}
    dispatch(known.data, jobs, DispatchParams.model_validate(wanted))
    job = read_job(min(jobs.glob("job_*.json")))
    sorting_params: SortingParams = parse_sorting_params(SHORT if params is None else params)[0]
    return StepContext(
        job=job,
        data_folder=known.data,
        results=results,
        params=sorting_params,
        n_jobs=1,
        log=lambda line: None,
    )


def run(context: StepContext, *steps: str, attempt: str = "test") -> list[StepResult]:
    return list(run_steps([STEPS[name] for name in steps], context, attempt))


def publish_raw(context: StepContext) -> StepResult:
    """Publish the raw recording as if it were the preprocessed one."""

    def copy(context: StepContext, folder: Path) -> StepOutcome:
        load_recording(context.job, context.data_folder).save(
            folder=folder / "recording", chunk_duration="60s"
        )
        return StepOutcome()

    return _by_hand(context, replace(STEPS[PREPROCESSED], run=copy))


def publish_sorting(context: StepContext, sorting: BaseSorting) -> StepResult:
    """Publish known spikes as if a sorter had found them."""

    def copy(context: StepContext, folder: Path) -> StepOutcome:
        sorting.save(folder=folder / "sorting")
        return StepOutcome()

    return _by_hand(context, replace(STEPS[SORTING], run=copy))


def _by_hand(context: StepContext, step: Step) -> StepResult:
    unchecked = replace(step, check=lambda context: None)  # nothing of it runs
    return next(run_steps([unchecked], context, "by-hand"))


def spike_samples(sorting: BaseSorting, segment: int = 0) -> dict[str, np.ndarray]:
    """Return the sample numbers of each unit's spikes."""
    return {str(u): sorting.get_unit_spike_train(u, segment) for u in sorting.unit_ids}
