"""What a unit is taken for, by limits of its metrics.

``noise``
    Its mean waveform is not one that a neuron makes: outside of `CurationParams.noise_thresholds`.
``good``
    Not noise, and within `qc_thresholds` and `good_thresholds`.
``mua``
    The rest: spikes of neurons, but not shown to be those of a single one.

A metric that could not be computed (many cannot on short recordings) neither passes nor fails;
which these were is told for each unit. One exception, as in SpikeInterface's Bombcell:
``sliding_rp_violation`` is no number if no contamination up to 35 % fits the spikes with 90 %
confidence. That is what becomes of too many violations, and of too few spikes to tell, and it
fails. By the formula of that metric (Llobet et al. 2022) a clean unit with a refractory period of
4 ms has enough with sqrt(1000 T) spikes in T seconds: 250 in a minute, 1,900 in an hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import ParameterError, did_you_mean
from dispatch_assets.sorting.params import CurationParams

if TYPE_CHECKING:
    import pandas as pd

GOOD, MUA, NOISE = "good", "mua", "noise"
LABELS = (GOOD, MUA, NOISE)
_NOT_A_NUMBER_FAILS = ("sliding_rp_violation",)
_LIMITS = ("greater", "less", "abs")
# Bombcell takes one of these two, see bombcell_label_units
_BOMBCELL_CONTAMINATION = ("sliding_rp_violation", "rp_contamination")


def check_thresholds(params: CurationParams, metrics: Iterable[str]) -> None:
    """Verify thresholds before anything is computed.

    Parameters
    ----------
    params
        Thresholds by metric, each ``{"greater": x, "less": y, "abs": bool}`` or a part of it.
    metrics
        Names of the metrics that will be there.

    Raises
    ------
    ParameterError
        If a metric will not be there, or a threshold is not such an object.
    """
    known = list(metrics)
    for section in ("qc_thresholds", "good_thresholds", "noise_thresholds"):
        _check(f"curation.{section}", getattr(params, section), known)
    categories = _bombcell_defaults()
    for category, thresholds in params.bombcell.items():
        where = f"curation.bombcell.{category}"
        if category not in categories:
            remedy = did_you_mean(category, categories) or f"There are: {', '.join(categories)}"
            raise ParameterError("is unknown", where, remedy)
        _check(where, thresholds, [*known, *categories[category]])


def label_units(metrics: pd.DataFrame, params: CurationParams) -> pd.DataFrame:
    """Label units by thresholds.

    Parameters
    ----------
    metrics
        One row per unit, one column per metric.
    params
        The thresholds.

    Returns
    -------
    DataFrame
        One row per unit: `label`; `failed`, the metrics that cost it a better label; and
        `not_computed`, those with a threshold that have no value. Names are separated by blanks.
    """
    import pandas as pd

    of_neurons = _failed(metrics, params.noise_thresholds)
    of_one = _failed(metrics, params.qc_thresholds), _failed(metrics, params.good_thresholds)
    sections = (params.noise_thresholds, params.qc_thresholds, params.good_thresholds)
    used = list(dict.fromkeys(metric for section in sections for metric in section))
    rows = []
    for i, unit in enumerate(metrics.index):
        noise, mua = of_neurons[i], list(dict.fromkeys(of_one[0][i] + of_one[1][i]))
        missing = [metric for metric in used if pd.isna(metrics.loc[unit, metric])]
        rows.append(
            {
                "label": NOISE if noise else MUA if mua else GOOD,
                "failed": " ".join(noise or mua),
                "not_computed": " ".join(missing),
            }
        )
    return pd.DataFrame(rows, index=metrics.index)


def bombcell_labels(metrics: pd.DataFrame, params: CurationParams) -> list[str]:
    """Return Bombcell's label of each unit: good, mua, noise or non_soma.

    Thresholds on metrics that were not computed (its isolation distance and L-ratio need principal
    components) are left out.
    """
    from spikeinterface.curation import bombcell_label_units

    thresholds = {
        category: {metric: t for metric, t in limits.items() if metric in metrics.columns}
        for category, limits in _bombcell_thresholds(params).items()
    }
    labels = bombcell_label_units(external_metrics=metrics, thresholds=thresholds)
    return [str(label) for label in labels["bombcell_label"]]


def _bombcell_thresholds(params: CurationParams) -> dict[str, dict[str, Any]]:
    thresholds = _bombcell_defaults()
    for category, limits in params.bombcell.items():
        if category == "mua" and set(limits) & set(_BOMBCELL_CONTAMINATION):
            for metric in _BOMBCELL_CONTAMINATION:
                thresholds[category].pop(metric, None)
        thresholds[category].update(limits)
    return thresholds


def _bombcell_defaults() -> dict[str, dict[str, Any]]:
    from spikeinterface.curation import bombcell_get_default_thresholds

    defaults: dict[str, dict[str, Any]] = bombcell_get_default_thresholds()
    return defaults


def _failed(metrics: pd.DataFrame, thresholds: Mapping[str, Any]) -> list[list[str]]:
    """Return the names of the metrics outside of their thresholds, for each unit."""
    from spikeinterface.curation import threshold_metrics_label_units

    failed: list[list[str]] = [[] for _ in metrics.index]
    for metric, limits in thresholds.items():
        verdict = threshold_metrics_label_units(
            metrics,
            {metric: limits},
            pass_label="kept",  # noqa: S106 - no password
            fail_label="exceeded",
            nan_policy="fail" if metric in _NOT_A_NUMBER_FAILS else "pass",
        )["label"]
        for names, word in zip(failed, verdict, strict=True):
            if word == "exceeded":
                names.append(metric)
    return failed


def _check(where: str, thresholds: Any, known: list[str]) -> None:  # noqa: ANN401 - from JSON
    if not isinstance(thresholds, Mapping):
        raise ParameterError(f"must be an object (got {thresholds!r})", where)
    for metric, limits in thresholds.items():
        if metric not in known:
            remedy = did_you_mean(metric, known) or f"There are: {', '.join(known)}"
            raise ParameterError("no such metric is computed", f"{where}.{metric}", remedy)
        if not isinstance(limits, Mapping) or not set(limits) <= set(_LIMITS):
            remedy = 'Write {"greater": x, "less": y}, or one of them'
            raise ParameterError(f"is no threshold ({limits!r})", f"{where}.{metric}", remedy)
        for name, value in limits.items():
            if value is not None and not isinstance(value, int | float):
                raise ParameterError(f"is no number ({value!r})", f"{where}.{metric}.{name}")
