"""What a sorter is run with: what is asked for, what the chain knows, the sorter's defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dispatch_assets.sorting.params import SpikesortingParams
from dispatch_assets.sorting.sorters.catalogue import (
    PREPROCESSED_ALREADY,
    REPRODUCIBLE,
    WITHOUT_CACHE,
    WITHOUT_MOTION_CORRECTION,
    WORKER_COUNTS,
)

JOB_KWARGS = "job_kwargs"


@dataclass(frozen=True)
class Arguments:
    """Arguments of a sorter.

    Attributes
    ----------
    given
        Those that are not the sorter's defaults; nested ones are complete.
    complete
        All of them, as far as they are known without the sorter being installed.
    """

    given: dict[str, Any]
    complete: dict[str, Any]


def default_arguments(sorter: str) -> dict[str, Any] | None:
    """Return the defaults of a sorter; None if only the installed sorter knows them."""
    from spikeinterface.sorters import sorter_dict

    if sorter == "kilosort4" and not sorter_dict[sorter].is_installed():
        return None  # SpikeInterface would name no parameter but those for workers
    try:
        return dict(sorter_dict[sorter].default_params())
    except ImportError:
        return None


def arguments_for(
    params: SpikesortingParams, seed: int, n_jobs: int, *, correct_motion: bool
) -> Arguments:
    """Return the arguments to run a sorter with.

    What a person asks for comes before what the chain knows about the sorter (`catalogue`), and
    that before the sorter's defaults; the number of workers is the chain's alone.

    Parameters
    ----------
    params
        The parameters, checked.
    seed
        Goes into each argument for a seed that is not given.
    n_jobs
        Number of workers.
    correct_motion
        Whether the sorter may correct for motion, if it does so by default.
    """
    name = params.sorter
    defaults = default_arguments(name) or {}
    ours: dict[str, Any] = {}
    for table in (PREPROCESSED_ALREADY, REPRODUCIBLE, WITHOUT_CACHE):
        ours |= table.get(name, {})
    if not correct_motion:
        ours |= WITHOUT_MOTION_CORRECTION.get(name, {})
    ours |= {key: seed for key in defaults if key == "seed" or key.endswith("_seed")}
    asked = {
        key: _merged(defaults.get(key), value)
        for key, value in params.sorter_params.items()
        if not (value is None and key in ours)  # null leaves it to us
    }
    given = ours | asked
    given |= _workers(defaults, given.get(JOB_KWARGS) or {}, n_jobs)
    return Arguments(given, {**defaults, **given})


def _workers(
    defaults: Mapping[str, Any], job_kwargs: Mapping[str, Any], n_jobs: int
) -> dict[str, Any]:
    ours: dict[str, Any] = {key: n_jobs for key in WORKER_COUNTS if key in defaults}
    if "progress_bar" in defaults:
        ours["progress_bar"] = True
    if JOB_KWARGS in defaults:
        ours[JOB_KWARGS] = {**job_kwargs, "n_jobs": n_jobs, "progress_bar": True}
    return ours


def _merged(default: Any, value: Any) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return nested arguments over their defaults, but not over those of another method."""
    if not (isinstance(default, dict) and isinstance(value, dict)):
        return value
    if value.get("method", default.get("method")) != default.get("method"):
        return value
    return {**default, **{key: _merged(default.get(key), value[key]) for key in value}}
