"""From spike trains to a SortingAnalyzer: units too small or found twice left out, all computed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.sorting.params import PostprocessingParams
from dispatch_assets.sorting.units.older_arguments import Extensions
from dispatch_assets.sorting.units.work import Work

if TYPE_CHECKING:
    from spikeinterface.core import (
        BaseRecording,
        BaseSorting,
        ChannelSparsity,
        SortingAnalyzer,
    )

TOO_FEW_SPIKES, DUPLICATE = "too_few_spikes", "duplicate"
_SCOUT = {"ms_before": 1.0, "ms_after": 2.0}  # enough of a spike to find its peak


@dataclass(frozen=True)
class Dropped:
    """A unit that was left out: `reason` is TOO_FEW_SPIKES or DUPLICATE (of the unit `of`)."""

    unit_id: str
    spikes: int
    reason: str
    of: str = ""


def enough_spikes(sorting: BaseSorting, min_spikes: int) -> tuple[BaseSorting, list[Dropped]]:
    """Leave out units with fewer than `min_spikes` spikes in all segments together.

    Properties that are Python objects are left out, too.
    """
    spikes = sorting.count_num_spikes_per_unit(outputs="dict")
    kept = [unit for unit, n in spikes.items() if n >= max(min_spikes, 1)]
    few = [Dropped(str(u), int(n), TOO_FEW_SPIKES) for u, n in spikes.items() if u not in set(kept)]
    selected = sorting.select_units(kept)
    for name in selected.get_property_keys():
        if selected.get_property(name).dtype == object:  # would be kept as a pickle
            selected.delete_property(name)
    return selected, few


@dataclass(frozen=True)
class Scouted:
    """Units that are no duplicates.

    Attributes
    ----------
    sorting
        Their spikes.
    main_channels
        Index of the channel with each one's largest peak.
    sparsity
        Channels that belong to each one: all on the shank of its main channel.
    duplicates
        The others.
    """

    sorting: BaseSorting
    main_channels: np.ndarray
    sparsity: ChannelSparsity
    duplicates: list[Dropped]


def scout(
    recording: BaseRecording, sorting: BaseSorting, params: PostprocessingParams, work: Work
) -> Scouted:
    """Estimate the mean waveforms of units, and by them leave out units found twice.

    Of two units that share `duplicate_threshold` of one's spikes, within 0.4 ms, the one stays
    whose spikes are aligned better with its waveform's peak.

    Parameters
    ----------
    recording
        The preprocessed recording.
    sorting
        Spikes in it; at least one unit.
    params
        Its `sparsity` says which channels belong to a unit.
    work
        How to compute.

    Raises
    ------
    StepError
        If SpikeInterface cannot do it.
    """
    from spikeinterface.core import ChannelSparsity, compute_sparsity

    with work.computing("the units' mean waveforms"):
        dense, main_channels = _mean_waveforms(recording, sorting, params, work)
    with work.computing("which units were found twice"):
        kept, pairs = _found_once(dense, params.duplicate_threshold)
    with work.computing("which channels belong to a unit"):
        mask = compute_sparsity(dense, **params.sparsity).mask
    mask = mask & _same_shank(recording, main_channels)
    mask[np.arange(len(main_channels)), main_channels] = True
    rows = sorting.ids_to_indices(kept)
    return Scouted(
        sorting.select_units(kept),
        main_channels[rows],
        ChannelSparsity(mask[rows], kept, recording.channel_ids),
        _duplicates(sorting, set(kept), pairs),
    )


def _mean_waveforms(
    recording: BaseRecording, sorting: BaseSorting, params: PostprocessingParams, work: Work
) -> tuple[SortingAnalyzer, np.ndarray]:
    """Return an analyzer of all channels with templates, and each unit's main channel."""
    from spikeinterface.core import create_sorting_analyzer
    from spikeinterface.core.template_tools import estimate_main_channel_from_recording

    seed, jobs = work.seed, work.job_kwargs
    main_channels = estimate_main_channel_from_recording(
        recording, sorting, peak_sign="both", peak_mode="extremum", seed=seed, **jobs
    )
    dense = create_sorting_analyzer(
        sorting, recording, sparse=False, main_channel_indices=main_channels
    )
    needed: Extensions = {"random_spikes": {"seed": seed}, "templates": _SCOUT}
    if params.sparsity.get("method") in ("snr", "energy"):
        needed["noise_levels"] = {"random_slices_kwargs": {"seed": seed}}
    dense.compute(needed, **jobs)
    return dense, main_channels


