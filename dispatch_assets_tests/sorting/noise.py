"""Recordings of noise in memory, with whatever is wrong with some of their channels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from probeinterface import Probe, ProbeGroup
from spikeinterface.core import BaseRecording, NumpyRecording

from dispatch_assets_tests.sorting.lab import UV_PER_BIT

RATE_HZ = 30_000.0


def noise(
    noise_uv: Sequence[float],
    duration_s: float = 2.0,
    *,
    common_uv: float = 5.0,
    n_segments: int = 1,
    shank_of: Sequence[int] | None = None,
    seed: int = 0,
) -> BaseRecording:
    """int16; each channel has noise of its own, and all channels of a shank some in common."""
    rng = np.random.default_rng(seed)
    n_channels, n_samples = len(noise_uv), int(duration_s * RATE_HZ)
    shanks = np.zeros(n_channels, dtype=int) if shank_of is None else np.asarray(shank_of)
    segments = []
    for _ in range(n_segments):
        traces_uv = rng.normal(size=(n_samples, n_channels)) * noise_uv
        for shank in np.unique(shanks):
            in_common = rng.normal(size=n_samples) * common_uv
            live = (shanks == shank) & (np.asarray(noise_uv) > 1)
            traces_uv[:, live] += in_common[:, None]
        segments.append((traces_uv / UV_PER_BIT).round().astype("int16"))
    recording = NumpyRecording(segments, RATE_HZ, channel_ids=[f"ch{i}" for i in range(n_channels)])
    recording.set_channel_gains(UV_PER_BIT)
    recording.set_channel_offsets(0.0)
    recording.set_probegroup(_probes(shanks))
    return recording


def _probes(shanks: np.ndarray) -> ProbeGroup:
    """One column of contacts per shank, 20 um apart."""
    depth = np.zeros(len(shanks))
    for shank in np.unique(shanks):
        depth[shanks == shank] = 20.0 * np.arange(np.sum(shanks == shank))
    probe = Probe(ndim=2)
    probe.set_contacts(
        positions=np.stack([250.0 * shanks, depth], axis=1), shank_ids=[str(s) for s in shanks]
    )
    probe.set_device_channel_indices(np.arange(len(shanks)))
    group = ProbeGroup()
    group.add_probe(probe)
    return group
