"""Whether a sorter's own motion correction can work here: DREDGE needs torch."""

from __future__ import annotations

import importlib.util
from typing import Any

from dispatch_assets.sorting.params import SpikesortingParams
from dispatch_assets.sorting.sorters.arguments import default_arguments

SWITCH = "apply_motion_correction"
_SECTION, _PRESET = "motion_correction", "motion_correction_preset"
_NEED_TORCH = ("dredge_ap", "dredge_lfp")


def lacks_torch(params: SpikesortingParams) -> bool:
    """Return whether a sorter would correct for motion, and fail at it for want of torch."""
    if params.container != "none" or importlib.util.find_spec("torch") is not None:
        return False
    arguments = _arguments(params)
    return arguments.get(SWITCH) is True and _method(arguments) in _NEED_TORCH


def without_motion_correction(params: SpikesortingParams) -> SpikesortingParams:
    """Return parameters that do not ask a sorter to correct for motion; AIND's files do."""
    others = {k: v for k, v in params.sorter_params.items() if k != SWITCH}
    return params.model_copy(update={"sorter_params": others})


def _arguments(params: SpikesortingParams) -> dict[str, Any]:
    return {**(default_arguments(params.sorter) or {}), **params.sorter_params}


def _method(arguments: dict[str, Any]) -> str:
    """Return by which method motion is estimated; empty if that is not known."""
    from spikeinterface.preprocessing.motion import motion_options_preset

    section = arguments.get(_SECTION) or {}
    name = section.get("preset", arguments.get(_PRESET, ""))
    preset: dict[str, Any] = motion_options_preset.get(name, {})
    asked = section.get("estimate_motion_kwargs") or {}
    return str({**preset.get("estimate_motion_kwargs", {}), **asked}.get("method", ""))
