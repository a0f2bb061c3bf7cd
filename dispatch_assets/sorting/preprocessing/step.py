"""The step ``preprocessed``: the recording as a sorter wants it, and what was done to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.errors import StepError, count
from dispatch_assets.sorting.preprocessing.bad_channels import dead_channels
from dispatch_assets.sorting.preprocessing.calls import working_on_data
from dispatch_assets.sorting.preprocessing.figures import draw_channels, draw_motion, draw_traces
from dispatch_assets.sorting.preprocessing.fitness import check_headers, look_at
from dispatch_assets.sorting.preprocessing.motion import apply, estimate
from dispatch_assets.sorting.preprocessing.pipeline import check_pipeline
from dispatch_assets.sorting.preprocessing.processing import process, signed
from dispatch_assets.sorting.preprocessing.saving import save, scan, write_chain
from dispatch_assets.sorting.preprocessing.scaling import levels, to_int16
from dispatch_assets.sorting.preprocessing.summary import (
    CHAIN,
    FIGURES,
    MOTION,
    RECORDING,
    Findings,
    outcome,
    samples_per_segment,
)
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import PREPROCESSED, Step, StepContext, StepOutcome

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording


def _check(context: StepContext) -> None:
    check_pipeline(context.params.preprocessing)


def _run(context: StepContext, folder: Path) -> StepOutcome:
    params = context.params.preprocessing
    raw = load_recording(context.job, context.data_folder)
    with working_on_data(context.job.job_key, context.data_folder):
        found = _prepare(context, _without_noise_levels(raw), folder)
        if params.motion != "skip":
            _follow_motion(context, found, folder)
        figures = _draw(found, folder)
    told = outcome(found, params, figures)
    told.files = {title: name for title, name in told.files.items() if (folder / name).exists()}
    return told


def _without_noise_levels(raw: BaseRecording) -> BaseRecording:
    """Forget noise levels that a folder of SpikeInterface's holds: they would be trusted."""
    for key in list(raw.get_property_keys()):
        if key.startswith("noise_level_"):
            raw.delete_property(key)
    return raw


def _prepare(context: StepContext, raw: BaseRecording, folder: Path) -> Findings:
    job, params, seed = context.job, context.params.preprocessing, context.params.seed
    check_headers(raw, job, params)
    whole = signed(raw)
    survey = look_at(whole, job.job_key, seed, context.n_jobs)
    dead = dead_channels(whole, survey)
    done = process(whole, dead, params, job.job_key, seed, context.n_jobs)
    what = f"{count(len(done.left_out), 'channel')} left out, reference: {done.reference}"
    context.log(f"{PREPROCESSED}: {what}")
    noise, peak = levels(done.recording, seed)
    final = to_int16(done.recording, np.dtype(whole.get_dtype()), noise, peak)
    notes = _keep_chain(context, final, folder)
    noise_uv = noise * np.abs(done.recording.get_channel_gains())
    saved = save(final, folder / RECORDING, context.n_jobs)
    scanned = scan(saved, noise_uv / np.abs(saved.get_channel_gains()), context.n_jobs)
    return Findings(
        raw=whole,
        survey=survey,
        done=done,
        saved=saved,
        noise_uv=noise_uv,
        scan=scanned,
        warnings=[*done.warnings, *notes],
    )


def _keep_chain(context: StepContext, final: BaseRecording, folder: Path) -> list[str]:
    """Write the lazy chain if it gives the traces of the saved copy; say so if it cannot.

    SpikeInterface 0.105.3 writes a correction of motion into JSON but cannot load it from there.
    """
    if context.params.preprocessing.motion == "apply":
        what = "no lazy chain is kept: SpikeInterface cannot load a correction of motion from JSON"
        return [f"{what}; the saved recording is corrected"]
    write_chain(final, folder / CHAIN, context.data_folder)
    return []


def _follow_motion(context: StepContext, found: Findings, folder: Path) -> None:
    """Estimate motion, and correct it if asked; an estimate that fails stops only the latter."""
    params = context.params.preprocessing
    arguments = params.motion_correction
    try:
        found.motion = estimate(
            found.saved, arguments, folder / MOTION, context.params.seed, context.n_jobs
        )
    except StepError as e:
        if params.motion == "apply":
            raise
        found.warnings.append(str(e))
        return
    found.warnings += found.motion.warnings
    if params.motion == "apply":
        from spikeinterface import load

        apply(found.saved, folder / RECORDING, found.motion, arguments, context.n_jobs)
        found.saved = load(folder / RECORDING)


def _draw(found: Findings, folder: Path) -> dict[str, str]:
    target = folder / FIGURES
    target.mkdir()
    drawn = {"Channels": "channels.png", "Traces": "traces.png"}
    draw_channels(found.raw, found.done.labels, found.survey.noise_uv, target / drawn["Channels"])
    draw_traces(found.raw, found.saved, found.done.labels, target / drawn["Traces"])
    if found.motion is not None:
        drawn["Motion"] = "motion.png"
        n_samples = samples_per_segment(found.saved)
        starts = np.cumsum([0, *n_samples[:-1]]) / found.saved.get_sampling_frequency()
        draw_motion(found.motion, starts.tolist(), target / drawn["Motion"])
    return {title: f"{FIGURES}/{name}" for title, name in drawn.items()}


STEP = Step(
    PREPROCESSED,
    "the recording, filtered and referenced, without its bad channels",
    needs=(),
    sections=("preprocessing",),
    code_version="3",
    run=_run,
    check=_check,
)
