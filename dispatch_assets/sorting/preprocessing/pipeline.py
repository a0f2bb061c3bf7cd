"""Which steps of SpikeInterface a recording goes through, and with which arguments.

The names of steps and arguments are SpikeInterface's; which steps there are, and in which order,
follows the Allen Institute's preprocessing (aind-ephys-preprocessing).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.params import PreprocessingParams

DEFAULT_STEPS: Mapping[str, Mapping[str, Any]] = {
    "phase_shift": {"margin_ms": 40.0},
    "highpass_filter": {"freq_min": 300.0},
    "bandpass_filter": {"freq_min": 300.0, "freq_max": 6000.0},
    # 20 stretches find the same channels as SpikeInterface's 100 in a ninth of the time.
    "detect_and_remove_bad_channels": {"method": "coherence+psd", "num_random_chunks": 20},
    "common_reference": {"reference": "global", "operator": "median"},
    "highpass_spatial_filter": {"n_channel_pad": 60},
}
"""Every step of the default pipeline, with the arguments that are not SpikeInterface's defaults."""

MOTION_ARGUMENTS = (
    "detect_kwargs",
    "select_kwargs",
    "localize_peaks_kwargs",
    "estimate_motion_kwargs",
    "interpolate_motion_kwargs",
)
DEFAULT_PRESET = "dredge_fast"
# AIND's: sizes of windows as shares of the probe's length.
_MORE_MOTION_ARGUMENTS = {"estimate_motion_kwargs": ("win_step_norm", "win_scale_norm")}
_OURS = {"recording", "parent_recording", "job_kwargs"}  # what is not for users to say
_SECTION = "preprocessing"


def step_arguments(params: PreprocessingParams, step: str) -> dict[str, Any]:
    """Return the arguments of a step of the default pipeline."""
    return {**DEFAULT_STEPS[step], **params.default_preprocessing_pipeline.get(step, {})}


def check_pipeline(params: PreprocessingParams) -> None:
    """Check names of steps and arguments before any work is done; imports SpikeInterface.

    Raises
    ------
    ParameterError
        If a step or an argument does not exist, with a suggestion.
    """
    functions = _functions()
    _check_steps(
        "default_preprocessing_pipeline", params.default_preprocessing_pipeline, DEFAULT_STEPS
    )
    _check_steps("custom_preprocessing_pipeline", params.custom_preprocessing_pipeline, functions)
    for section in ("default_preprocessing_pipeline", "custom_preprocessing_pipeline"):
        for step, arguments in getattr(params, section).items():
            name = f"{_SECTION}.{section}.{step}"
            _check_names(name, arguments, _argument_names(functions[step]))
    _check_motion(params)


def _functions() -> dict[str, Callable[..., Any]]:
    from spikeinterface.preprocessing.preprocessing_classes import preprocessor_dict

    return {f.__name__: f for f in preprocessor_dict.values()}


def _check_steps(section: str, steps: Mapping[str, Any], known: Iterable[str]) -> None:
    _check_names(f"{_SECTION}.{section}", steps, known, what="unknown step")
    for step, arguments in steps.items():
        if not isinstance(arguments, dict):
            what = f"must be an object of arguments (got {arguments!r})"
            raise ParameterError(what, f"{_SECTION}.{section}.{step}")


def _check_names(
    where: str, found: Iterable[str], known: Iterable[str], what: str = "unknown argument"
) -> None:
    known = list(known)
    for name in found:
        if name not in known:
            remedy = did_you_mean(name, known) or f"Known: {', '.join(known)}"
            raise ParameterError(what, f"{where}.{name}", remedy)


def _argument_names(function: Callable[..., Any]) -> list[str]:
    """Return the names that a step takes, also those that it hands on."""
    from spikeinterface.core import get_noise_levels
    from spikeinterface.core.time_series_tools import get_random_sample_slices
    from spikeinterface.preprocessing import detect_bad_channels
    from spikeinterface.preprocessing.filter import FilterRecording

    handed_on = {
        "filter_kwargs": FilterRecording,
        "detect_bad_channels_kwargs": detect_bad_channels,
        "random_chunk_kwargs": get_random_sample_slices,
        "noise_levels_kwargs": get_noise_levels,
    }
    names: list[str] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            names += inspect.signature(handed_on[parameter.name]).parameters
        else:
            names.append(parameter.name)
    return [n for n in dict.fromkeys(names) if n not in _OURS and not n.startswith("_")]


def _check_motion(params: PreprocessingParams) -> None:
    """Check what ``motion_correction`` says, as far as the preset's methods are kept."""
    motion, where = params.motion_correction, f"{_SECTION}.motion_correction"
    if not motion:
        return
    from spikeinterface.preprocessing import get_motion_parameters_preset, get_motion_presets

    _check_names(where, motion, ["preset", *MOTION_ARGUMENTS])
    preset = motion.get("preset", DEFAULT_PRESET)
    _check_names(f"{where}.preset", [preset], get_motion_presets(), what="unknown preset")
    known = get_motion_parameters_preset(preset)
    for section in MOTION_ARGUMENTS:
        arguments, method = motion.get(section, {}), known[section].get("method")
        if not isinstance(arguments, dict):
            what = f"must be an object of arguments (got {arguments!r})"
            raise ParameterError(what, f"{where}.{section}")
        if method is not None and arguments.get("method", method) == method:
            names = [*known[section], *_MORE_MOTION_ARGUMENTS.get(section, ())]
            names += _dredge_arguments() if method == "dredge_ap" else []
            _check_names(f"{where}.{section}", arguments, names)
    if motion.get("interpolate_motion_kwargs", {}).get("border_mode") == "remove_channels":
        what = "all channels are kept: 'remove_channels' cannot be had"
        remedy = "Use 'force_extrapolate' or 'force_zeros'"
        raise ParameterError(what, f"{where}.interpolate_motion_kwargs.border_mode", remedy)


def _dredge_arguments() -> list[str]:
    from spikeinterface.sortingcomponents.motion.dredge import dredge_ap

    ours = {"peaks", "peak_locations", "progress_bar", "extra_outputs", *_OURS}
    return [n for n in inspect.signature(dredge_ap).parameters if n not in ours]
