"""Which extensions of a SortingAnalyzer are computed, with which arguments.

Arguments are SpikeInterface's own. Those of a params file of the Allen Institute's pipeline are
understood, also where SpikeInterface 0.105 renamed or dropped them since.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.params import PostprocessingParams
from dispatch_assets.sorting.units.older_arguments import (
    METRICS,
    SLICES,
    Extensions,
    as_object,
    as_of_today,
)

# Arguments as in the Allen Institute's default_params.json (pipeline 1.3.1). Left out of its set:
# principal_components and the metrics that need them, amplitude_scalings and valid_unit_periods,
# which cost more than all others together.
_DEFAULTS: Extensions = {
    "random_spikes": {"max_spikes_per_unit": 500, "method": "uniform"},
    "noise_levels": {
        "force_recompute": True,  # recordings hand on those of the one they were made from
        "random_slices_kwargs": {"num_chunks_per_segment": 20, "chunk_size": 10_000},
    },
    "waveforms": {"ms_before": 2.0, "ms_after": 3.0},
    "templates": {},
    "spike_amplitudes": {},
    "spike_locations": {"method": "grid_convolution"},
    "template_similarity": {"method": "l1"},
    "correlograms": {"window_ms": 50.0, "bin_ms": 1.0},
    "isi_histograms": {"window_ms": 100.0, "bin_ms": 5.0},
    "unit_locations": {"method": "monopolar_triangulation"},
    "template_metrics": {"include_multi_channel_metrics": True},
    "quality_metrics": {},
}
_PRINCIPAL_COMPONENTS = "principal_components"


def read_extensions(params: PostprocessingParams, seed: int) -> tuple[Extensions, list[str]]:
    """Return the extensions to compute and their arguments.

    Parameters
    ----------
    params
        Its `extensions` hold arguments that differ from the defaults here. One that is not among
        the defaults is computed as well, because it is asked for.
    seed
        Takes the place of each seed that is absent or null.

    Returns
    -------
    dict
        Arguments by extension.
    list of str
        Arguments that SpikeInterface no longer has, which were left aside.

    Raises
    ------
    ParameterError
        If there is no such extension, argument, metric, or an extension lacks one it needs.
    """
    asked = params.extensions
    _check_names("postprocessing.extensions", asked, _known_extensions())
    left_aside: list[str] = []
    chosen: Extensions = {}
    for name in (*_DEFAULTS, *(n for n in asked if n not in _DEFAULTS)):
        given = as_object(f"postprocessing.extensions.{name}", asked.get(name, {}))
        current, dropped = as_of_today(name, given)
        left_aside += dropped
        _check_arguments(name, current)
        chosen[name] = _seeded(name, {**_DEFAULTS.get(name, {}), **current}, seed)
    if _PRINCIPAL_COMPONENTS not in chosen:
        chosen["quality_metrics"].setdefault("skip_pc_metrics", True)
    _check_dependencies(chosen)
    return chosen, left_aside


def check_extensions(params: PostprocessingParams) -> None:
    """Verify `params.extensions` and `params.sparsity` before anything is computed.

    Raises
    ------
    ParameterError
        As `read_extensions`; or for an argument or method of sparsity that does not exist.
    """
    from spikeinterface.core import compute_sparsity

    read_extensions(params, seed=0)
    known = _arguments(compute_sparsity, but=("templates_or_sorting_analyzer", "noise_levels"))
    _check_names("postprocessing.sparsity", params.sparsity, known)
    if (method := params.sparsity.get("method")) is not None:
        methods = get_args(inspect.signature(compute_sparsity).parameters["method"].annotation)
        _check_names("postprocessing.sparsity.method", [method], methods)


def metric_columns(extensions: Extensions) -> list[str]:
    """Return the names of the metrics that computing `extensions` gives."""
    columns = []
    for name in (n for n in METRICS if n in extensions):
        kind, arguments = _extension_class(name), extensions[name]
        for metric in kind.metric_list:
            wanted = arguments.get("metric_names")
            asked = metric.metric_name in wanted if wanted else metric.metric_name != "nn_advanced"
            needed = [d.split("|") for d in metric.depend_on]
            if asked and all(any(one in extensions for one in some) for some in needed):
                columns += list(metric.metric_columns)
    return columns


def _known_extensions() -> list[str]:
    from spikeinterface.core.sortinganalyzer import get_available_analyzer_extensions

    return list(get_available_analyzer_extensions())


def _check_arguments(name: str, given: Mapping[str, Any]) -> None:
    where = f"postprocessing.extensions.{name}"
    extension = _extension_class(name)
    if name == "noise_levels":  # it hands on whatever it is given
        from spikeinterface.core import get_noise_levels
        from spikeinterface.core.time_series_tools import get_random_sample_slices

        but = ("recording", "return_in_uV", "kwargs")
        _check_names(where, given, _arguments(get_noise_levels, but))
        slices = _arguments(get_random_sample_slices, but=("time_series",))
        _check_names(f"{where}.{SLICES}", given.get(SLICES, {}), slices)
        return
    _check_names(where, given, _arguments(extension._set_params, but=("self",)))
    if name in METRICS:
        _check_metrics(where, extension, given)


def _check_metrics(where: str, extension: Any, given: Mapping[str, Any]) -> None:  # noqa: ANN401
    metrics = {metric.metric_name: metric for metric in extension.metric_list}
    _check_names(f"{where}.metric_names", given.get("metric_names") or (), metrics)
    for name, arguments in (given.get("metric_params") or {}).items():
        _check_names(f"{where}.metric_params", [name], metrics)
        known = [*metrics[name].metric_params]
        _check_names(f"{where}.metric_params.{name}", arguments, known)


def _check_dependencies(chosen: Extensions) -> None:
    for name, arguments in chosen.items():
        for needed in _extension_class(name).get_required_dependencies(**arguments):
            if not any(one in chosen for one in needed.split("|")):
                what = f"needs the extension {needed.replace('|', ' or ')}"
                remedy = "Add it to postprocessing.extensions"
                raise ParameterError(what, f"postprocessing.extensions.{name}", remedy)


def _seeded(name: str, arguments: dict[str, Any], seed: int) -> dict[str, Any]:
    if name == "noise_levels":
        slices = arguments[SLICES]
        return {**arguments, SLICES: {**slices, "seed": _or(slices.get("seed"), seed)}}
    if "seed" in _arguments(_extension_class(name)._set_params, but=()):
        return {**arguments, "seed": _or(arguments.get("seed"), seed)}
    return arguments


def _or(value: object, default: int) -> object:
    return default if value is None else value


def _extension_class(name: str) -> Any:  # noqa: ANN401 - SpikeInterface has no types
    from spikeinterface.core.sortinganalyzer import get_extension_class

    return get_extension_class(name)


def _arguments(function: Any, but: Iterable[str]) -> list[str]:  # noqa: ANN401
    return [name for name in inspect.signature(function).parameters if name not in but]


def _check_names(where: str, given: Iterable[str], known: Iterable[str]) -> None:
    for complaint in _complaints(where, given, list(known)):
        raise complaint


def _complaints(where: str, given: Iterable[str], known: list[str]) -> Iterator[ParameterError]:
    for name in given:
        if name not in known:
            remedy = did_you_mean(name, known) or f"There are: {', '.join(known)}"
            yield ParameterError("is unknown", f"{where}.{name}", remedy)