def _found_once(
    dense: SortingAnalyzer, duplicate_threshold: float
) -> tuple[np.ndarray, list[tuple[Any, Any]]]:
    """Return the ids of units that are no duplicates, and the pairs that were found twice."""
    from spikeinterface.core.template_tools import get_template_peak_shift_on_main_channel
    from spikeinterface.curation import remove_redundant_units

    # SpikeInterface 0.105 aligns the wrong way: its `align_sorting` moves spikes back by a
    # positive shift, but a positive shift of the template's peak means that it comes later.
    shifts = get_template_peak_shift_on_main_channel(dense, with_dict=True)
    kept, pairs = remove_redundant_units(
        dense,
        unit_peak_shifts={unit: -int(shift) for unit, shift in shifts.items()},
        duplicate_threshold=duplicate_threshold,
        extra_outputs=True,
    )
    return kept.unit_ids, pairs


def analyze(
    recording: BaseRecording,
    scouted: Scouted,
    folder: Path,
    extensions: Extensions,
    work: Work,
) -> SortingAnalyzer:
    """Create a SortingAnalyzer in `folder` and compute its extensions.

    Fitted models, which SpikeInterface keeps as pickles, are not left in the folder: loading it
    must run no code, and only projecting further spikes would need them.

    Raises
    ------
    StepError
        If SpikeInterface cannot do it.
    """
    from spikeinterface.core import create_sorting_analyzer, get_noise_levels

    with work.computing("the units' analyzer"):
        analyzer = create_sorting_analyzer(
            scouted.sorting,
            recording,
            format="binary_folder",
            folder=folder,
            main_channel_indices=scouted.main_channels,
            sparsity=scouted.sparsity,
            lazy=True,  # large arrays stay in their files
        )
        # The metric sd_ratio takes this from the recording, or else from chunks without a seed
        get_noise_levels(
            recording,
            method="std",
            force_recompute=True,
            random_slices_kwargs={"seed": work.seed},
            **work.job_kwargs,
        )
        analyzer.compute(extensions, **work.job_kwargs)
    for pickled in [*folder.rglob("*.pkl"), *folder.rglob("*.pickle")]:
        pickled.unlink()
    return analyzer


def shanks(recording: BaseRecording) -> np.ndarray:
    """Return the shank of each channel as a string; empty where the probe has no shanks."""
    none = np.full(recording.get_num_channels(), "", dtype="U1")
    if not recording.has_probe():
        return none
    contacts = recording.get_probegroup().to_numpy(complete=True)
    return np.asarray(contacts["shank_ids"]) if "shank_ids" in contacts.dtype.names else none


def sides(recording: BaseRecording) -> np.ndarray:
    """Return a number for each channel; channels of one group and shank share theirs."""
    groups = np.asarray(recording.get_channel_groups()).astype(str)
    both = np.char.add(np.char.add(groups, "/"), shanks(recording))
    return np.unique(both, return_inverse=True)[1]


def _same_shank(recording: BaseRecording, main_channels: np.ndarray) -> np.ndarray:
    side = sides(recording)
    same: np.ndarray = side[main_channels][:, None] == side[None, :]
    return same


def _duplicates(
    sorting: BaseSorting, kept: set[Any], pairs: list[tuple[Any, Any]]
) -> list[Dropped]:
    spikes = sorting.count_num_spikes_per_unit(outputs="dict")
    partners: dict[Any, Any] = {}
    for one, other in pairs:
        partners.setdefault(one, other)
        partners.setdefault(other, one)
        if other in kept:
            partners[one] = other
        if one in kept:
            partners[other] = one
    return [
        Dropped(str(unit), int(n), DUPLICATE, str(partners[unit]))
        for unit, n in spikes.items()
        if unit not in kept
    ]
