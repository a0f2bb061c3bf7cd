"""How the tissue moved along the probe: estimated on request, applied only on request."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.preprocessing.calls import warnings_as_text
from dispatch_assets.sorting.preprocessing.pipeline import DEFAULT_PRESET, MOTION_ARGUMENTS
from dispatch_assets.sorting.preprocessing.saving import overwrite_traces
from dispatch_assets.sorting.preprocessing.scaling import LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording
    from spikeinterface.core.motion import Motion

# Needs NumPy alone, and time in proportion to the recording's length: the decentralized methods
# compare every two time bins.
FALLBACK_PRESET = "kilosort_like"
_NEEDS = {"dredge_ap": "torch", "dredge_lfp": "torch", "medicine": "medicine"}
INTERPOLATE = "interpolate_motion_kwargs"
LENGTHS = {"win_step_norm": "win_step_um", "win_scale_norm": "win_scale_um"}


@dataclass(frozen=True)
class Estimate:
    """An estimated motion.

    Attributes
    ----------
    motion
        SpikeInterface's motion; its times are s from the begin of the recording, all segments one
        after another without the gaps between them.
    peak_times_s, peak_depths_um, peak_amplitudes_uv
        The spikes that it was estimated from, each of shape (n_peaks,).
    preset
        The preset that was used.
    warnings
        What a person should know.
    """

    motion: Motion
    peak_times_s: NDArray[np.float64]
    peak_depths_um: NDArray[np.float64]
    peak_amplitudes_uv: NDArray[np.float64]
    preset: str
    warnings: list[str]

    @property
    def range_um(self) -> float:
        """Largest displacement between any two times at one depth, in um."""
        return float(np.ptp(self.motion.displacement[0], axis=0).max())


def estimate(
    saved: BaseRecording, arguments: dict[str, Any], folder: Path, seed: int, n_jobs: int
) -> Estimate:
    """Estimate motion from the preprocessed recording, and save it into `folder`.

    Parameters
    ----------
    saved
        The saved recording.
    arguments
        ``motion_correction`` of the parameters.
    folder
        What ``spikeinterface.preprocessing.load_motion_info`` reads.
    seed
        Seed of the stretches that noise levels are taken from.
    n_jobs
        Parallel workers.

    Raises
    ------
    StepError
        If there is nothing to estimate it from, or the method fails.
    """
    from spikeinterface.core import get_noise_levels
    from spikeinterface.preprocessing import compute_motion

    preset, notes = choose_preset(arguments)
    recording = on_one_timeline(saved)
    get_noise_levels(recording, return_in_uV=False, random_slices_kwargs={"seed": seed})  # kept
    chosen = {k: dict(arguments.get(k, {})) for k in MOTION_ARGUMENTS if k != INTERPOLATE}
    if preset == arguments.get("preset", DEFAULT_PRESET):
        _lengths_in_um(chosen["estimate_motion_kwargs"], recording)
    else:  # arguments are those of the other preset's methods
        chosen = {k: {} for k in chosen}
    try:
        with warnings_as_text(notes):
            motion, info = compute_motion(
                recording,
                preset=preset,
                folder=folder,
                output_motion_info=True,
                n_jobs=n_jobs,
                progress_bar=True,
                **chosen,
            )
    except Exception as e:  # whatever a method raises
        what = f"motion cannot be estimated ({type(e).__name__}: {e})"
        raise StepError(what, f"preset {preset}", "Choose another preset, or skip it") from e
    peaks, depths = info["peaks"], info["peak_locations"][motion.direction]
    gains = np.asarray(saved.get_channel_gains())[peaks["channel_index"]]
    times_s = peaks["sample_index"] / recording.get_sampling_frequency()
    return Estimate(motion, times_s, depths, peaks["amplitude"] * gains, preset, notes)


def choose_preset(arguments: dict[str, Any]) -> tuple[str, list[str]]:
    """Return the preset, or one that needs nothing more where its package is missing.

    Parameters
    ----------
    arguments
        ``motion_correction`` of the parameters.

    Returns
    -------
    str
        Name of the preset.
    list of str
        A warning if it is not the one that was asked for.
    """
    from spikeinterface.preprocessing import get_motion_parameters_preset

    preset = arguments.get("preset", DEFAULT_PRESET)
    default = get_motion_parameters_preset(preset)["estimate_motion_kwargs"]["method"]
    method = arguments.get("estimate_motion_kwargs", {}).get("method", default)
    package = _NEEDS.get(method)
    if package is None or importlib.util.find_spec(package) is not None:
        return preset, []
    what = f"motion estimated with the preset {FALLBACK_PRESET!r} and its defaults"
    return FALLBACK_PRESET, [f"{what}: {preset!r} needs the package {package!r}"]


def _lengths_in_um(arguments: dict[str, Any], recording: BaseRecording) -> None:
    """Turn shares of the probe's length, as in AIND's parameters, into um."""
    depths = recording.get_channel_locations()[:, 1]
    for share, length in LENGTHS.items():
        if share in arguments:
            arguments[length] = arguments.pop(share) * float(np.ptp(depths))


def on_one_timeline(saved: BaseRecording) -> BaseRecording:
    """Return all segments as one, on a regular clock from 0: methods handle nothing else."""
    from spikeinterface.core import concatenate_recordings

    return concatenate_recordings([saved])


def apply(
    saved: BaseRecording, folder: Path, found: Estimate, arguments: dict[str, Any], n_jobs: int
) -> None:
    """Correct the saved traces for the motion; segments, times and channels stay.

    Parameters
    ----------
    saved
        The saved recording.
    folder
        Its folder.
    found
        The motion.
    arguments
        ``motion_correction`` of the parameters.
    n_jobs
        Parallel workers.
    """
    from spikeinterface.core import append_recordings
    from spikeinterface.preprocessing import astype, clip, get_motion_parameters_preset
    from spikeinterface.sortingcomponents.motion import interpolate_motion

    preset = get_motion_parameters_preset(found.preset)[INTERPOLATE]
    chosen = {**preset, **arguments.get(INTERPOLATE, {})}
    if chosen.get("border_mode", "remove_channels") == "remove_channels":
        chosen["border_mode"] = "force_extrapolate"
    whole = interpolate_motion(astype(on_one_timeline(saved), "float32"), found.motion, **chosen)
    whole = astype(clip(whole, a_min=-float(LIMIT), a_max=float(LIMIT)), "int16")
    ends = np.cumsum([saved.get_num_samples(i) for i in range(saved.get_num_segments())]).tolist()
    pairs = zip([0, *ends], ends, strict=False)
    parts = [whole.frame_slice(start_frame=start, end_frame=end) for start, end in pairs]
    overwrite_traces(folder, append_recordings(parts), n_jobs)
