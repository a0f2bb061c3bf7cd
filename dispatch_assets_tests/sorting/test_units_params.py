"""Parameters of the step `units`: what is computed, and what labels follow from metrics."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets.sorting.params import CurationParams, PostprocessingParams, SortingParams
from dispatch_assets.sorting.units.extensions import (
    check_extensions,
    metric_columns,
    read_extensions,
)
from dispatch_assets.sorting.units.labels import bombcell_labels, check_thresholds, label_units
from dispatch_assets.sorting.units.step import check_params

AIND = Path(__file__).parent / "aind_postprocessing.json"


def read(**extensions: Any) -> dict[str, dict[str, Any]]:
    return read_extensions(PostprocessingParams(extensions=extensions), seed=7)[0]


# extensions


def test_what_is_computed_unless_told_otherwise() -> None:
    chosen = read()
    assert "principal_components" not in chosen
    assert chosen["quality_metrics"]["skip_pc_metrics"]
    assert chosen["waveforms"] == {"ms_before": 2.0, "ms_after": 3.0}
    assert chosen["random_spikes"]["max_spikes_per_unit"] == 500
    check_params(SortingParams())


def test_arguments_add_to_the_defaults() -> None:
    chosen = read(waveforms={"ms_after": 4.0}, amplitude_scalings={})
    assert chosen["waveforms"] == {"ms_before": 2.0, "ms_after": 4.0}
    assert chosen["amplitude_scalings"] == {}


def test_seeds() -> None:
    chosen = read(random_spikes={"seed": None}, spike_locations={"seed": 3})
    assert chosen["random_spikes"]["seed"] == 7
    assert chosen["spike_locations"]["seed"] == 3
    assert chosen["noise_levels"]["random_slices_kwargs"]["seed"] == 7
    assert chosen["quality_metrics"]["seed"] == 7


def test_principal_components_bring_their_metrics() -> None:
    chosen = read(principal_components={"n_components": 3})
    assert "skip_pc_metrics" not in chosen["quality_metrics"]
    assert "l_ratio" in metric_columns(chosen)
    assert "l_ratio" not in metric_columns(read())


def test_the_allen_institutes_file() -> None:
    params = PostprocessingParams(**json.loads(AIND.read_text()))
    check_extensions(params)
    chosen, left_aside = read_extensions(params, seed=7)
    assert set(params.extensions) <= set(chosen)
    assert chosen["noise_levels"]["random_slices_kwargs"] == {
        "num_chunks_per_segment": 20,
        "chunk_size": 10_000,
        "seed": 7,
    }
    metrics = chosen["quality_metrics"]["metric_params"]
    assert metrics["snr"] == {"method": "extremum"}
    assert metrics["silhouette"] == {"method": "simplified"}
    assert metrics["sd_ratio"]["censored_period_ms"] == 4.0
    assert left_aside == [
        "spike_amplitudes.peak_sign",
        "quality_metrics.snr.peak_sign",
        "quality_metrics.amplitude_cutoff.peak_sign",
        "quality_metrics.amplitude_median.peak_sign",
        "quality_metrics.sd_ratio.peak_sign",
        "quality_metrics.synchrony.synchrony_sizes",
    ]


@pytest.mark.parametrize(
    ("extensions", "complaint"),
    [
        ({"waveform": {}}, r"extensions\.waveform: is unknown. did you mean 'waveforms'"),
        ({"waveforms": {"ms_befor": 1}}, r"waveforms\.ms_befor: .*'ms_before'"),
        ({"waveforms": 3}, "must be an object"),
        ({"quality_metrics": {"metric_names": ["snrr"]}}, "did you mean 'snr'"),
        ({"quality_metrics": {"metric_params": {"snrr": {}}}}, "did you mean 'snr'"),
        ({"quality_metrics": {"metric_params": {"snr": {"x": 1}}}}, "There are: method"),
        ({"quality_metrics": {"metric_params": {"snr": 1}}}, "must be an object"),
        ({"noise_levels": {"chunk_siz": 3}}, "did you mean 'chunk_size'"),
        ({"noise_levels": {"random_slices_kwargs": {"x": 3}}}, r"random_slices_kwargs\.x"),
        (
            {"quality_metrics": {"use_valid_periods": True}},
            "needs the extension valid_unit_periods",
        ),
    ],
)
def test_extensions_that_make_no_sense(extensions: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        check_extensions(PostprocessingParams(extensions=extensions))


@pytest.mark.parametrize(
    ("sparsity", "complaint"),
    [({"radius": 1}, "did you mean 'radius_um'"), ({"method": "radus"}, "did you mean 'radius'")],
)
def test_sparsity_that_makes_no_sense(sparsity: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        check_extensions(PostprocessingParams(sparsity=sparsity))


# labels

CLEAN = {
    "snr": 9.0,
    "rp_contamination": 0.0,
    "sliding_rp_violation": 0.05,
    "presence_ratio": 1.0,
    "amplitude_cutoff": 0.01,
    "num_positive_peaks": 1,
    "num_negative_peaks": 1,
    "peak_to_trough_duration": 0.0005,
    "waveform_baseline_flatness": 0.02,
    "peak_after_to_trough_ratio": 0.3,
}


def label(metrics: dict[str, float], params: CurationParams | None = None) -> tuple[str, str, str]:
    frame = pd.DataFrame([{**CLEAN, **metrics}], index=["u"])
    row = label_units(frame, params or CurationParams()).loc["u"]
    return row["label"], row["failed"], row["not_computed"]


@pytest.mark.parametrize(
    ("metrics", "expected", "failed"),
    [
        ({}, "good", ""),
        ({"snr": 4.9}, "mua", "snr"),
        ({"snr": 5.0}, "good", ""),  # limits belong to what they limit
        ({"rp_contamination": 0.3}, "mua", "rp_contamination"),
        ({"rp_contamination": 0.6}, "mua", "rp_contamination"),  # past two limits, named once
        (
            {"presence_ratio": 0.5, "amplitude_cutoff": 0.2},
            "mua",
            "presence_ratio amplitude_cutoff",
        ),
        ({"num_negative_peaks": 3}, "noise", "num_negative_peaks"),
        ({"num_negative_peaks": 3, "snr": 1.0}, "noise", "num_negative_peaks"),
        ({"peak_to_trough_duration": 0.00005}, "noise", "peak_to_trough_duration"),
    ],
)
def test_labels(metrics: dict[str, float], expected: str, failed: str) -> None:
    assert label(metrics) == (expected, failed, "")


@pytest.mark.parametrize("metric", ["presence_ratio", "amplitude_cutoff", "snr"])
def test_what_could_not_be_computed_neither_passes_nor_fails(metric: str) -> None:
    assert label({metric: np.nan}) == ("good", "", metric)
    assert label({metric: np.nan, "rp_contamination": 1.0})[0] == "mua"


def test_too_few_spikes_to_be_certain_of_one_neuron() -> None:
    missing = "sliding_rp_violation"
    assert label({missing: np.nan}) == ("mua", missing, missing)


def test_the_allen_institutes_thresholds_alone() -> None:
    alone = CurationParams(good_thresholds={}, noise_thresholds={})
    assert label({"snr": 1.0, "rp_contamination": 0.4, "num_negative_peaks": 5}, alone)[0] == "good"
    assert label({"rp_contamination": 0.6}, alone)[0] == "mua"


def test_limits_of_absolute_values_and_none() -> None:
    params = CurationParams(
        qc_thresholds={"snr": {"greater": None, "less": None}},
        good_thresholds={"rp_contamination": {"less": 0.2, "abs": True}},
    )
    assert label({"snr": 0.0}, params)[0] == "good"
    assert label({"rp_contamination": -0.3}, params)[0] == "mua"


@pytest.mark.parametrize(
    ("curation", "complaint"),
    [
        ({"qc_thresholds": {"presense_ratio": {"less": 1}}}, "did you mean 'presence_ratio'"),
        ({"qc_thresholds": {"l_ratio": {"less": 1}}}, "no such metric is computed"),
        ({"good_thresholds": {"snr": 5}}, "is no threshold"),
        ({"good_thresholds": {"snr": {"more": 5}}}, "is no threshold"),
        ({"noise_thresholds": {"snr": {"less": "5"}}}, "is no number"),
        ({"bombcell": {"mu": {}}}, "did you mean 'mua'"),
        ({"bombcell": {"mua": {"snrr": {"less": 5}}}}, "did you mean 'snr'"),
        ({"bombcell": {"mua": 1}}, "must be an object"),
        ({"merge_presets": ["slayy"]}, "did you mean 'slay'"),
    ],
)
def test_curation_that_makes_no_sense(curation: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        check_params(SortingParams.model_validate({"curation": curation}))


# Bombcell

SHAPE = {
    **CLEAN,
    "amplitude_median": -80.0,
    "num_spikes": 900,
    "drift_ptp": 5.0,
    "exp_decay": 0.03,
    "peak_before_to_trough_ratio": 0.1,
    "peak_before_width": 0.0004,
    "trough_width": 0.0003,
    "peak_before_to_peak_after_ratio": 0.4,
    "main_peak_to_trough_ratio": 0.3,
}


def bombcell(params: CurationParams | None = None, **metrics: float) -> str:
    frame = pd.DataFrame([{**SHAPE, **metrics}], index=["u"])
    return bombcell_labels(frame, params or CurationParams())[0]


def test_bombcell_labels() -> None:
    assert bombcell() == "good"
    assert bombcell(num_spikes=200) == "mua"
    assert bombcell(exp_decay=0.5) == "noise"
    assert bombcell(main_peak_to_trough_ratio=0.9) == "non_soma"


def test_bombcell_thresholds_that_differ() -> None:
    few = CurationParams(bombcell={"mua": {"num_spikes": {"greater": 100}}})
    assert bombcell(few, num_spikes=200) == "good"
    other = CurationParams(bombcell={"mua": {"rp_contamination": {"less": 0.1}}})
    assert bombcell(sliding_rp_violation=np.nan) == "mua"
    assert bombcell(other, sliding_rp_violation=np.nan) == "good"  # one of the two decides
    assert bombcell(other, rp_contamination=0.2) == "mua"


def test_the_allen_institutes_bombcell_thresholds_are_known() -> None:
    section = {"mua": {"drift_ptp": {"greater": None, "less": 100}}, "non-somatic": {}}
    check_thresholds(CurationParams(bombcell=section), metric_columns(read()))
