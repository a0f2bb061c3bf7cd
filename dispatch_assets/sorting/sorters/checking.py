"""Why a sorter cannot be run as asked, found out before hours are spent."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping
from typing import Any

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.params import SpikesortingParams
from dispatch_assets.sorting.sorters.arguments import JOB_KWARGS, default_arguments
from dispatch_assets.sorting.sorters.catalogue import EXTRAS, MORE_SECTION_KEYS, pip_install
from dispatch_assets.sorting.sorters.containers import check_container

_SORTER, _PARAMS = "spikesorting.sorter", "spikesorting.sorter_params"


def check_sorter(params: SpikesortingParams) -> None:
    """Find out whether a sorter can be run on this machine, as asked.

    Raises
    ------
    ParameterError
        If there is no such sorter, if it or its container's program is not installed, or if it
        does not take an argument; the message says what to do.
    """
    _check_name(params.sorter)
    if params.container == "none":
        _check_installed(params.sorter)
    else:
        check_container(params)
    _check_arguments(params)


def _check_name(sorter: str) -> None:
    from spikeinterface.sorters import archived_sorters, available_sorters, installed_sorters

    if sorter not in (known := available_sorters()):
        guess = did_you_mean(sorter, known)
        what = f"SpikeInterface knows no sorter {sorter!r}{f', {guess}' if guess else ''}"
    elif sorter in archived_sorters():
        what = f"SpikeInterface runs {sorter!r} no more"
    else:
        return
    raise ParameterError(what, _SORTER, f"Installed: {', '.join(installed_sorters())}")


def _check_installed(sorter: str) -> None:
    from spikeinterface.sorters import sorter_dict

    if sorter_dict[sorter].is_installed():
        return
    if sorter in EXTRAS:
        how = f"Install it: {pip_install(EXTRAS[sorter])}"
    else:
        how = " ".join(sorter_dict[sorter].installation_mesg.replace(">>>", "").split())
    remedy = f"{how.rstrip('.')}. Or run it in a container: set spikesorting.container"
    raise ParameterError(f"the sorter {sorter!r} is not installed", _SORTER, remedy)


def _check_arguments(params: SpikesortingParams) -> None:
    from spikeinterface.sorters import run_sorter

    defaults = default_arguments(params.sorter)
    if defaults is None:
        return  # it is installed in its container alone, where it checks them itself
    complaints = list(_complaints(params.sorter_params, _known(params, defaults), _PARAMS))
    taken = inspect.signature(run_sorter).parameters.keys() - {"sorter_params"}
    complaints += [
        f"{_PARAMS}.{name}: is set by the step itself"
        for name in sorted(taken & params.sorter_params.keys() & defaults.keys())
    ]
    if complaints:
        raise ParameterError("; ".join(complaints))


def _known(params: SpikesortingParams, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments that a sorter takes, with their defaults or, if those say little, None.

    A default of None, and an empty one that is nested, stand for arguments of any kind.
    """
    from spikeinterface.core.job_tools import job_keys

    known = copy.deepcopy(dict(defaults))
    if JOB_KWARGS in known:
        known[JOB_KWARGS] = dict.fromkeys(job_keys)
    for section, keys in MORE_SECTION_KEYS.get(params.sorter, {}).items():
        known[section] = {**dict.fromkeys(keys), **known[section]}
    for section, default in defaults.items():
        given = params.sorter_params.get(section)
        if isinstance(default, dict) and "method_kwargs" in default and isinstance(given, dict):
            method = given.get("method", default["method"])
            if method is not None:
                known[section]["method_kwargs"] = _method_arguments(section, method, default)
    return known


def _method_arguments(section: str, method: str, default: Mapping[str, Any]) -> dict[str, Any]:
    """Return the arguments of a method of SpikeInterface's sorting components, with defaults."""
    from spikeinterface.sortingcomponents.clustering.method_list import clustering_methods
    from spikeinterface.sortingcomponents.matching.method_list import matching_methods
    from spikeinterface.sortingcomponents.peak_detection.method_list import detect_peak_methods

    methods: dict[str, Any] | None = {
        "clustering": clustering_methods,
        "detection": detect_peak_methods,
        "matching": matching_methods,
    }.get(section)
    if methods is None:
        return dict(default["method_kwargs"]) if method == default["method"] else {}
    if method not in methods:
        complaint = f"unknown method{_instead(str(method), methods)}"
        raise ParameterError(complaint, f"{_PARAMS}.{section}.method {method!r}")
    if section == "clustering":
        return dict.fromkeys(methods[method]._default_params)
    taken = inspect.signature(methods[method].__init__).parameters.keys() - {"self", "recording"}
    own: dict[str, Any] = default["method_kwargs"] if method == default["method"] else {}
    return dict.fromkeys(taken) | own


def _complaints(values: Mapping[str, Any], known: Mapping[str, Any], where: str) -> Iterator[str]:
    for name, value in values.items():
        place = f"{where}.{name}"
        if name not in known:
            yield f"{place}: unknown parameter{_instead(name, known)}"
        elif kind := _expected(value, known[name]):
            yield f"{place}: must be {kind} like its default {known[name]!r} (got {value!r})"
        elif isinstance(value, dict) and known[name]:
            yield from _complaints(value, known[name], place)


def _instead(name: str, known: Mapping[str, Any]) -> str:
    guess = did_you_mean(name, known)
    return f", {guess}" if guess else f"; known: {', '.join(known)}"


def _expected(value: object, default: object) -> str:
    """Return what `value` should be, judged by its default; empty if it is or may be anything."""
    if value is None or default is None:
        return ""
    return "" if _kind(value) == _kind(default) else _kind(default)


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    return "a list" if isinstance(value, list | tuple) else "an object"
