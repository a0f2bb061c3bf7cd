"""Which channels are bad: constant and dead ones by their noise, others by their neighbours.

SpikeInterface's test compares channels with their neighbours and does not notice when most of
them are dead; so those are found first, each by itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import RefusedError
from dispatch_assets.sorting.preprocessing.sampling import read_slices, robust_sd, sample_slices
from dispatch_assets.sorting.results import Refusal

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.params import PreprocessingParams
    from dispatch_assets.sorting.preprocessing.fitness import Survey
    from dispatch_assets.sorting.step import Fact

Labels = dict[str, str]
"""Bad channels only: their label (constant, dead, noise, out, ...) by channel id as text."""

DEAD_FRACTION = 0.2  # of the median noise level
# An electrode in tissue is never quieter than its amplifier: 2.4 uV rms at the input of an Intan
# RHD2000 (datasheet), 5-6 uV in the spike band of a Neuropixels 1.0 (Jun et al. 2017).
DEAD_UV = 0.5
DETECT = "detect_and_remove_bad_channels"
# SpikeInterface's test compares channels with the median of all. If channels have no noise in
# common, because a reference was taken off already (CatGT -gblcar), spikes of some healthy
# channels make others look dead, noisy or out of the brain.
MIN_COMMON_SHARE = 0.03  # of the noise power; made-up recordings without any have up to 0.024
_SHARE_STEP = 4  # every fourth of the random stretches is enough for it
_BY_POWER_ALONE = {
    "dead_channel_threshold": -math.inf,
    "noisy_channel_threshold": math.inf,
    "outside_channel_threshold": -math.inf,
}


def dead_channels(recording: BaseRecording, survey: Survey) -> Labels:
    """Label channels that are constant, or far too quiet, each by itself.

    Too quiet is a noise level below `DEAD_FRACTION` of the median one, or below `DEAD_UV` while
    other channels are above it (else the gains are wrong, and not all of the channels).
    """
    live = survey.noise_uv[~survey.constant]
    limit_uv = DEAD_FRACTION * float(np.median(live))
    if live.max() > DEAD_UV:
        limit_uv = max(limit_uv, DEAD_UV)
    dead = survey.noise_uv < limit_uv
    labels = np.where(survey.constant, "constant", np.where(dead, "dead", ""))
    return {str(c): str(x) for c, x in zip(recording.channel_ids, labels, strict=True) if x}


def unlike_neighbours(
    recording: BaseRecording, arguments: dict[str, Any], n_jobs: int
) -> tuple[Labels, list[str]]:
    """Label channels by SpikeInterface's test, each shank by itself.

    Parameters
    ----------
    recording
        The filtered recording without its dead channels.
    arguments
        Of ``spikeinterface.preprocessing.detect_bad_channels``.
    n_jobs
        Parallel workers.

    Returns
    -------
    Labels
        dead, noise or out, by channel.
    list of str
        Warnings: which channels could not be judged.
    """
    from spikeinterface.preprocessing import detect_bad_channels

    n_segments = recording.get_num_segments()
    arguments = {k: v for k, v in arguments.items() if k != "channel_filters"}
    n_chunks = math.ceil(arguments.pop("num_random_chunks") / n_segments)
    by_coherence = arguments["method"] == "coherence+psd"
    n_neighbors = int(arguments.get("n_neighbors", 11)) if by_coherence else 2
    labels: Labels = {}
    few = alone = 0
    for shank in recording.split_by("group", outputs="list"):
        if shank.get_num_channels() < n_neighbors:
            few += shank.get_num_channels()
            continue
        nothing_shared = by_coherence and common_share(shank, arguments) < MIN_COMMON_SHARE
        alone += shank.get_num_channels() if nothing_shared else 0
        _, found = detect_bad_channels(
            shank,
            num_random_chunks=n_chunks,
            job_kwargs={"n_jobs": n_jobs, "progress_bar": True},
            **(arguments | _BY_POWER_ALONE if nothing_shared else arguments),
        )
        pairs = zip(shank.channel_ids, found, strict=True)
        labels |= {str(c): str(x) for c, x in pairs if x != "good"}
    return labels, [*_notes(few, n_neighbors, alone)]


def _notes(few: int, n_neighbors: int, alone: int) -> Iterator[str]:
    """Say which channels were not judged in every way."""
    if few:
        what = f"{few} channels are on shanks of fewer than {n_neighbors}: noisy ones among them"
        yield f"{what} were not looked for, only dead ones"
    if alone:
        what = f"{alone} channels have no noise in common with their shank, as after a common"
        yield f"{what} reference: bad ones were told by their power alone, not by their neighbours"


def common_share(shank: BaseRecording, arguments: dict[str, Any]) -> float:
    """Return which share of the noise power all channels of a filtered shank have in common.

    It follows from the power of the median over channels. Where channels are independent that is
    pi / 2n of theirs: the variance of the median of n normal values (Cramer, Mathematical Methods
    of Statistics, 1946, 28.5).
    """
    gains_uv = np.abs(shank.get_channel_gains())
    slices = sample_slices(shank, int(arguments.get("seed") or 0))[::_SHARE_STEP]
    shares = []
    for traces in read_slices(shank, slices):
        uv = traces * gains_uv
        together = robust_sd(np.median(uv, axis=1, keepdims=True))[0]  # spikes are no noise
        shares.append(together**2 / np.median(robust_sd(uv) ** 2))
    by_chance = math.pi / (2 * int(shank.get_num_channels()))
    return (float(np.mean(shares)) - by_chance) / (1 - by_chance)


def removed(labels: Labels, params: PreprocessingParams, arguments: dict[str, Any]) -> Labels:
    """Return the labels of those channels that the parameters leave out."""
    asked = arguments.get("channel_filters")
    filters = {"dead", "noise", "out"} if asked is None else set(asked)
    if not params.remove_out_channels:
        filters -= {"out"}
    if not params.remove_bad_channels:
        filters -= {"dead", "noise"}
    if "dead" in filters:
        filters |= {"constant"}
    return {channel: label for channel, label in labels.items() if label in filters}


def check_share(left_out: Labels, n_channels: int, params: PreprocessingParams, where: str) -> None:
    """Refuse a recording with too many bad channels.

    Raises
    ------
    RefusedError
        If more than ``max_bad_channel_fraction`` of the channels are left out, or all but one.
    """
    share = len(left_out) / n_channels
    kinds = ", ".join(f"{n} {label}" for label, n in sorted(_counts(left_out).items()))
    what = f"{len(left_out)} of {n_channels} channels are bad ({kinds})"
    if share > params.max_bad_channel_fraction:
        remedy = f"At most {params.max_bad_channel_fraction:.0%} may be (max_bad_channel_fraction)"
        raise RefusedError(what, where, remedy, Refusal.BAD_CHANNELS)
    if n_channels - len(left_out) < 2:
        raise RefusedError(what, where, "Sorting needs two", Refusal.TOO_FEW_CHANNELS)


def _counts(labels: Labels) -> dict[str, int]:
    found = list(labels.values())
    return {label: found.count(label) for label in set(found)}


def without(recording: BaseRecording, labels: Labels) -> BaseRecording:
    """Return the recording without the channels that have a label."""
    bad = [c for c in recording.channel_ids if str(c) in labels]
    return recording.remove_channels(bad) if bad else recording


def channel_table(
    recording: BaseRecording, labels: Labels, left_out: Labels, noise_uv: NDArray[np.float64]
) -> list[dict[str, Fact]]:
    """Return one row per bad channel of the raw recording."""
    positions = recording.get_channel_locations()
    groups = recording.get_channel_groups()
    return [
        {
            "channel": str(c),
            "label": labels[str(c)],
            "left_out": str(c) in left_out,
            "shank": str(groups[i]),
            "x_um": round(float(positions[i, 0]), 2),
            "y_um": round(float(positions[i, 1]), 2),
            "noise_uv": round(float(noise_uv[i]), 3),
        }
        for i, c in enumerate(recording.channel_ids)
        if str(c) in labels
    ]
