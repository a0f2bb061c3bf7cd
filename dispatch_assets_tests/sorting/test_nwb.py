"""The step units_nwb: what is in the file, on which clock, and that others can read it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from spikeinterface.core import BaseSorting
from spikeinterface.extractors import read_nwb_sorting

from dispatch_assets.errors import ParameterError, StepError
from dispatch_assets.sorting.chain import StepFailed
from dispatch_assets.sorting.nwb import backend as nwb_backend
from dispatch_assets.sorting.nwb.session import write_session_nwb
from dispatch_assets.sorting.nwb.waveforms import padded
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.sorting.step import UNITS_NWB, StepContext
from dispatch_assets_tests.sorting.lab import (
    SHORT,
    Known,
    context_of,
    run,
    write_known,
)
from dispatch_assets_tests.sorting.nwb_lab import (
    RATE_HZ,
    assert_same,
    complaints,
    finish,
    nwb_path,
    opened,
    publish_spikes,
    publish_units,
    spike_times,
    unit_rows,
)

BACKENDS = ("hdf5", "zarr")


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("short"), n_units=3, durations_s=(4.0,))


@pytest.fixture(scope="module")
def exported(short: Known, tmp_path_factory: pytest.TempPathFactory) -> dict[str, StepContext]:
    """One job's results with each backend."""
    found = {}
    for backend in BACKENDS:
        results = tmp_path_factory.mktemp("exported") / backend
        found[backend] = context_of(short, results, {**SHORT, "nwb": {"backend": backend}})
        finish(found[backend], short.truth)
    return found


def true_times(truth: BaseSorting) -> dict[str, np.ndarray]:
    return {str(u): truth.get_unit_spike_train(u, 0) / RATE_HZ for u in truth.unit_ids}


@pytest.mark.parametrize("backend", BACKENDS)
class TestFile:
    def test_holds_the_known_spikes(
        self, exported: dict[str, StepContext], short: Known, backend: str
    ) -> None:
        assert_same(spike_times(nwb_path(exported[backend])), true_times(short.truth))

    def test_is_read_by_spikeinterface(
        self, exported: dict[str, StepContext], short: Known, backend: str
    ) -> None:
        sorting = read_nwb_sorting(nwb_path(exported[backend]))
        assert sorting.get_sampling_frequency() == pytest.approx(RATE_HZ)
        assert list(sorting.get_property("label")) == ["good", "mua", "noise"]
        for unit in short.truth.unit_ids:
            samples = short.truth.get_unit_spike_train(unit, 0)
            np.testing.assert_array_equal(sorting.get_unit_spike_train(str(unit)), samples)
            times = sorting.get_unit_spike_train_in_seconds(str(unit))
            np.testing.assert_array_equal(times, samples / RATE_HZ)

    def test_passes_nwbinspector(self, exported: dict[str, StepContext], backend: str) -> None:
        assert complaints(nwb_path(exported[backend])) == set()

    def test_says_that_it_is_valid(self, exported: dict[str, StepContext], backend: str) -> None:
        result = exported[backend].result_of(UNITS_NWB)
        assert {c.name: c.passed for c in result.checks} == {
            "nwb_valid": True,
            "nwb_spike_times": True,
        }
        assert result.facts["units"] == 3
        assert result.facts["clock"] == "regular"

    def test_waveforms_are_in_volts_on_the_unit_s_electrodes(
        self, exported: dict[str, StepContext], short: Known, backend: str
    ) -> None:
        context = exported[backend]
        analyzer = context.analyzer()
        assert analyzer is not None
        traces = context.preprocessed().get_traces(return_in_uV=True)
        before = analyzer.get_extension("templates").nbefore
        rows = unit_rows(nwb_path(context))
        for unit in analyzer.unit_ids:
            row = rows[str(unit)]
            channels = analyzer.sparsity.unit_id_to_channel_indices[unit]
            electrodes = [int(e) for e in row["electrodes"]]
            assert electrodes == list(channels)
            picked = analyzer.get_extension("random_spikes").get_random_spikes()
            mine = picked[picked["unit_index"] == analyzer.sorting.id_to_index(unit)]
            n_samples = row["waveform_mean"].shape[0]
            starts = mine["sample_index"] - before
            by_hand = np.stack([traces[s : s + n_samples][:, channels] for s in starts]) * 1e-6
            width = len(channels)
            np.testing.assert_allclose(
                row["waveform_mean"][:, :width], by_hand.mean(0), rtol=1e-4, atol=1e-10
            )
            np.testing.assert_allclose(
                row["waveform_sd"][:, :width], by_hand.std(0), rtol=1e-3, atol=1e-9
            )
            assert np.isnan(row["waveform_mean"][:, width:]).all()
            assert 1e-6 < np.nanmax(np.abs(row["waveform_mean"])) < 1e-2

    def test_electrodes_are_where_the_probe_has_them(
        self, exported: dict[str, StepContext], backend: str
    ) -> None:
        context = exported[backend]
        recording = context.preprocessed()
        with opened(nwb_path(context)) as file:
            table = file.electrodes.to_dataframe()
            assert list(table["channel_name"]) == [str(c) for c in recording.channel_ids]
            found = table[["rel_x", "rel_y"]].to_numpy()
            np.testing.assert_array_equal(found, recording.get_channel_locations())
            assert set(table["location"]) == {"unknown"}

    def test_names_metrics_and_places(self, exported: dict[str, StepContext], backend: str) -> None:
        context = exported[backend]
        analyzer = context.analyzer()
        assert analyzer is not None
        metrics = analyzer.get_extension("quality_metrics").get_data()
        places = analyzer.get_extension("unit_locations").get_data()
        for i, row in enumerate(unit_rows(nwb_path(context)).values()):
            assert row["snr"] == pytest.approx(metrics["snr"].iloc[i])
            assert (row["x_um"], row["depth_um"]) == pytest.approx(tuple(places[i, :2]))
            assert row["num_spikes"] == len(row["spike_times"])
            assert np.isnan(row["presence_ratio"])  # four seconds are too short for it
            assert row["recording_name"] == context.job.recording_name
            assert row["electrode_group"] == row["probe"]
            peak = np.nan_to_num(np.abs(row["waveform_mean"])).max(axis=0).argmax()
            assert int(row["peak_channel"]) == list(row["electrodes"])[peak]

    def test_says_where_it_comes_from(self, exported: dict[str, StepContext], backend: str) -> None:
        context = exported[backend]
        with opened(nwb_path(context)) as file:
            table = file.processing["ecephys"]["provenance"].to_dataframe()
            generated = dict(np.asarray(file.was_generated_by[:]).astype(str).tolist())
        told = {(r.step, r.field): r.value for r in table.itertuples()}
        assert told["dispatch", "job_key"] == context.job.job_key
        assert told["dispatch", "fingerprint"] == context.job.fingerprint
        assert told["sorting", "seed"] == "0"
        assert told["sorting", "parameters.spikesorting.sorter"] == "spykingcircus2"
        assert told["units", "parameters.postprocessing.sparsity.radius_um"] == "100"
        assert generated["spikeinterface"] == told["units", "versions.spikeinterface"]
        assert "pynwb" in generated


