"""Open samples with SpikeInterface alone, as a consumer would."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from dispatch_assets_tests.samples.neuropixels import sites

SHORT = 0.1  # seconds
FEW = tuple(channel for channel in range(384) if channel % 50 < 2)
NODE = "Record Node 101#"


def read(kind: str, folder: Path, **about: Any) -> Any:
    """Open a recording with a named reader of SpikeInterface."""
    from spikeinterface import extractors

    return getattr(extractors, f"read_{kind}")(folder, **about)


def sizes(recording: Any) -> list[int]:
    """Return the number of samples of each segment."""
    return [recording.get_num_samples(i) for i in range(recording.get_num_segments())]


def assert_probe(recording: Any, kind: str, saved: tuple[int, ...] | None = None) -> None:
    """Check that channels lie where the probe's sites do, in one group per shank."""
    where = sites(kind)
    keep = slice(None) if saved is None else list(saved)
    np.testing.assert_allclose(recording.get_channel_locations(), where.xy_um[keep])
    np.testing.assert_array_equal(recording.get_channel_groups().astype(int), where.shank[keep])
    assert recording.get_property("inter_sample_shift").max() > 0
