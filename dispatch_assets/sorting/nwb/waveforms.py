"""Mean waveforms of units, in volts, on each unit's own electrodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.step import UNITS

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import SortingAnalyzer

_V_PER_UV = 1e-6


@dataclass(frozen=True)
class Waveforms:
    """Waveforms of the units of one analyzer.

    Attributes
    ----------
    mean_v, sd_v
        One array per unit, in volts, float32, shape (n_samples, n_channels of the unit); `sd_v`
        is empty if the analyzer has no waveforms to compute it from.
    channels
        Indices of each unit's channels, one array per unit.
    peak
        Index of each unit's channel with the largest peak.
    before_ms
        From the first sample to the spike, in ms.
    """

    mean_v: list[NDArray[np.float32]]
    sd_v: list[NDArray[np.float32]]
    channels: list[NDArray[np.int64]]
    peak: list[int]
    before_ms: float


def waveforms_of(analyzer: SortingAnalyzer) -> Waveforms:
    """Return the mean waveforms of an analyzer's units.

    Raises
    ------
    StepError
        If it has no templates.
    """
    templates = analyzer.get_extension("templates")
    if templates is None:
        remedy = f"Run the step `{UNITS}` again"
        raise StepError("the analyzer has no templates", analyzer.folder or "", remedy)
    channels = _channels(analyzer)
    mean = _in_volts(templates.get_templates(operator="average", save=False), analyzer)
    has_sd = "std" in templates.data or analyzer.has_extension("waveforms")
    sd = templates.get_templates(operator="std", save=False) if has_sd else None
    peaks = analyzer.get_main_channels(outputs="index")
    return Waveforms(
        mean_v=_sparse(mean, channels),
        sd_v=[] if sd is None else _sparse(_in_volts(sd, analyzer, spread=True), channels),
        channels=channels,
        peak=[
            int(peaks[unit] if isinstance(peaks, dict) else peaks[i])
            for i, unit in enumerate(analyzer.unit_ids)
        ],
        before_ms=1000 * templates.nbefore / analyzer.sampling_frequency,
    )


def _channels(analyzer: SortingAnalyzer) -> list[NDArray[np.int64]]:
    if analyzer.sparsity is None:
        return [np.arange(analyzer.get_num_channels())] * analyzer.get_num_units()
    by_unit = analyzer.sparsity.unit_id_to_channel_indices
    return [np.asarray(by_unit[unit], dtype=np.int64) for unit in analyzer.unit_ids]


def _in_volts(
    templates: NDArray[np.float64], analyzer: SortingAnalyzer, *, spread: bool = False
) -> NDArray[np.float64]:
    """Return templates in volts; `spread` says that they are deviations, which have no offset."""
    values = np.asarray(templates, dtype=np.float64)
    if not analyzer.return_in_uV:
        values = values * analyzer.recording.get_channel_gains()
        values = values if spread else values + analyzer.recording.get_channel_offsets()
    return values * _V_PER_UV


def _sparse(
    templates: NDArray[np.float64], channels: list[NDArray[np.int64]]
) -> list[NDArray[np.float32]]:
    pairs = zip(templates, channels, strict=True)
    return [np.asarray(one[:, columns], dtype=np.float32) for one, columns in pairs]


def padded(waveforms: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return waveforms of different shapes as one array, filled up with NaN.

    Parameters
    ----------
    waveforms
        Arrays of shape (n_samples, n_channels), of any numbers.

    Returns
    -------
    numpy.ndarray
        Shape (n_units, most samples, most channels).
    """
    shape = np.max([w.shape for w in waveforms], axis=0) if waveforms else (0, 0)
    filled = np.full((len(waveforms), *shape), np.nan, dtype=np.float32)
    for target, waveform in zip(filled, waveforms, strict=True):
        target[: waveform.shape[0], : waveform.shape[1]] = waveform
    return filled