def test_zarr_file_holds_no_pickles(exported: dict[str, StepContext]) -> None:
    store = nwb_path(exported["zarr"])
    metas = [json.loads(f.read_text()) for f in store.rglob(".zarray")]
    assert len(metas) > 20
    codecs = {codec["id"] for meta in metas for codec in meta["filters"] or ()}
    assert "pickle" not in codecs
    assert "json2" in codecs


def test_same_inputs_give_the_same_file(exported: dict[str, StepContext], tmp_path: Path) -> None:
    context = exported["hdf5"]
    first = nwb_path(context)
    kept = tmp_path / "first.nwb"
    kept.write_bytes(first.read_bytes())
    run(context, UNITS_NWB, attempt="again")
    with opened(kept) as a, opened(first) as b:
        assert a.identifier == b.identifier
        for name in ("spike_times", "waveform_mean", "snr"):
            one, other = (np.asarray(getattr(f.units, name).data[:]) for f in (a, b))
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_units_are_a_valid_file(short: Known, tmp_path: Path, backend: str) -> None:
    context = context_of(short, tmp_path / "results", {**SHORT, "nwb": {"backend": backend}})
    result = finish(context, short.truth.select_units([]))
    assert all(check.passed for check in result.checks)
    assert result.facts["units"] == 0
    with opened(nwb_path(context)) as file:
        assert file.units is None  # nwbinspector takes an empty table for a fault
        assert len(file.electrodes) == 16
    assert complaints(nwb_path(context)) == set()


def test_units_without_templates_are_an_error(short: Known, tmp_path: Path) -> None:
    context = context_of(short, tmp_path / "results")
    publish_spikes(context)
    publish_units(context)
    analyzer = context.analyzer()
    assert analyzer is not None
    analyzer.delete_extension("templates")
    with pytest.raises(StepFailed, match="has no templates"):
        run(context, UNITS_NWB)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"backend": "matlab"}, "nwb.backend"),
        ({"subject": {"specie": "Mus musculus"}}, "unknown 'specie'"),
        ({"subject": {"sex": 1}}, "sex must be text"),
        ({"rig_timezone": "Mars/Olympus"}, "no such IANA time zone"),
        ({"rig_timezone": "../../etc/passwd"}, "no such IANA time zone"),
    ],
)
def test_parameters_are_checked(wrong: dict[str, object], complaint: str) -> None:
    with pytest.raises(ParameterError, match=complaint):
        parse_sorting_params({"nwb": wrong})


def test_padding_fills_with_nan() -> None:
    filled = padded([np.ones((3, 2), np.float32), np.zeros((2, 1), np.float32)])
    assert filled.shape == (2, 3, 2)
    assert np.isnan(filled[1]).sum() == 6 - 2
    assert padded([]).shape == (0, 0, 0)


class TestFaultyFiles:
    """What the step says of a file that came out wrong; here, because it was damaged."""

    def _damage(self, monkeypatch: pytest.MonkeyPatch, damage: Callable[[h5py.File], None]) -> None:
        write = nwb_backend._write

        def write_and_damage(file: Any, path: Path, kind: nwb_backend.Backend) -> None:
            write(file, path, kind)
            with h5py.File(path, "r+") as written:
                damage(written)

        monkeypatch.setattr(nwb_backend, "_write", write_and_damage)

    @pytest.mark.parametrize("wrong", ["nwb_valid", "nwb_spike_times"])
    def test_is_noticed(
        self,
        short: Known,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        wrong: str,
    ) -> None:
        def damage(file: h5py.File) -> None:
            if wrong == "nwb_valid":
                del file["identifier"]
            else:
                file["units/spike_times"][3] += 1e-9

        context = context_of(short, tmp_path / "results")
        self._damage(monkeypatch, damage)
        result = finish(context, short.truth)
        failed = [c for c in result.checks if not c.passed]
        assert [(c.name, c.severity) for c in failed] == [(wrong, "ERROR")]
        with pytest.raises(StepError, match="fault of dispatch_assets"):
            write_session_nwb([context.results], tmp_path / "out")
        assert list((tmp_path / "out").iterdir()) == []
