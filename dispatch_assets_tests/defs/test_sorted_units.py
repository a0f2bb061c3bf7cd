"""The sorting chain as assets: real commands, launched through Pipes, on known recordings."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from dagster import AssetKey
from spikeinterface.core import BaseRecording, NumpyRecording

from dispatch_assets.defs.assets import sorted_units
from dispatch_assets.defs.assets.sorted_units import CPU_POOL, GPU_POOL, sorting_assets
from dispatch_assets.defs.environment import ComputeParams, Settings
from dispatch_assets.defs.graph import build_definitions
from dispatch_assets.defs.sorting_resources import Compute, Results, runs_at_a_time
from dispatch_assets.errors import ParameterError
from dispatch_assets.params import DispatchParams
from dispatch_assets.sorting.attempt import published
from dispatch_assets.sorting.chain import STEPS
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets_tests.defs.lab import Lab, failure, sentence
from dispatch_assets_tests.sorting.lab import write_known

GOOD, SILENT, FINE = (
    f"{name}~~block0_stream0_recording1" for name in ("a_good", "b_silent", "fine")
)
PARAMS = SortingParams.model_validate({"preprocessing": {"min_preprocessing_duration": 1.0}})


def _silence(recording: BaseRecording) -> BaseRecording:
    zeros = np.zeros((recording.get_num_samples(), recording.get_num_channels()), dtype="int16")
    silent = NumpyRecording([zeros], recording.sampling_frequency)
    silent.set_probe(recording.get_probe())
    silent.set_channel_gains(0.195)
    silent.set_channel_offsets(0.0)
    return silent


@pytest.fixture(scope="module")
def known_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("sorting_lab")
    write_known(data, "a_good", durations_s=(3.0,), n_channels=8, n_units=2)
    write_known(data, "b_silent", durations_s=(3.0,), n_channels=8, n_units=2, change=_silence)
    write_known(data, "fine", durations_s=(3.0,), n_channels=8, n_units=2, seed=5)
    return data


@dataclass
class SortingLab(Lab):
    """A lab that sorts."""

    compute: ComputeParams

    @property
    def definitions(self) -> dg.Definitions:
        settings = Settings(
            str(self.data), str(self.store), self.params, sorting=PARAMS, compute=self.compute
        )
        return build_definitions(settings)

    def sort(
        self, steps: list[str], *keys: str, automated: bool = False
    ) -> dg.ExecuteInProcessResult:
        prefix = "dagster/asset_partition_range"
        tags = {f"{prefix}_start": keys[0], f"{prefix}_end": keys[-1]}
        which = {"dagster/partition": keys[0]} if len(keys) == 1 else tags
        mark = {sorted_units.AUTOMATED: "true"} if automated else {}
        job = self.definitions.resolve_implicit_global_asset_job_def()
        return job.execute_in_process(
            asset_selection=[AssetKey(step) for step in steps],
            tags={**which, **mark},
            instance=self.instance,
            raise_on_error=False,
        )

    def results(self, key: str) -> Path:
        return Path(self.store, "sorting", key)

    def sorted(self, step: str) -> set[str]:
        return self.instance.get_materialized_partitions(AssetKey(step))


@pytest.fixture
def sorting_lab(
    known_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SortingLab]:
    monkeypatch.setattr(sorted_units, "WAIT_AFTER_KILL_S", 0)
    with dg.DagsterInstance.ephemeral() as instance:
        lab = SortingLab(
            known_data, tmp_path / "store", instance, DispatchParams(), ComputeParams()
        )
        lab.inventory()
        lab.dispatch([GOOD, FINE])
        yield lab


def test_a_recording_is_preprocessed(sorting_lab: SortingLab) -> None:
    assert sorting_lab.sort(["preprocessed"], GOOD).success

    result = published(sorting_lab.results(GOOD), "preprocessed")
    assert sorting_lab.tags(GOOD, "preprocessed")["dagster/data_version"] == result.inputs_hash
    shown = sorting_lab.metadata(GOOD, "preprocessed")
    assert shown["results"] == str(sorting_lab.results(GOOD) / "preprocessed")
    assert {name: shown[name] for name, value in result.facts.items() if value is not None} == {
        name: value for name, value in result.facts.items() if value is not None
    }
    assert shown["versions"]["spikeinterface"]


def test_the_same_inputs_give_the_same_data_version(sorting_lab: SortingLab) -> None:
    versions = []
    for _ in range(2):
        assert sorting_lab.sort(["preprocessed"], GOOD).success
        versions.append(sorting_lab.tags(GOOD, "preprocessed")["dagster/data_version"])

    assert versions[0] == versions[1]


def test_a_refused_recording_does_not_stop_the_others_of_its_run(sorting_lab: SortingLab) -> None:
    result = sorting_lab.sort(["preprocessed"], GOOD, SILENT, FINE)

    assert not result.success
    assert sorting_lab.sorted("preprocessed") == {GOOD, FINE}
    assert sentence(result).startswith("1 of 3 recordings failed.")
    assert SILENT in sentence(result)
    versions = {sorting_lab.tags(k, "preprocessed")["dagster/data_version"] for k in (GOOD, FINE)}
    assert len(versions) == 2


def test_a_refusal_says_why(sorting_lab: SortingLab) -> None:
    result = sorting_lab.sort(["preprocessed"], SILENT)

    why = failure(result)
    assert why.metadata["reason"].value == "all_zero"
    assert "Traceback" not in str(why.description)
    assert not (sorting_lab.results(SILENT) / "preprocessed").exists()


@pytest.mark.parametrize(
    "prefix",
    [
        ["true"],  # a launcher whose node died, but which says that all is well
        ["timeout", "--signal=KILL", "0.2"],
        ["false"],
    ],
)
def test_only_what_this_attempt_published_counts(
    sorting_lab: SortingLab, prefix: list[str]
) -> None:
    assert sorting_lab.sort(["preprocessed"], GOOD).success
    before = published(sorting_lab.results(GOOD), "preprocessed")
    sorting_lab.compute = ComputeParams(prefix=prefix)

    result = sorting_lab.sort(["preprocessed"], GOOD)

    assert not result.success
    assert "`preprocessed` published nothing" in sentence(result)
    assert published(sorting_lab.results(GOOD), "preprocessed") == before


def test_what_is_in_front_of_the_command_comes_from_the_profile(
    sorting_lab: SortingLab, tmp_path: Path
) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/seen\nexec "$@"\n')
    launcher.chmod(0o755)
    sorting_lab.compute = ComputeParams(prefix=[str(launcher)], n_jobs=1)

    assert sorting_lab.sort(["preprocessed"], GOOD).success

    seen = (tmp_path / "seen").read_text()
    assert seen.startswith(f"{sys.executable} -m dispatch_assets run preprocessed ")
    assert "--n-jobs 1" in seen


def test_a_node_need_not_see_temporary_files_of_this_machine(
    sorting_lab: SortingLab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, hidden = tmp_path / "tmp", tmp_path / "hidden"
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    node = tmp_path / "node"
    there = f'mv {own} {hidden}; TMPDIR=/tmp "$@"; status=$?; mv {hidden} {own}; exit $status'
    node.write_text(f"#!/bin/sh\n{there}\n")
    node.chmod(0o755)
    sorting_lab.compute = ComputeParams(prefix=[str(node)], n_jobs=1)
    results = sorting_lab.results(GOOD).parent
    for name, age_s in ((".pipes-of-a-killed-run", 8 * 86_400), (".pipes-of-another-run", 0)):
        (results / name).mkdir(parents=True)
        for path in (results / name / "messages", results / name):
            path.touch()
            os.utime(path, (time.time() - age_s,) * 2)
    (results / ".pipes-no-folder").touch()  # whatever cannot be looked into stops nobody
    assert sorting_lab.sort(["preprocessed"], GOOD).success
    left = {".pipes-of-another-run", ".pipes-no-folder"}
    assert {p.name for p in results.iterdir()} == {GOOD, *left}


def test_results_that_cannot_be_kept_are_said(sorting_lab: SortingLab) -> None:
    sorting_lab.results(GOOD).parent.write_text("no folder")
    assert "Check free space and permissions" in sentence(sorting_lab.sort(["preprocessed"], GOOD))


def test_a_killed_process_gets_a_second_chance(sorting_lab: SortingLab, tmp_path: Path) -> None:
    launcher = tmp_path / "launcher"
    launcher.write_text(
        f'#!/bin/sh\n[ -e {tmp_path}/seen ] && exec "$@"\ntouch {tmp_path}/seen\nkill -9 $$\n'
    )
    launcher.chmod(0o755)
    sorting_lab.compute = ComputeParams(prefix=[str(launcher)], n_jobs=1)
    assert sorting_lab.sort(["preprocessed"], GOOD).success
    assert sorting_lab.sorted("preprocessed") == {GOOD}


def test_an_automated_run_leaves_alone_what_is_up_to_date(sorting_lab: SortingLab) -> None:
    assert sorting_lab.sort(["preprocessed"], GOOD).success
    first = published(sorting_lab.results(GOOD), "preprocessed")
    assert sorting_lab.sort(["preprocessed"], GOOD, automated=True).success
    assert published(sorting_lab.results(GOOD), "preprocessed") == first
    assert sorting_lab.sort(["preprocessed"], GOOD).success
    again = published(sorting_lab.results(GOOD), "preprocessed")
    assert again.attempt != first.attempt
    assert again.inputs_hash == first.inputs_hash


def test_without_a_job_it_says_what_to_do(sorting_lab: SortingLab) -> None:
    Path(sorting_lab.jobs.path(GOOD)).unlink()

    assert "Materialize it again" in sentence(sorting_lab.sort(["preprocessed"], GOOD))


def test_a_store_without_a_disk_needs_a_folder_for_results() -> None:
    with pytest.raises(ParameterError, match="DISPATCH_RESULTS"):
        Results(base="").folder()


def test_workers_share_the_cores_of_the_machine() -> None:
    n_cores = len(os.sched_getaffinity(0))

    assert Compute().n_jobs_argument(1) == ("--n-jobs", str(n_cores))
    assert Compute().n_jobs_argument(n_cores) == ("--n-jobs", "1")
    assert Compute().n_jobs_argument(10 * n_cores) == ("--n-jobs", "1")
    assert Compute(n_jobs=3).n_jobs_argument(2) == ("--n-jobs", "3")
    assert Compute(prefix=["srun"]).n_jobs_argument(2) == ()


def test_runs_at_a_time_are_those_of_the_pool() -> None:
    limits = {"concurrency": {"pools": {"default_limit": 2, "granularity": "run"}}}
    with dg.instance_for_test(overrides=limits) as instance:
        assert runs_at_a_time(instance, CPU_POOL) == 2
        instance.event_log_storage.set_concurrency_slots(CPU_POOL, 3)
        assert runs_at_a_time(instance, CPU_POOL) == 3


def test_the_chain_is_one_op_and_only_gpu_sorting_stands_apart() -> None:
    (whole,) = sorting_assets(gpu=False)
    assert {key.to_user_string() for key in whole.keys} == set(STEPS)
    assert whole.op.pool == CPU_POOL

    pools = [(min(a.keys).to_user_string(), a.op.pool) for a in sorting_assets(gpu=True)]
    assert pools == [("preprocessed", CPU_POOL), ("sorting", GPU_POOL), ("units", CPU_POOL)]
