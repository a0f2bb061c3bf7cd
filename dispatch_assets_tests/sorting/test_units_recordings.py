"""The step `units` on recordings of other kinds, and with other parameters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, NumpySorting

from dispatch_assets.sorting.chain import STEPS, StepFailed, run_steps
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import PREPROCESSED, StepContext, StepOutcome
from dispatch_assets_tests.sorting.lab import (
    SHORT,
    Known,
    context_of,
    publish_raw,
    publish_sorting,
    run,
    write_known,
)
from dispatch_assets_tests.sorting.units_lab import FS, measure

pytestmark = [
    pytest.mark.filterwarnings("ignore:The extractor is not serializable:UserWarning"),
    pytest.mark.usefixtures("without_compiling"),
]

AIND = Path(__file__).parent / "aind_postprocessing.json"


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
