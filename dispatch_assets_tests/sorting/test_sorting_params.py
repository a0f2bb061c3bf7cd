"""Parameters of the chain: unknown ones are refused, the Allen Institute's files are understood."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets.sorting.params import DEFAULT_SORTER, SortingParams, parse_sorting_params
from dispatch_assets.sorting.sorters.checking import check_sorter
from dispatch_assets_tests.test_architecture import run

JOB_KWARGS = {"chunk_duration": "1s", "progress_bar": False}
# All keys down to single arguments, with the values, of AllenNeuralDynamics/aind-ephys-pipeline,
# pipeline/default_params.json (commit 010724ab); .github/workflows/params_test_{default,custom,
# si,si_concat}.json have the same keys or fewer of them.
AIND: dict[str, Any] = {
    "pipeline_version": "1.3.1",
    "job_dispatch": {
        "split_segments": True,
        "split_groups": True,
        "debug": False,
        "debug_duration": 30,
        "skip_timestamps_check": False,
        "multi_session": False,
        "input": "aind",
    },
    "preprocessing": {
        "job_kwargs": {**JOB_KWARGS, "mp_context": "spawn"},
        "filter_type": "highpass",
        "remove_out_channels": True,
        "remove_bad_channels": True,
        "min_preprocessing_duration": 120,
        "max_bad_channel_fraction": 0.5,
        "denoising_strategy": "cmr",
        "default_preprocessing_pipeline": {
            "phase_shift": {"margin_ms": 100.0},
            "highpass_filter": {"freq_min": 300.0},
            "bandpass_filter": {"freq_min": 300.0, "freq_max": 6000.0},
            "detect_and_remove_bad_channels": {
                "method": "coherence+psd",
                "dead_channel_threshold": -0.5,
                "noisy_channel_threshold": 1.0,
                "outside_channel_threshold": -0.3,
                "outside_channels_location": "top",
                "n_neighbors": 11,
                "channel_filters": ["noise", "dead", "out"],
                "seed": 0,
            },
            "common_reference": {"reference": "global", "operator": "median"},
            "highpass_spatial_filter": {
                "n_channel_pad": 60,
                "n_channel_taper": None,
                "direction": "y",
                "apply_agc": True,
                "agc_window_length_s": 0.01,
                "highpass_butter_order": 3,
                "highpass_butter_wn": 0.01,
            },
        },
        "custom_preprocessing_pipeline": None,
        "motion_correction": {
            "preset": "dredge_fast",
            "detect_kwargs": {},
            "select_kwargs": {},
            "localize_peaks_kwargs": {},
            "estimate_motion_kwargs": {"win_step_norm": 0.1, "win_scale_norm": 0.1},
            "interpolate_motion_kwargs": {},
        },
    },
    "postprocessing": {
        "job_kwargs": JOB_KWARGS,
        "use_motion_corrected": False,
        "sparsity": {"method": "radius", "radius_um": 100},
        "duplicate_threshold": 0.9,
        "return_in_uV": True,
        "extensions": {
            "random_spikes": {
                "max_spikes_per_unit": 500,
                "method": "uniform",
                "margin_size": None,
                "seed": None,
            },
            "noise_levels": {"num_chunks_per_segment": 20, "chunk_size": 10000, "seed": None},
            "waveforms": {"ms_before": 2.0, "ms_after": 3.0, "dtype": None},
            "templates": {},
            "spike_amplitudes": {"peak_sign": "neg"},
            "template_similarity": {"method": "l1"},
            "correlograms": {"window_ms": 50.0, "bin_ms": 1.0},
            "isi_histograms": {"window_ms": 100.0, "bin_ms": 5.0},
            "unit_locations": {"method": "monopolar_triangulation"},
            "spike_locations": {"method": "grid_convolution"},
            "template_metrics": {"upsampling_factor": 10, "include_multi_channel_metrics": True},
            "principal_components": {
                "n_components": 5,
                "mode": "by_channel_local",
                "whiten": True,
            },
            "amplitude_scalings": {},
            "valid_unit_periods": {},
            "quality_metrics": {
                "metric_names": ["num_spikes", "firing_rate", "presence_ratio", "snr"],
                "metric_params": {"presence_ratio": {"bin_duration_s": 60}},
            },
        },
    },
    "curation": {
        "job_kwargs": JOB_KWARGS,
        "qc_thresholds": {
            "rp_contamination": {"less": 0.5},
            "presence_ratio": {"greater": 0.8},
            "amplitude_cutoff": {"less": 0.1},
        },
        "unitrefine": {
            "noise_neural_classifier": "SpikeInterface/UnitRefine_noise_neural_classifier",
            "sua_mua_classifier": "SpikeInterface/UnitRefine_sua_mua_classifier",
        },
        "bombcell": {
            "noise": {"num_positive_peaks": {"greater": None, "less": 2}},
            "mua": {"amplitude_median": {"greater": 30, "less": None, "abs": True}},
            "non-somatic": {"trough_width": {"greater": 0.0002, "less": None}},
        },
        "noise_strategy": "bombcell+unitrefine",
        "slay": {
            "template_similarity": {"templates_diff": 0.35},
            "slay": {"k1": 0.25, "k2": 1, "slay_threshold": 0.4},
        },
    },
    "visualization": {
        "job_kwargs": JOB_KWARGS,
        "timeseries": {"n_snippets_per_segment": 2, "snippet_duration_s": 0.5},
        "drift": {"n_skip": 30, "alpha": 0.15, "cmap": "Greys_r", "figsize": [10, 10]},
        "motion": {"cmap": "Greys_r", "scatter_decimate": 15, "figsize": [15, 10]},
    },
    "nwb": {
        "ecephys": {
            "backend": "zarr",
            "stub": False,
            "stub_seconds": 10,
            "write_lfp": True,
            "write_raw": False,
            "lfp_temporal_factor": 2,
            "lfp_spatial_factor": 4,
            "lfp_highpass_freq_min": 0.1,
            "surface_channel_agar_probes_indices": "",
            "lfp": {"filter": {"freq_min": 0.1, "freq_max": 500}, "sampling_rate": 2500},
        }
    },
    "spikesorting": {
        "sorter": None,
        "kilosort4": {
            "job_kwargs": JOB_KWARGS,
            "skip_motion_correction": False,
            "min_drift_channels": 96,
            "raise_if_fails": True,
            "clear_cache": False,
            "sorter": {"nblocks": 5, "Th_universal": 9, "do_correction": True, "shift": None},
        },
        "kilosort25": {
            "job_kwargs": JOB_KWARGS,
            "skip_motion_correction": True,
            "min_drift_channels": 96,
            "raise_if_fails": True,
            "sorter": {"NT": None, "car": True, "delete_tmp_files": ["matlab_files"]},
        },
        "spykingcircus2": {
            "job_kwargs": JOB_KWARGS,
            "sorter": {
                "general": {"ms_before": 0.5, "ms_after": 1.5, "radius_um": 100.0},
                "filtering": {
                    "freq_min": 150,
                    "freq_max": 7000,
                    "ftype": "bessel",
                    "filter_order": 2,
                },
                "whitening": {"mode": "local", "regularize": False},
                "detection": {
                    "method": "matched_filtering",
                    "method_kwargs": {"peak_sign": "neg", "detect_threshold": 5},
                    "pipeline_kwargs": {},
                },
                "selection": {
                    "method": "uniform",
                    "method_kwargs": {
                        "n_peaks_per_channel": 5000,
                        "min_n_peaks": 100000,
                        "select_per_channel": False,
                    },
                },
                "apply_motion_correction": True,
                "motion_correction": {"preset": "dredge_fast"},
                "merging": {"max_distance_um": 50},
                "clustering": {"method": "iterative-hdbscan", "method_kwargs": {}},
                "cleaning": {
                    "min_snr": 5,
                    "max_jitter_ms": 0.2,
                    "sparsify_threshold": 1,
                    "mean_sd_ratio_threshold": 3,
                },
                "min_firing_rate": 0.1,
                "matching": {"method": "circus-omp", "method_kwargs": {}, "pipeline_kwargs": {}},
                "apply_preprocessing": False,
                "apply_whitening": True,
                "cache_preprocessing": {"mode": "no-cache"},
                "chunk_preprocessing": {"memory_limit": None},
                "multi_units_only": False,
                "job_kwargs": {},
                "seed": 42,
                "deterministic_peaks_detection": False,
                "debug": False,
            },
        },
        "lupin": {"job_kwargs": JOB_KWARGS, "sorter": {"preprocessing_dict": {}, "seed": None}},
    },
}


def test_the_default_file_of_the_allen_institute_is_understood() -> None:
    params, notes = parse_sorting_params(AIND)
    theirs = AIND["spikesorting"]["spykingcircus2"]["sorter"]
    assert params.spikesorting.sorter == DEFAULT_SORTER == "spykingcircus2"
    assert params.spikesorting.sorter_params == {
        name: value for name, value in theirs.items() if name != "job_kwargs"
    }
    assert params.preprocessing.default_preprocessing_pipeline["phase_shift"]["margin_ms"] == 100
    assert params.preprocessing.custom_preprocessing_pipeline == {}
    assert params.postprocessing.duplicate_threshold == 0.9
    assert params.curation.qc_thresholds == AIND["curation"]["qc_thresholds"]
    assert params.nwb.backend == "zarr"
    check_sorter(params.spikesorting)  # what it says of the sorter is what the sorter takes
    said = "\n".join(notes)
    for part in (
        "pipeline_version",
        "job_dispatch",
        "visualization",
        "preprocessing.job_kwargs",
        "postprocessing.use_motion_corrected",
        "nwb.ecephys.write_lfp",
        "spikesorting.kilosort4",
        "spikesorting.spykingcircus2.job_kwargs",
    ):
        assert f"left aside: {part} (" in said
    assert "spikesorting.sorter names none: spykingcircus2 sorts" in said


def test_the_chosen_sorters_section_counts() -> None:
    values = copy.deepcopy(AIND)
    values["spikesorting"]["sorter"] = "kilosort25"
    params, notes = parse_sorting_params(values)
    assert params.spikesorting.sorter == "kilosort2_5"
    assert params.spikesorting.sorter_params["delete_tmp_files"] == ["matlab_files"]
    assert params.spikesorting.skip_motion_correction
    assert "left aside: spikesorting.spykingcircus2 (kilosort2_5 sorts)" in notes

    values["spikesorting"]["sorter"] = "kilosort4"
    params, _ = parse_sorting_params(values)
    assert params.spikesorting.min_drift_channels == 96
    assert "do_correction" not in params.spikesorting.sorter_params  # the 96 channels decide
    assert params.spikesorting.sorter_params["Th_universal"] == 9


def test_older_files_are_understood() -> None:
    # the same repository, pipeline/default_params.json of commit bdf42708
    values = {
        "preprocessing": {
            "highpass_filter": {"freq_min": 250.0},
            "detect_bad_channels": {"n_neighbors": 9},
            "motion_correction": {"compute": True, "apply": False, "preset": "dredge_fast"},
        },
        "curation": {"query": "snr > 5", "sua_mua_classifier": "a/b"},
        "nwb": {"backend": "zarr", "ecephys": {"stub": False}},
    }
    params, notes = parse_sorting_params(values)
    assert params.preprocessing.default_preprocessing_pipeline == {
        "highpass_filter": {"freq_min": 250.0},
        "detect_and_remove_bad_channels": {"n_neighbors": 9},
    }
    assert params.preprocessing.motion == "compute"
    assert params.preprocessing.motion_correction == {"preset": "dredge_fast"}
    assert params.nwb.backend == "zarr"
    assert "left aside: curation.query (see curation.qc_thresholds)" in notes


def test_own_files_pass_through_unchanged() -> None:
    values = parse_sorting_params({"spikesorting": {"sorter": "lupin"}, "seed": 7})[0].model_dump()
    params, notes = parse_sorting_params(values)
    assert (params.model_dump(), notes) == (values, [])
    assert parse_sorting_params({}) == (SortingParams(), [])


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"sorting": {}}, "sorting: unknown parameter"),
        ({"spikesortin": {}}, "did you mean 'spikesorting'?"),
        ({"preprocessing": {"filter_typ": "x"}}, "did you mean 'filter_type'?"),
        ({"preprocessing": {"filter_type": "hello"}}, "'highpass' or 'bandpass'"),
        ({"spikesorting": {"spykingcircus": {}}}, "did you mean 'spykingcircus2'?"),
        ({"spikesorting": {"kilosort4": 3}}, "must be an object"),
        ({"spikesorting": {"lupin": {"sorters": {}}}}, "did you mean 'sorter'?"),
        ({"nwb": {"ecephys": {"back_end": "zarr"}}}, "did you mean 'backend'?"),
        ({"spikesorting": 3}, "spikesorting: "),
        ({"spikesorting": {"sorter": 3}}, "spikesorting.sorter: "),
        ({"seed": -1}, "seed: "),
        ({"seed": 2**32}, "seed: "),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError) as raised:
        parse_sorting_params(values)
    assert complaint in str(raised.value)


def test_arguments_are_not_given_twice() -> None:
    twice = {"lupin": {"sorter": {"seed": 1}}, "sorter": "lupin", "sorter_params": {"seed": 2}}
    with pytest.raises(ParameterError, match=r"give it or spikesorting.lupin, not both"):
        parse_sorting_params({"spikesorting": twice})


def test_dagster_can_ask_for_parameters_and_gpus_without_spikeinterface() -> None:
    code = """
import sys
from dispatch_assets.sorting.chain import STEPS
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.sorting.sorters.catalogue import needs_gpu
assert needs_gpu("kilosort4") and not needs_gpu(parse_sorting_params({})[0].spikesorting.sorter)
heavy = {"pandas", "scipy", "spikeinterface", "matplotlib"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


def test_the_schema_describes_every_parameter() -> None:
    schema = SortingParams.model_json_schema()
    for section in schema["$defs"].values():
        for name, parameter in section["properties"].items():
            assert parameter.get("description"), name
    assert (Path(__file__).parents[2] / "schemas" / "sorting_params.json").exists()
