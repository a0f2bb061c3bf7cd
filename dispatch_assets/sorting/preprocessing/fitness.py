"""Whether a recording can be sorted: the refusals, and what a first look at its data says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import RefusedError, count
from dispatch_assets.sorting.preprocessing.sampling import read_slices, robust_sd, sample_slices
from dispatch_assets.sorting.results import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.models import SortingJob
    from dispatch_assets.sorting.params import PreprocessingParams

MIN_SEGMENT_S = 0.1  # filters need some milliseconds before and after every sample
MIN_SAMPLING_HZ = 5000.0  # a spike lasts about a millisecond
SPIKE_BAND_HZ = 300.0  # noise levels are those above this frequency


@dataclass(frozen=True)
class Survey:
    """What a first look at random stretches of the raw data says; arrays of (n_channels,).

    Attributes
    ----------
    constant
        Whether the channel has one and the same value throughout each stretch.
    noise_uv
        Noise level above `SPIKE_BAND_HZ`, in uV.
    sampled_s
        How much was looked at, in s.
    """

    constant: NDArray[np.bool_]
    noise_uv: NDArray[np.float64]
    sampled_s: float


def check_headers(recording: BaseRecording, job: SortingJob, params: PreprocessingParams) -> None:
    """Refuse what is unfit by its headers alone; a job clipped for debugging may be short.

    Raises
    ------
    RefusedError
        If it is too short, has one channel, no gains or no positions, or is sampled too slowly.
    """
    where, rate_hz = job.job_key, float(recording.get_sampling_frequency())
    n_samples = [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
    duration_s, least_s = sum(n_samples) / rate_hz, params.min_preprocessing_duration
    if duration_s < least_s and not job.debug:
        what = f"lasts {duration_s:.2f} s, less than {least_s:g} s"
        raise RefusedError(what, where, "Lower min_preprocessing_duration", Refusal.TOO_SHORT)
    if min(n_samples) < MIN_SEGMENT_S * rate_hz:
        what = f"one of its segments has {count(min(n_samples), 'sample')}, too few to be filtered"
        raise RefusedError(what, where, "Dispatch with split_segments", Refusal.TOO_SHORT)
    if rate_hz < MIN_SAMPLING_HZ:
        what = f"is sampled at {rate_hz:g} Hz, too slowly for spikes"
        raise RefusedError(what, where, "Leave the stream out of the jobs", Refusal.UNSUITED)
    if recording.get_num_channels() < 2:
        what = "has one channel: sorters tell units apart by their shape on several"
        raise RefusedError(
            what, where, "Leave the stream out of the jobs", Refusal.TOO_FEW_CHANNELS
        )
    _check_gains(recording, where)
    _check_locations(recording, where)


def _check_gains(recording: BaseRecording, where: str) -> None:
    gains = recording.get_channel_gains()
    offsets = recording.get_channel_offsets()
    known = gains is not None and offsets is not None
    if known and np.isfinite(gains).all() and np.isfinite(offsets).all() and np.all(gains != 0):
        return
    what = "has no gains to uV" if gains is None else "its gains to uV are incomplete"
    remedy = "Write them into its metadata and dispatch the session again"
    raise RefusedError(what, where, remedy, Refusal.NO_GAINS)


def _check_locations(recording: BaseRecording, where: str) -> None:
    if recording.has_channel_location() and np.isfinite(recording.get_channel_locations()).all():
        return
    what = "some of its channels have no position"
    remedy = "Give it a probe and dispatch the session again"
    raise RefusedError(what, where, remedy, Refusal.NO_LOCATIONS)


def look_at(recording: BaseRecording, where: str, seed: int, n_jobs: int) -> Survey:
    """Look at random stretches of the data; at all of them if they could hold NaN.

    Parameters
    ----------
    recording
        The raw recording, signed.
    where
        What error messages call it.
    seed
        Seed of the stretches.
    n_jobs
        Parallel workers.

    Raises
    ------
    RefusedError
        If there are NaN or infinite samples, or if every channel is constant.
    """
    from spikeinterface.preprocessing import astype, highpass_filter

    if np.dtype(recording.get_dtype()).kind == "f":
        _check_finite(recording, where, n_jobs)
    slices = sample_slices(recording, seed)
    constant = np.ones(recording.get_num_channels(), dtype=bool)
    for traces in read_slices(recording, slices):
        constant &= np.ptp(traces, axis=0) == 0
    sampled_s = sum(end - start for _, start, end in slices) / recording.get_sampling_frequency()
    if constant.all():
        what = f"every channel is constant in {len(slices)} random stretches ({sampled_s:.1f} s)"
        raise RefusedError(what, where, "Was the headstage connected?", Refusal.ALL_ZERO)
    filtered = highpass_filter(astype(recording, "float32"), freq_min=SPIKE_BAND_HZ)
    levels = np.median([robust_sd(x) for x in read_slices(filtered, slices)], axis=0)
    return Survey(constant, levels * np.abs(recording.get_channel_gains()), float(sampled_s))


def _check_finite(recording: BaseRecording, where: str, n_jobs: int) -> None:
    from spikeinterface.core.job_tools import TimeSeriesChunkExecutor

    executor = TimeSeriesChunkExecutor(
        recording,
        _not_finite,
        _worker,
        (recording,),
        handle_returns=True,
        job_name="look for NaN",
        n_jobs=n_jobs,
        chunk_duration="1s",
        progress_bar=True,
    )
    found = [f for f in executor.run() if f is not None]
    if found:
        segment, sample = min(f[:2] for f in found)
        time_s = sample / recording.get_sampling_frequency()
        what = f"{count(sum(f[2] for f in found), 'value is', 'values are')} NaN or infinite"
        what += f", the first in segment {segment} at {time_s:.3f} s"
        remedy = "Mend them, or cut the session there, and dispatch it again"
        raise RefusedError(what, where, remedy, Refusal.NOT_FINITE)


def _worker(recording: BaseRecording) -> dict[str, Any]:
    return {"recording": recording}


def _not_finite(
    segment: int, start: int, end: int, worker: dict[str, Any]
) -> tuple[int, int, int] | None:
    """Return (segment, first sample, how many values) that are not finite in one chunk."""
    traces = worker["recording"].get_traces(segment_index=segment, start_frame=start, end_frame=end)
    bad = ~np.isfinite(traces)
    if not bad.any():
        return None
    return segment, start + int(np.flatnonzero(bad.any(axis=1))[0]), int(bad.sum())
