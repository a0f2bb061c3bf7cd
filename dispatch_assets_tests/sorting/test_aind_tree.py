"""The results tree of the Allen Institute's pipeline: what its later steps open opens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeinterface as si

from dispatch_assets.cli import main
from dispatch_assets.errors import StepError, StoreError
from dispatch_assets.sorting.aind_tree import export_aind_tree
from dispatch_assets.sorting.chain import STEPS, run_steps
from dispatch_assets.sorting.nwb.part import JOB_FILE
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    UNITS_NWB,
    UNITS_REPORT,
    StepContext,
    StepOutcome,
)
from dispatch_assets_tests.sorting.lab import Known, context_of, write_known
from dispatch_assets_tests.sorting.nwb_lab import finish, unit_rows


def publish_report(context: StepContext) -> None:
    """Publish a figure as if the report step had drawn it."""

    def make(context: StepContext, folder: Path) -> StepOutcome:
        (folder / "figures").mkdir()
        (folder / "figures" / "raster.png").write_bytes(b"\x89PNG")
        return StepOutcome(figures={"Drift raster": "figures/raster.png"})

    next(run_steps([replace(STEPS[UNITS_REPORT], run=make)], context, "by-hand"))


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(
        tmp_path_factory.mktemp("known"), n_channels=4, n_units=1, durations_s=(1.5,)
    )


@pytest.fixture(scope="module")
def job(known: Known, tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    context = context_of(known, tmp_path_factory.mktemp("job") / "results")
    finish(context)
    publish_report(context)
    lazy = load_recording(context.job, context.data_folder)
    lazy.dump_to_json(
        context.results / PREPROCESSED / "chain.json", relative_to=context.data_folder
    )
    return context


@pytest.fixture(scope="module")
def tree(job: StepContext, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("out") / "tree"
    assert export_aind_tree([job.results], out).recordings == [job.job.recording_name]
    return out


def test_has_upstream_s_folders(job: StepContext, tree: Path) -> None:
    name = job.job.recording_name
    assert sorted(p.relative_to(tree).as_posix() for p in tree.glob("*/*")) == [
        f"curated/{name}",
        "nwb/known.nwb",
        f"postprocessed/{name}",
        f"preprocessed/{name}",
        f"preprocessed/{name}.json",
        f"spikesorted/{name}",
        f"visualization/{name}",
    ]
    assert not list(tree.parent.glob(".tree-*"))


def test_everything_opens_without_the_results(job: StepContext, tree: Path, tmp_path: Path) -> None:
    name = job.job.recording_name
    moved = tmp_path / "elsewhere"
    tree.rename(moved)
    try:
        chain = si.load(moved / "preprocessed" / f"{name}.json", base_folder=job.data_folder)
        traces = chain.get_traces(end_frame=100)
        analyzer = si.load(moved / "postprocessed" / name)
        assert analyzer.has_recording()
        np.testing.assert_array_equal(analyzer.recording.get_traces(end_frame=100), traces)
        copy = Path(analyzer.recording._kwargs["folder_path"])
        assert copy == moved / "preprocessed" / name
        found = si.load(moved / "spikesorted" / name)
        curated = si.load(moved / "curated" / name)
        for unit in found.unit_ids:
            np.testing.assert_array_equal(
                found.get_unit_spike_train(unit), curated.get_unit_spike_train(unit)
            )
        assert list(curated.get_property("default_qc")) == [True, False]
        assert list(curated.get_property("label")) == ["good", "mua"]
        assert set(unit_rows(moved / "nwb" / "known.nwb")) == {"u0", "u1"}
    finally:
        moved.rename(tree)


def test_copies_can_be_changed_without_changing_the_results(job: StepContext, tree: Path) -> None:
    name = job.job.recording_name
    original = job.results / "units" / "analyzer"
    copy = tree / "postprocessed" / name
    shared = [
        p.relative_to(copy)
        for p in copy.rglob("*")
        if p.is_file() and p.samefile(original / p.relative_to(copy))
    ]
    assert shared == []
    traces = tree / "preprocessed" / name / "traces_cached_seg0.raw"
    recording = job.results / PREPROCESSED / "recording"
    assert traces.samefile(recording / "traces_cached_seg0.raw")  # tens of GB are not copied


def test_figures_are_named(job: StepContext, tree: Path) -> None:
    views = json.loads((tree / "visualization_output.json").read_text())
    path = views[job.job.recording_name]["Drift raster"]
    assert (tree / path).read_bytes() == b"\x89PNG"
    assert not list(tree.glob("visualization/*/result.json"))


def test_processing_says_what_was_done(job: StepContext, tree: Path) -> None:
    told: dict[str, Any] = json.loads((tree / "processing.json").read_text())
    processes = {p["process_type"]: p for p in told["data_processes"]}
    assert set(processes) == {
        "Ephys preprocessing",
        "Spike sorting",
        "Ephys postprocessing",
        "Ephys visualization",
        "File format conversion",
    }
    starts = [p["start_date_time"] for p in told["data_processes"]]
    assert starts == sorted(starts)
    assert set(told["dependency_graph"]) == {p["name"] for p in processes.values()}
    sorting = processes["Spike sorting"]
    assert sorting["code"]["parameters"]["spikesorting"]["sorter"] == "spykingcircus2"
    assert sorting["code"]["parameters"]["seed"] == 0
    before = processes["Ephys preprocessing"]["name"]
    assert told["dependency_graph"][sorting["name"]] == [before]
    exported = job.result_of(UNITS_NWB)
    assert processes["File format conversion"]["start_date_time"] == exported.started_at
    assert all(p["start_date_time"] <= p["end_date_time"] for p in processes.values())
    assert all((tree / p["output_path"]).is_dir() for p in processes.values())


def test_no_units_leave_their_folders_out(known: Known, tmp_path: Path) -> None:
    context = context_of(known, tmp_path / "results")
    finish(context, known.truth.select_units([]))
    tree = export_aind_tree([context.results], tmp_path / "tree")
    assert not (tree.path / "postprocessed").exists()
    assert not (tree.path / "curated").exists()
    assert any("no units" in w for w in tree.warnings)
    assert any("chain was not kept" in w for w in tree.warnings)


def test_command(job: StepContext, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "tree"
    assert main(["export", "aind", str(job.results), "--out", str(out)]) == 0
    assert "1 recording: " in capsys.readouterr().out
    assert main(["export", "aind", str(job.results), "--out", str(out)]) == 1
    assert "is not empty" in capsys.readouterr().err


class TestRefusals:
    def test_out_that_is_in_use(self, job: StepContext, tmp_path: Path) -> None:
        (tmp_path / "mine").write_text("keep")
        with pytest.raises(StoreError, match="not empty"):
            export_aind_tree([job.results], tmp_path)
        assert (tmp_path / "mine").read_text() == "keep"

    def test_failure_leaves_nothing(
        self, job: StepContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("dispatch_assets.sorting.aind_tree.write_session_nwb", full)
        with pytest.raises(StoreError, match="No space left"):
            export_aind_tree([job.results], tmp_path / "tree")
        assert list(tmp_path.iterdir()) == []

    def test_names_that_lead_out(self, known: Known, tmp_path: Path) -> None:
        context = context_of(known, tmp_path / "results")
        finish(context, known.truth.select_units([]))
        file = context.results / UNITS_NWB / JOB_FILE
        described = json.loads(file.read_text())
        file.write_text(json.dumps({**described, "recording_name": "../../gone"}))
        with pytest.raises(StepError, match="cannot name folders"):
            export_aind_tree([context.results], tmp_path / "tree")
        assert not (tmp_path / "tree").exists()
