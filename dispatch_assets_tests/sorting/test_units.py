"""The step `units` on known spikes, true ones and false ones."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spikeinterface.core import BaseRecording, BaseSorting, NumpySorting, load_sorting_analyzer

from dispatch_assets.errors import UntrustedDataError
from dispatch_assets.sorting.chain import STEPS, StepFailed, run_steps
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import PREPROCESSED, StepContext, StepOutcome
from dispatch_assets_tests.sorting.lab import (
    SHORT,
    Known,
    context_of,
    publish_raw,
    publish_sorting,
    run,
    spike_samples,
    write_known,
)

pytestmark = pytest.mark.filterwarnings("ignore:The extractor is not serializable:UserWarning")

FS = 30_000
AIND = Path(__file__).parent / "aind_postprocessing.json"


@dataclass(frozen=True)
class Measured:
    """A published result, and what it was made from."""

    context: StepContext
    result: StepResult
    units: pd.DataFrame
    given: dict[str, np.ndarray]

    @property
    def folder(self) -> Path:
        return self.context.results / "units"


def measure(context: StepContext, sorting: BaseSorting) -> Measured:
    publish_sorting(context, sorting)
    (result,) = run(context, "units")
    table = context.results / "units" / "units.csv"
    units = pd.read_csv(table, index_col=0, dtype={"unit_id": str}, keep_default_na=False)
    return Measured(context, result, units, spike_samples(sorting))


def with_false_units(truth: BaseSorting) -> BaseSorting:
    """Return true units "0" and "1", "3" in two halves, and what sorters get wrong."""
    rng = np.random.default_rng(0)
    true = spike_samples(truth)
    first = rng.random(len(true["3"])) < 0.45
    units = {name: true[name] for name in ("0", "1")}
    units["half"], units["other half"] = true["3"][first], true["3"][~first]
    units["two in one"] = np.union1d(true["2"], true["4"])
    units["again"] = true["1"] - 15 + rng.integers(-2, 3, len(true["1"]))  # 0.5 ms early
    units["anywhere"] = rng.integers(300, 20 * FS - 300, 400)
    units["few"] = true["0"][:12] + 9
    sorted_samples = {name: np.unique(samples) for name, samples in units.items()}
    sorting = NumpySorting.from_unit_dict([sorted_samples], FS)
    sorting.set_property("objects", np.array([{}] * len(units), dtype=object))
    return sorting


@pytest.fixture(scope="module", autouse=True)
def without_compiling() -> Iterator[None]:
    """Compare templates as SpikeInterface does without numba: compiling that takes 20 CPU s."""
    from spikeinterface.postprocessing import template_similarity as si

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(si, "_compute_similarity_matrix", si._compute_similarity_matrix_numpy)
        yield


@pytest.fixture(scope="module")
def measured(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Measured:
    context = context_of(known, tmp_path_factory.mktemp("measured") / "results")
    publish_raw(context)
    return measure(context, with_false_units(known.truth))


# labels and what is left out


def test_true_units_are_good_and_false_ones_are_not(measured: Measured) -> None:
    labels, failed = measured.units["label"], measured.units["failed"]
    assert {u for u in ("0", "1", "other half") if labels.get(u) != "good"} == set()
    assert (labels["half"], failed["half"]) == ("mua", "sliding_rp_violation")  # too few to say
    assert (labels["two in one"], failed["two in one"]) == ("mua", "rp_contamination")
    assert labels["anywhere"] == "noise"


def test_what_a_person_looks_at_first(measured: Measured) -> None:
    facts = measured.result.facts
    assert facts["units"] == 6
    assert (facts["good"], facts["mua"], facts["noise"]) == (3, 2, 1)
    assert (facts["dropped_too_few_spikes"], facts["dropped_duplicates"]) == (1, 1)
    assert facts["median_snr"] == pytest.approx(measured.units["snr"].median(), abs=0.01)
    rows = measured.result.tables["Units"]
    assert [row["label"] for row in rows] == ["good"] * 3 + ["mua"] * 2 + ["noise"]
    assert {row["unit_id"] for row in rows} == set(measured.units.index)
    assert "NaN" not in (measured.folder / "result.json").read_text()


def test_what_was_dropped_and_why(measured: Measured) -> None:
    dropped = pd.read_csv(measured.folder / "dropped.csv", index_col=0, keep_default_na=False)
    assert dropped.loc["few"].to_dict() == {"spikes": 12, "reason": "too_few_spikes", "of": ""}
    assert set(dropped.index) == {"few", "again"}
    assert (dropped.loc["again", "of"], dropped.loc["again", "reason"]) == ("1", "duplicate")


def test_what_was_checked(measured: Measured) -> None:
    checks = {check.name: check for check in measured.result.checks}
    assert checks["good_units"].passed
    assert "3 units of 6" in checks["good_units"].message
    assert not checks["refractory_violations"].passed  # two of the units are false


def test_merges_are_proposed_and_not_applied(measured: Measured) -> None:
    from spikeinterface.curation import load_curation

    file = measured.folder / "merges.json"
    proposals = json.loads(file.read_text())["proposals"]
    assert [set(p["units"]) for p in proposals] == [{"half", "other half"}]
    assert 0 <= proposals[0]["scores"]["template_difference"] < 0.25
    assert {"half", "other half"} <= set(measured.units.index)
    curation = load_curation(file)
    assert [set(merge.unit_ids) for merge in curation.merges] == [{"half", "other half"}]
    assert measured.result.facts["merges_proposed"] == 1


# numbers


def test_spikes_and_places_are_those_of_the_units(measured: Measured, known: Known) -> None:
    for name, row in measured.units.iterrows():
        assert row["num_spikes"] == len(measured.given[str(name)])
        assert row["firing_rate"] == pytest.approx(row["num_spikes"] / 20, rel=1e-3)
    places = np.asarray(known.truth.get_property("gt_unit_locations"))[:2, :2]
    found = measured.units.loc[["0", "1"], ["x_um", "depth_um"]].to_numpy()
    assert np.abs(found - places).max() < 25
    assert (measured.units["shank"] == "").all()
    true = measured.units.loc[["0", "1"]]
    assert np.allclose(true["amplitude_uv"] / true["snr"], 5, rtol=0.3)  # uV of noise


def test_what_could_not_be_computed_is_told(measured: Measured) -> None:
    missing = measured.units["not_computed"].str.split()
    assert all("presence_ratio" in names for names in missing)  # its bins are 60 s
    assert "presence_ratio" not in " ".join(measured.units["failed"])


# the analyzer


def test_the_analyzer_holds_labels_and_metrics(measured: Measured) -> None:
    analyzer = measured.context.analyzer()
    assert analyzer is not None
    assert list(analyzer.unit_ids) == list(measured.units.index)
    for name in ("label", "failed", "not_computed", "channel_id", "shank"):
        assert list(analyzer.get_sorting_property(name)) == list(measured.units[name].astype(str))
    for name in ("group", "depth_um", "x_um", "amplitude_uv"):
        assert np.allclose(analyzer.get_sorting_property(name), measured.units[name])
    metrics = analyzer.get_metrics_extension_data()
    assert np.allclose(metrics["snr"], measured.units["snr"])
    templates = analyzer.get_extension("templates").get_templates()
    assert templates.shape == (6, 150, 16)  # 2 ms before, 3 ms after
    assert {"waveforms", "correlograms", "spike_locations"} <= set(
        analyzer.get_saved_extension_names()
    )


def test_the_correlograms_are_not_those_that_proposing_merges_changed(measured: Measured) -> None:
    analyzer = measured.context.analyzer()
    assert analyzer is not None
    correlograms, bins = analyzer.get_extension("correlograms").get_data()
    i = list(analyzer.unit_ids).index("two in one")
    assert correlograms[i, i, np.abs(bins[:-1] + 0.5) < 1].sum() > 0


def test_the_results_folder_can_be_moved(measured: Measured, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(measured.context.results, moved / "results")
    hidden = measured.context.results.with_name("hidden")
    measured.context.results.rename(hidden)
    try:
        context = replace(measured.context, results=moved / "results")
        for analyzer in (
            context.analyzer(),
            load_sorting_analyzer(moved / "results/units/analyzer"),
        ):
            assert analyzer is not None
            assert analyzer.has_recording()
            assert analyzer.recording.get_traces(end_frame=10).shape == (10, 16)
            assert "good" in analyzer.get_sorting_property("label")
    finally:
        hidden.rename(measured.context.results)


def test_nothing_in_it_runs_code_or_names_this_machine(measured: Measured) -> None:
    files = [p for p in measured.folder.rglob("*") if p.is_file()]
    assert not [p for p in files if p.suffix in (".pkl", ".pickle")]
    here = str(measured.context.results.parent)
    assert not [p for p in files if p.suffix in (".json", ".csv") and here in p.read_text()]
    for file in (p for p in files if p.suffix == ".npy"):
        np.load(file, allow_pickle=False)


def test_a_pickle_that_somebody_put_there_is_not_loaded(measured: Measured, tmp_path: Path) -> None:
    shutil.copytree(measured.context.results, tmp_path / "results")
    context = replace(measured.context, results=tmp_path / "results")
    (tmp_path / "results/units/analyzer/recording.pickle").write_bytes(b"cos\nsystem\n.")
    with pytest.raises(UntrustedDataError):
        context.analyzer()


# the same again


def test_the_same_seed_gives_the_same_table(measured: Measured, tmp_path: Path) -> None:
    tables = []
    for n_jobs in (1, 2):
        results = tmp_path / str(n_jobs)
        shutil.copytree(measured.context.results, results)
        context = replace(measured.context, results=results, n_jobs=n_jobs)
        run(context, "units", attempt="again")
        tables.append((results / "units" / "units.csv").read_text())
    assert tables[0] == tables[1] == (measured.folder / "units.csv").read_text()


# other recordings


@pytest.mark.parametrize("units", [{}, {"few": np.arange(1, 20) * FS}])
def test_no_units_is_a_result(known: Known, tmp_path: Path, units: dict[str, np.ndarray]) -> None:
    context = context_of(known, tmp_path / "results")
    publish_raw(context)
    done = measure(context, NumpySorting.from_unit_dict([units], FS))
    assert done.result.facts["units"] == 0
    assert done.result.facts["dropped_too_few_spikes"] == len(units)
    assert done.result.facts["median_snr"] is None
    assert [check.passed for check in done.result.checks] == [False]
    assert list(done.units.index) == []
    assert not (done.folder / "analyzer").exists()
    assert context.analyzer() is None


def publish_with_times(context: StepContext, times: list[np.ndarray]) -> None:
    def copy(context: StepContext, folder: Path) -> StepOutcome:
        recording = load_recording(context.job, context.data_folder)
        for segment, vector in enumerate(times):
            recording.set_times(vector, segment_index=segment)
        recording.save(folder=folder / "recording", chunk_duration="60s")
        return StepOutcome()

    list(run_steps([replace(STEPS[PREPROCESSED], run=copy)], context, "by-hand"))


def test_segments_with_times_of_their_own(two_segments: Known, tmp_path: Path) -> None:
    context = context_of(two_segments, tmp_path / "results")
    times = [1000 + np.arange(12 * FS) / (FS + 3), 2000 + np.arange(8 * FS) / (FS + 3)]
    publish_with_times(context, times)
    done = measure(context, two_segments.truth)
    n_spikes = two_segments.truth.count_num_spikes_per_unit(outputs="dict")
    assert dict(done.units["num_spikes"]) == n_spikes
    assert (done.units["label"] == "good").all()
    analyzer = context.analyzer()
    assert analyzer is not None
    assert analyzer.get_num_segments() == 2
    for segment, vector in enumerate(times):
        assert np.array_equal(analyzer.recording.get_times(segment), vector)
    assert (done.folder / "analyzer" / "recording.json").stat().st_size < 100_000


def on_two_shanks(recording: BaseRecording) -> BaseRecording:
    probe = recording.get_probe()
    probe.set_shank_ids(np.where(probe.contact_positions[:, 0] > 0, "right", "left"))
    recording.set_probe(probe)
    return recording


def test_channels_of_a_unit_are_on_its_shank(tmp_path: Path) -> None:
    two_shanks = write_known(tmp_path / "data", change=on_two_shanks)
    params = {**SHORT, "curation": {"bombcell_min_duration": 10}}
    context = context_of(two_shanks, tmp_path / "results", params, split_groups=False)
    publish_raw(context)
    done = measure(context, two_shanks.truth)
    analyzer = context.analyzer()
    assert analyzer is not None
    shank_of = dict(zip(analyzer.channel_ids, analyzer.get_probe().shank_ids, strict=True))
    for unit, channels in analyzer.sparsity.unit_id_to_channel_ids.items():
        assert {shank_of[c] for c in channels} == {done.units.loc[unit, "shank"]}
    assert set(done.units["shank"]) == {"left", "right"}
    assert done.units["group"].nunique() == 2
    # long enough, as it was told, for Bombcell
    assert set(done.units["bombcell_label"]) <= {"good", "mua", "noise", "non_soma"}
    assert list(analyzer.get_sorting_property("bombcell_label")) == list(
        done.units["bombcell_label"]
    )
    assert done.result.facts["bombcell_good"] == (done.units["bombcell_label"] == "good").sum()


def test_all_that_the_allen_institute_computes(known: Known, tmp_path: Path) -> None:
    params = {**SHORT, "postprocessing": json.loads(AIND.read_text())}
    context = context_of(known, tmp_path / "results", params)
    publish_raw(context)
    done = measure(context, known.truth)
    extensions = done.folder / "analyzer" / "extensions"
    assert set(params["postprocessing"]["extensions"]) <= {p.name for p in extensions.iterdir()}
    assert not list(extensions.rglob("*.pkl"))
    analyzer = context.analyzer()
    assert analyzer is not None
    assert analyzer.get_extension("principal_components").get_data().shape[1] == 5
    assert done.units["d_prime"].notna().all()
    assert "spike_amplitudes.peak_sign" in done.result.warnings[0]


def test_parameters_are_checked_before_anything_is_read(known: Known, tmp_path: Path) -> None:
    params = {**SHORT, "postprocessing": {"extensions": {"waveform": {}}}}
    context = context_of(known, tmp_path / "results", params)
    with pytest.raises(StepFailed, match="did you mean 'waveforms'"):
        run(context, "units")


def test_an_argument_that_spikeinterface_refuses(known: Known, tmp_path: Path) -> None:
    params = {**SHORT, "postprocessing": {"extensions": {"unit_locations": {"method": "x"}}}}
    context = context_of(known, tmp_path / "results", params)
    publish_raw(context)
    publish_sorting(context, known.truth)
    with pytest.raises(StepFailed, match="analyzer cannot be computed"):
        run(context, "units")
    assert not (context.results / "units").exists()
