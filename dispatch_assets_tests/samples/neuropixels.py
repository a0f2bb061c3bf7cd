"""Neuropixels probes as acquisition software selects them: which site each channel reads.

Site numbering, positions and multiplexing come from probeinterface's copy of the ProbeTable
(github.com/billkarsh/ProbeTable); which sites a channel can reach, from the SpikeGLX page
"Imro tables" (billkarsh.github.io/SpikeGLX).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

AP_GAIN, LF_GAIN = 500, 250
STRIPE_BLOCKS = (0, 1, 0, 1, 2, 3, 2, 3)
"""NP2 four-shank, lowest bank: the shank that each block of 48 channels can reach."""


@dataclass(frozen=True)
class ProbeKind:
    """A probe model: its part number and how SpikeGLX and Open Ephys name it."""

    part_number: str
    imro_type: str
    title: str
    columns: int = 2
    app_version: str = "20230905"

    @property
    def has_lf(self) -> bool:
        """Whether the probe has a separate LFP band (1.0 probes do, 2.0 probes do not)."""
        return self.part_number.startswith(("PRB_1", "NP1"))

    @property
    def is_phase3a(self) -> bool:
        """Whether metadata has the oldest layout, which names no part number."""
        return self.imro_type == ""


KINDS = {
    "NP1": ProbeKind("PRB_1_4_0480_1", "0", "Neuropixels 1.0", app_version="20190327"),
    "NP2": ProbeKind("PRB2_1_2_0640_0", "21", "Neuropixels 2.0 - Single Shank"),
    "NP2_4shank": ProbeKind("NP2013", "2013", "Neuropixels 2.0 - Multishank"),
    "NP2_4shank_ph1": ProbeKind(
        "NP2010", "24", "Neuropixels 2.0 - Multishank", app_version="20201103"
    ),
    "Ultra": ProbeKind("NP1100", "1100", "Neuropixels Ultra", 8, app_version="20201024"),
    "phase3A": ProbeKind("NP1010", "", "Neuropixels Phase 3A", app_version="20180829"),
    "QuadBase": ProbeKind("NP2020", "NP2020", "Neuropixels 2.0 Quad Base", app_version="20260115"),
}
"""The probe kinds that samples can have, by the name used throughout the samples."""


@dataclass(frozen=True)
class Sites:
    """The sites that a probe's readout channels are connected to, one row per channel.

    `shank` and `electrode` are int arrays (n_channels,); `xy_um` is a float array (n_channels, 2)
    in the probe's own frame; `x_in_shank_um` counts from the left edge of the shank.
    """

    shank: NDArray[np.int64]
    electrode: NDArray[np.int64]
    xy_um: NDArray[np.float64]
    x_in_shank_um: NDArray[np.float64]
    n_shanks: int
    electrodes_per_shank: int
    shank_pitch_um: float
    shank_width_um: float
    adc_range_vpp: float
    adc_bits: int
    ap_gain: float
    mux_table: str


def _selection(kind: ProbeKind, n_channels: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return shank and electrode of each channel, nearest the tip, on all shanks there are."""
    channel = np.arange(n_channels, dtype=np.int64)
    if kind.part_number == "NP2020":
        return channel // 384, channel % 384
    if kind.part_number not in ("NP2010", "NP2013"):
        return np.zeros_like(channel), channel
    block = channel // 48
    shank = np.array(STRIPE_BLOCKS, dtype=np.int64)[block]
    second = np.isin(block, (2, 3, 6, 7)).astype(np.int64)
    return shank, 48 * second + channel % 48


@cache
def sites(kind_name: str) -> Sites:
    """Look up the sites that a probe of this kind records from in the samples.

    Parameters
    ----------
    kind_name : str
        A key of `KINDS`.

    Returns
    -------
    sites : Sites
        384 channels (1,536 for a quad base), on all shanks of the probe.
    """
    from probeinterface.neuropixels_tools import build_neuropixels_probe

    kind = KINDS[kind_name]
    full = build_neuropixels_probe(kind.part_number)
    about = full.annotations
    tips = np.array(about["shank_tips"])
    per_shank = full.get_contact_count() // len(tips)
    shank, electrode = _selection(kind, about["num_readout_channels"])
    xy = full.contact_positions[shank * per_shank + electrode]
    outline = full.probe_planar_contour[:, 0]
    pitch = float(tips[1, 0] - tips[0, 0]) if len(tips) > 1 else 0.0
    return Sites(
        shank=shank,
        electrode=electrode,
        xy_um=xy,
        x_in_shank_um=xy[:, 0] - pitch * shank - outline.min(),
        n_shanks=len(tips),
        electrodes_per_shank=per_shank,
        shank_pitch_um=pitch,
        shank_width_um=float(outline[:5].max() - outline[:5].min()),
        adc_range_vpp=about["adc_range_vpp"],
        adc_bits=about["adc_bit_depth"],
        ap_gain=about.get("ap_gain", AP_GAIN),
        mux_table=about["adc_sampling_table"],
    )
