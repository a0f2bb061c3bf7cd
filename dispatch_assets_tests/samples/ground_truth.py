"""A SpikeGLX session whose spikes are known: a two-shank selection of a four-shank probe.

Units, templates and noise come from SpikeInterface's generator; positions and gains are those of
the probe that the session's .meta describes.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .spikeglx import write_run

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseSorting

KIND = "NP2_4shank"
FIRST_CHANNEL_OF_SHANK = (0, 48)  # see neuropixels.STRIPE_BLOCKS
NOISE_UV = 5.0
# As much again is common to all channels of a shank. Ludwig et al. 2009 (J Neurophysiol 101:1679):
# a common average reference takes off more than 30 % of the noise, so half of its power or more.
# Bad channels are told by it: without any, spikes of healthy ones make others look dead.
COMMON_UV = 5.0
CHUNK_S = 10.0


@dataclass(frozen=True)
class KnownSession:
    """A session folder and the true spikes of each of its shanks, by channel group."""

    path: Path
    truth: dict[str, BaseSorting]

    def save_truth(self, folder: Path) -> None:
        """Save the spikes, one folder per group."""
        with warnings.catch_warnings():  # made-up spikes have no provenance
            warnings.filterwarnings("ignore", "The extractor is not serializable", UserWarning)
            for group, sorting in self.truth.items():
                sorting.save(folder=folder / group)


def write_known_session(
    session: Path,
    *,
    seconds: float = 40.0,
    channels_per_shank: int = 32,
    units_per_shank: int = 6,
    n_shanks: int = 2,
    seed: int = 0,
) -> KnownSession:
    """Write one gate, one trigger, one probe.

    Parameters
    ----------
    session : Path
        The run folder.
    seconds : float
        Duration of the recording.
    channels_per_shank : int
        Neighbouring channels at the tip of each shank, at most 48.
    units_per_shank : int
        Units on each shank; their waveforms, sizes and rates differ.
    n_shanks : int
        How many shanks, at most 2.
    seed : int
        Seed of everything random.

    Returns
    -------
    KnownSession
        The folder and its true spikes.
    """
    from spikeinterface.extractors import read_spikeglx

    firsts = FIRST_CHANNEL_OF_SHANK[:n_shanks]
    saved = [c for first in firsts for c in range(first, first + channels_per_shank)]
    write_run(session, session.name, {"imec0": KIND}, seconds=seconds, nidq=False, saved=saved)
    recorded = read_spikeglx(session, stream_id="imec0.ap")
    truth, made = {}, {}
    for group, shank in recorded.split_by("group").items():
        made[group], truth[str(group)] = _make(shank, seconds, units_per_shank, seed + int(group))
    _overwrite(next(session.rglob("*.ap.bin")), recorded, made)
    return KnownSession(session, truth)


def _make(
    shank: BaseRecording, seconds: float, n_units: int, seed: int
) -> tuple[BaseRecording, BaseSorting]:
    from spikeinterface.core import generate_ground_truth_recording

    recording, sorting = generate_ground_truth_recording(
        durations=[seconds],
        sampling_frequency=shank.sampling_frequency,
        num_units=n_units,
        probe=shank.get_probe(),
        generate_unit_locations_kwargs={
            "margin_um": 5.0,
            "minimum_z": 5.0,
            "maximum_z": 25.0,
            "minimum_distance": 30.0,
        },
        noise_kwargs=noise_like_a_shank(shank.get_num_channels()),
        seed=seed,
    )
    return recording, sorting


def noise_like_a_shank(
    n_channels: int, own_uv: float = NOISE_UV, common_uv: float = COMMON_UV
) -> dict[str, Any]:
    """Return ``noise_kwargs`` for SpikeInterface: noise of each channel's own, and common noise.

    Parameters
    ----------
    n_channels : int
        Channels of the shank.
    own_uv : float
        Standard deviation of what each channel has alone.
    common_uv : float
        Standard deviation of what all of them share.
    """
    covariance = np.eye(n_channels) + (common_uv / own_uv) ** 2
    return {"noise_levels": own_uv, "cov_matrix": covariance, "strategy": "on_the_fly"}


def _overwrite(file: Path, recorded: BaseRecording, made: dict[int | str, BaseRecording]) -> None:
    """Put the made-up traces in the place of the file's own; its last column is the sync word."""
    n_samples, n_channels = recorded.get_num_samples(), recorded.get_num_channels()
    samples = np.memmap(file, dtype="<i2", mode="r+", shape=(n_samples, n_channels + 1))
    groups, uv_per_bit = recorded.get_property("group"), recorded.get_channel_gains()
    step = int(CHUNK_S * recorded.sampling_frequency)
    for group, recording in made.items():
        columns = np.flatnonzero(groups == group)
        for start in range(0, n_samples, step):
            uv = recording.get_traces(start_frame=start, end_frame=min(start + step, n_samples))
            samples[start : start + step, columns] = np.rint(uv / uv_per_bit[columns])
    samples.flush()
