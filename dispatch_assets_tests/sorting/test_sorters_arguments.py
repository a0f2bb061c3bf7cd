"""What sorters are run with, and why some are not run at all: found out without any data."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from typing import Any

import pytest
import spikeinterface.sorters as si_sorters

from dispatch_assets.errors import ParameterError
from dispatch_assets.sorting.params import SpikesortingParams
from dispatch_assets.sorting.sorters import catalogue
from dispatch_assets.sorting.sorters.arguments import arguments_for
from dispatch_assets.sorting.sorters.catalogue import REQUIREMENTS
from dispatch_assets.sorting.sorters.checking import check_sorter
from dispatch_assets.sorting.sorters.motion import lacks_torch, without_motion_correction
from dispatch_assets_tests.sorting.containers import stand_in_for_docker


def refusal(**spikesorting: Any) -> str:
    with pytest.raises(ParameterError) as raised:
        check_sorter(SpikesortingParams(**spikesorting))
    return str(raised.value)


@pytest.mark.parametrize(
    ("sorter", "how"),
    [
        ("lupin", "-m pip install 'torch>="),
        ("kilosort4", "-m pip install 'kilosort>="),
        ("mountainsort5", "pip install mountainsort5"),
    ],
)
def test_a_missing_sorter_is_told_how_to_install(
    sorter: str, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(si_sorters.sorter_dict[sorter], "is_installed", lambda: False)
    told = refusal(sorter=sorter)
    assert f"the sorter '{sorter}' is not installed" in told
    assert how in told
    assert "spikesorting.container" in told


@pytest.mark.parametrize("extra", sorted(REQUIREMENTS))
def test_what_extras_consist_of_is_what_pyproject_says(extra: str) -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    assert tuple(pyproject["project"]["optional-dependencies"][extra]) == REQUIREMENTS[extra]


class TestWithoutTorch:
    @pytest.fixture(autouse=True)
    def no_torch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        find = importlib.util.find_spec
        monkeypatch.setattr(
            importlib.util, "find_spec", lambda name: None if name == "torch" else find(name)
        )

    def lacks(self, sorter: str = "spykingcircus2", **sorter_params: Any) -> bool:
        return lacks_torch(SpikesortingParams(sorter=sorter, sorter_params=sorter_params))

    def test_the_default_sorter_cannot_correct_for_motion(self) -> None:
        assert self.lacks()

    def test_methods_that_need_none_can(self) -> None:
        assert not self.lacks(motion_correction={"preset": "kilosort_like"})
        assert not self.lacks(apply_motion_correction=False)
        assert not self.lacks("tridesclous2")  # does not correct unless asked

    def test_asking_for_it_can_be_taken_back(self) -> None:
        asked = SpikesortingParams(sorter_params={"apply_motion_correction": True, "seed": 3})
        assert lacks_torch(asked)
        left = without_motion_correction(asked)
        assert left.sorter_params == {"seed": 3}
        assert not arguments_for(left, 0, 1, correct_motion=False).given["apply_motion_correction"]


def test_archived_sorters_are_refused() -> None:
    assert "SpikeInterface runs 'yass' no more" in refusal(sorter="yass")


def test_containers_are_looked_for_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from spikeinterface.sorters import utils

    stand_in_for_docker(tmp_path, monkeypatch)
    monkeypatch.setattr(utils, "has_docker", lambda: False)
    assert "Docker is not installed" in refusal(sorter="kilosort4", container="docker")
    monkeypatch.setattr(utils, "has_docker", lambda: True)
    monkeypatch.setattr(utils, "has_docker_python", lambda: False)
    assert "pip install docker" in refusal(sorter="kilosort4", container="docker")
    monkeypatch.setattr(utils, "has_docker_python", lambda: True)
    assert "no known image for 'lupin'" in refusal(sorter="lupin", container="docker")
    check_sorter(SpikesortingParams(sorter="kilosort4", container="docker"))
    check_sorter(SpikesortingParams(sorter="lupin", container="docker", container_image="a/b"))


@pytest.mark.parametrize(
    ("params", "complaint"),
    [
        ({"aply_preprocessing": True}, "did you mean 'apply_preprocessing'?"),
        ({"detection": {"metod": "x"}}, "detection.metod: unknown parameter, did you mean"),
        ({"detection": {"method": "by_chanel"}}, "did you mean 'by_channel'?"),
        ({"detection": {"method_kwargs": {"treshold": 4}}}, "method_kwargs.treshold: unknown"),
        ({"clustering": {"method": "iterative-hdbscn"}}, "did you mean 'iterative-hdbscan'?"),
        ({"clustering": {"method_kwargs": {"splits": {}}}}, "did you mean 'split'?"),
        ({"selection": {"method_kwargs": {"n_peak": 1}}}, "method_kwargs.n_peak: unknown"),
        ({"filtering": {"freq_mini": 1}}, "did you mean 'freq_min'?"),
        ({"cache_preprocessing": {"delete_cache": True}}, "delete_cache: unknown parameter"),
        ({"job_kwargs": {"n_job": 2}}, "did you mean 'n_jobs'?"),
        ({"apply_preprocessing": "yes"}, "apply_preprocessing: must be true or false"),
        ({"min_firing_rate": True}, "min_firing_rate: must be a number"),
        ({"detection": "by_channel"}, "detection: must be an object"),
        ({"detection": {"method_kwargs": {"detect_threshold": "5"}}}, "must be a number"),
        ({"seed": "x", "debug": 1}, "seed: must be a number like its default 42 (got 'x'); "),
    ],
)
def test_arguments_that_the_sorter_does_not_take_are_refused(
    params: dict[str, Any], complaint: str
) -> None:
    assert complaint in refusal(sorter="spykingcircus2", sorter_params=params)


@pytest.mark.parametrize(
    "params",
    [
        {"detection": {"method": "by_channel", "method_kwargs": {"exclude_sweep_ms": 1}}},
        {"detection": {"exclude_sweep_ms": 1.0}, "min_firing_rate": None},
        {"clustering": {"method": "iterative-isosplit", "method_kwargs": {"split": {}}}},
        {"matching": {"method": None}, "filtering": {"margin_ms": 20}},
        {"detection": {"method_kwargs": {"detect_threshold": 5.5}}, "job_kwargs": {}},
    ],
)
def test_arguments_that_the_sorter_takes_are_accepted(params: dict[str, Any]) -> None:
    check_sorter(SpikesortingParams(sorter="spykingcircus2", sorter_params=params))


def test_what_the_chain_sets_itself_cannot_be_an_argument() -> None:
    told = refusal(sorter="spykingcircus2", sorter_params={"folder": "/tmp"})
    assert "folder: unknown parameter" in told


def given(sorter: str, *, correct_motion: bool = True, **sorter_params: Any) -> dict[str, Any]:
    params = SpikesortingParams(sorter=sorter, sorter_params=sorter_params)
    return arguments_for(params, 7, 3, correct_motion=correct_motion).given


def test_sorters_are_told_what_the_chain_has_done_already() -> None:
    assert given("spykingcircus2") == {
        "apply_preprocessing": False,
        "cache_preprocessing": {"mode": "no-cache"},
        "deterministic_peaks_detection": True,
        "seed": 7,
        "job_kwargs": {"n_jobs": 3, "progress_bar": True},
    }
    assert given("tridesclous2")["preprocessing_dict"] == {}
    assert given("mountainsort5")["filter"] is False
    assert given("mountainsort5")["whitening_seed"] == 7
    assert given("mountainsort5")["n_jobs"] == 3
    assert given("mountainsort4")["num_workers"] == 3
    assert given("spykingcircus2", correct_motion=False)["apply_motion_correction"] is False
    assert "apply_motion_correction" not in given("spykingcircus2", correct_motion=True)


def test_what_a_person_asks_for_comes_first_but_for_the_workers() -> None:
    asked = given(
        "spykingcircus2",
        correct_motion=False,
        apply_preprocessing=True,
        apply_motion_correction=True,
        seed=5,
        job_kwargs={"n_jobs": 64, "chunk_duration": "2s"},
    )
    assert asked["apply_preprocessing"] is True
    assert asked["apply_motion_correction"] is True
    assert asked["seed"] == 5
    assert asked["job_kwargs"]["chunk_duration"] == "2s"
    assert asked["job_kwargs"]["n_jobs"] == 3
    assert given("lupin", seed=None)["seed"] == 7  # as the Allen Institute's files have it
    assert given("spykingcircus2", min_firing_rate=None)["min_firing_rate"] is None


def test_nested_arguments_stand_over_their_defaults() -> None:
    asked = given("spykingcircus2", detection={"method_kwargs": {"detect_threshold": 6}})
    assert asked["detection"] == {
        "method": "matched_filtering",
        "method_kwargs": {"peak_sign": "neg", "detect_threshold": 6},
        "pipeline_kwargs": {},
    }
    other = {"method": "by_channel", "method_kwargs": {}}
    assert given("spykingcircus2", detection=other)["detection"] == other


def test_facts_about_sorters_agree_with_spikeinterface() -> None:
    required = {
        name
        for name, sorter in si_sorters.sorter_dict.items()
        if sorter.gpu_capability == "nvidia-required"
    }
    assert catalogue.GPU_SORTERS - {"kilosort4"} == required
    for table in (
        catalogue.PREPROCESSED_ALREADY,
        catalogue.WITHOUT_MOTION_CORRECTION,
        catalogue.REPRODUCIBLE,
        catalogue.WITHOUT_CACHE,
    ):
        for name, arguments in table.items():
            sorter = si_sorters.sorter_dict[name]
            own = getattr(sorter, "_default_params", None) or sorter._si_default_params
            assert arguments.keys() <= own.keys(), name
    for name, sections in catalogue.MORE_SECTION_KEYS.items():
        assert sections.keys() <= si_sorters.get_default_sorter_params(name).keys()
    assert catalogue.EXTRAS.keys() <= si_sorters.sorter_dict.keys()
