"""Parameters of the chain: unknown ones are refused, the Allen Institute's files are understood."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets.sorting.params import DEFAULT_SORTER, SortingParams, parse_sorting_params
from dispatch_assets.sorting.sorters.checking import check_sorter
from dispatch_assets_tests.sorting.aind_file import AIND
from dispatch_assets_tests.test_architecture import run


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


@pytest.mark.parametrize(
    ("sorter", "switch"),
    [("spykingcircus2", "apply_motion_correction"), ("kilosort4", "do_correction")],
)
@pytest.mark.parametrize("beside", [True, False], ids=["in its section", "above it"])
def test_keeping_sorters_from_correcting_for_motion_overrules_the_sorters_section(
    sorter: str, switch: str, *, beside: bool
) -> None:
    wish, own = {"skip_motion_correction": True}, {"sorter": {switch: True}}
    section = {sorter: {**own, **wish}} if beside else {sorter: own, **wish}
    params, _ = parse_sorting_params({"spikesorting": {"sorter": sorter, **section}})
    assert params.spikesorting.skip_motion_correction
    assert switch not in params.spikesorting.sorter_params


@pytest.mark.parametrize(
    ("section", "complaint"),
    [
        ({"container_image": "lab/x"}, "container_image needs container: docker or singularity"),
        (
            {"skip_motion_correction": True, "sorter_params": {"do_correction": True}},
            "skip_motion_correction contradicts sorter_params.do_correction",
        ),
    ],
)
def test_contradictions_are_refused(section: dict[str, Any], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint) as raised:
        parse_sorting_params({"spikesorting": section})
    assert "(got" not in str(raised.value)


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
