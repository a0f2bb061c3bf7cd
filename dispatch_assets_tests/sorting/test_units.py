"""The step `units` on known spikes, true ones and false ones."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from spikeinterface.core import BaseSorting, NumpySorting, load_sorting_analyzer

from dispatch_assets.errors import UntrustedDataError
from dispatch_assets_tests.sorting.lab import (
    Known,
    context_of,
    publish_raw,
    run,
    spike_samples,
)
from dispatch_assets_tests.sorting.units_lab import FS, Measured, measure

pytestmark = [
    pytest.mark.filterwarnings("ignore:The extractor is not serializable:UserWarning"),
    pytest.mark.usefixtures("without_compiling"),
]


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
