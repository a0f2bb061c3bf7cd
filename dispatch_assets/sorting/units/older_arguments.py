"""Arguments of analyzer extensions as older versions of SpikeInterface called them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dispatch_assets.errors import ParameterError

Extensions = dict[str, dict[str, Any]]
METRICS = ("quality_metrics", "template_metrics", "spiketrain_metrics")
SLICES = "random_slices_kwargs"

# Since SpikeInterface 0.105 the sign and kind of a unit's peak belong to the analyzer; the sizes
# of synchrony are fixed. Its ComputeQualityMetrics drops the same arguments of older analyzers.
_DROPPED_EXTENSION_ARGUMENTS = {("spike_amplitudes", "peak_sign")}
_DROPPED_METRIC_ARGUMENTS = {
    ("snr", "peak_sign"),
    ("amplitude_cutoff", "peak_sign"),
    ("amplitude_median", "peak_sign"),
    ("sd_ratio", "peak_sign"),
    ("synchrony", "synchrony_sizes"),
}
_RENAMED_METRIC_ARGUMENTS = {("snr", "peak_mode"): "method"}


def as_of_today(name: str, given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Return arguments as SpikeInterface 0.105 calls them, and those that it has no more.

    Parameters
    ----------
    name
        Name of the extension.
    given
        Its arguments.

    Raises
    ------
    ParameterError
        If something is no object that should be one.
    """
    current, dropped = dict(given), []
    for argument in given:
        if (name, argument) in _DROPPED_EXTENSION_ARGUMENTS:
            del current[argument]
            dropped.append(f"{name}.{argument}")
    if name == "noise_levels":
        current = _in_slices(current)
    if name in METRICS and current.get("metric_params"):
        metrics, of_metrics = _metrics_of_today(name, current["metric_params"])
        current["metric_params"] = metrics
        dropped += of_metrics
    return current, dropped


def _in_slices(given: dict[str, Any]) -> dict[str, Any]:
    """Move arguments about chunks to where SpikeInterface has them since 0.101."""
    own = ("return_in_uV", "method", "force_recompute", SLICES)
    slices = {name: value for name, value in given.items() if name not in own}
    rest = {name: value for name, value in given.items() if name in own}
    slices.update(as_object(f"postprocessing.extensions.noise_levels.{SLICES}", rest.get(SLICES)))
    return {**rest, SLICES: slices} if slices else rest


def _metrics_of_today(name: str, given: object) -> tuple[Extensions, list[str]]:
    where = f"postprocessing.extensions.{name}.metric_params"
    current: Extensions = {}
    dropped = []
    for metric, arguments in as_object(where, given).items():
        current[metric] = {}
        for argument, value in as_object(f"{where}.{metric}", arguments).items():
            if (metric, argument) in _DROPPED_METRIC_ARGUMENTS:
                dropped.append(f"{name}.{metric}.{argument}")
                continue
            argument_now = _RENAMED_METRIC_ARGUMENTS.get((metric, argument), argument)
            current[metric][argument_now] = value
    # the Allen Institute's file lists the methods of silhouette, SpikeInterface takes one
    method = current.get("silhouette", {}).get("method")
    if isinstance(method, list) and len(method) == 1:
        current["silhouette"]["method"] = method[0]
    return current, dropped


def as_object(where: str, value: object) -> dict[str, Any]:
    """Return a JSON object; an empty one for null.

    Raises
    ------
    ParameterError
        If it is none.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ParameterError(f"must be an object (got {value!r})", where)
    return dict(value)
