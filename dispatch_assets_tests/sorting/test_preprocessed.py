"""What the step ``preprocessed`` publishes, from recordings on disk."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, NumpyRecording, load
from spikeinterface.preprocessing import astype, scale

from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import PREPROCESSED, StepContext
from dispatch_assets_tests.sorting.lab import (
    SHORT,
    UV_PER_BIT,
    Known,
    context_of,
    write_known,
)
from dispatch_assets_tests.sorting.noise import noise
from dispatch_assets_tests.sorting.preprocessed_lab import preprocess, traces

SMALL: dict[str, Any] = {"durations_s": (3.0,), "n_units": 3, "common_uv": 5.0}


def params(**changes: object) -> dict[str, object]:
    return {"preprocessing": {**SHORT["preprocessing"], **changes}}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("small"), **SMALL)


@pytest.fixture(scope="module")
def done(
    small: Known, tmp_path_factory: pytest.TempPathFactory
) -> tuple[StepContext, StepResult, BaseRecording]:
    context = context_of(small, tmp_path_factory.mktemp("done") / "results")
    return context, *preprocess(context)


class TestContract:
    def test_is_int16_on_the_channels_and_probe_of_the_raw_one(
        self, small: Known, done: tuple[StepContext, StepResult, BaseRecording]
    ) -> None:
        raw, saved = load(small.session), done[2]
        assert saved.get_dtype() == np.dtype("int16")
        assert list(saved.channel_ids) == list(raw.channel_ids)
        assert np.allclose(saved.get_channel_gains(), UV_PER_BIT)
        assert np.array_equal(saved.get_channel_offsets(), np.zeros(16))
        assert np.array_equal(saved.get_channel_locations(), raw.get_channel_locations())
        assert np.array_equal(saved.get_channel_groups(), raw.get_channel_groups())
        assert saved.get_probegroup().get_contact_count() == 16
        assert saved.get_num_samples() == raw.get_num_samples()

    def test_the_lazy_chain_gives_the_saved_traces(
        self, done: tuple[StepContext, StepResult, BaseRecording]
    ) -> None:
        context, _, saved = done
        file = context.results / PREPROCESSED / "chain.json"
        assert str(context.data_folder) not in file.read_text()  # so that data may move
        chain = load(json.loads(file.read_text()), base_folder=context.data_folder)
        window = {"start_frame": 25_000, "end_frame": 65_000}
        apart = traces(chain, **window).astype(int) - traces(saved, **window)
        assert np.abs(apart).max() <= 1  # chunks have other borders
        assert np.mean(apart != 0) < 0.001
        assert np.allclose(chain.get_channel_gains(), saved.get_channel_gains())

    def test_spikes_stay_where_they_are_and_the_common_noise_goes(
        self, small: Known, done: tuple[StepContext, StepResult, BaseRecording]
    ) -> None:
        raw, saved = load(small.session), done[2]
        by_hand = traces(raw) - np.median(traces(raw), axis=1, keepdims=True)
        samples = small.truth.get_unit_spike_train(small.truth.unit_ids[0], segment_index=0)
        samples = samples[(samples > 100) & (samples < raw.get_num_samples() - 100)]
        windows = samples[:, None] + np.arange(-10, 10)
        expected, found = (np.mean(t[windows], axis=0) for t in (by_hand, traces(saved)))
        channel = int(np.argmin(expected.min(axis=0)))
        assert np.argmin(found[:, channel]) == np.argmin(expected[:, channel])
        assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.98

    def test_facts_are_those_of_the_recording(
        self, done: tuple[StepContext, StepResult, BaseRecording]
    ) -> None:
        facts = done[1].facts
        assert facts["n_channels_raw"] == facts["n_channels"] == 16
        assert facts["bad_channels_percent"] == 0
        assert facts["duration_s"] == 3.0
        assert facts["filter"] == "high-pass 300 Hz"
        assert facts["reference"] == "global median"
        assert facts["phase_shifted"] is False
        assert facts["noise_level_uv"] == pytest.approx(4.9, abs=0.4)  # 5 uV were put in
        assert (facts["n_clipped_samples"], facts["silent_s"]) == (0, 0)
        assert done[1].tables == {}
        assert done[1].warnings == []

    def test_figures_are_small_pictures(
        self, done: tuple[StepContext, StepResult, BaseRecording]
    ) -> None:
        context, result, _ = done
        assert set(result.figures) == {"Channels", "Traces"}
        for path in result.figures.values():
            data = (context.results / PREPROCESSED / path).read_bytes()
            assert data.startswith(b"\x89PNG")
            assert 5_000 < len(data) < 300_000

    def test_holds_no_pickle(self, done: tuple[StepContext, StepResult, BaseRecording]) -> None:
        names = [p.name for p in (done[0].results / PREPROCESSED).rglob("*")]
        assert names
        assert not [n for n in names if n.endswith((".pkl", ".pickle")) or "provenance" in n]


@pytest.mark.usefixtures("without_figures")
def test_the_same_seed_gives_the_same_bytes(small: Known, tmp_path: Path) -> None:
    def digest(n_jobs: int) -> bytes:
        context = context_of(small, tmp_path / str(n_jobs))
        preprocess(replace(context, n_jobs=n_jobs))
        folder = tmp_path / str(n_jobs) / PREPROCESSED / "recording"
        return (folder / "traces_cached_seg0.raw").read_bytes()

    assert digest(1) == digest(2)


def shifted_uint16(recording: BaseRecording) -> BaseRecording:
    unsigned = scale(recording, gain=1.0, offset=32768.0, dtype="uint16")
    unsigned.set_channel_offsets(-32768 * UV_PER_BIT)
    return unsigned


def in_volts(recording: BaseRecording) -> BaseRecording:
    volts = scale(recording, gain=UV_PER_BIT * 1e-6, dtype="float32")
    volts.set_channel_gains(1e6)
    return volts


@pytest.mark.usefixtures("without_figures")
@pytest.mark.parametrize(
    ("change", "tolerance_uv"), [(shifted_uint16, 0.0), (in_volts, 0.3)], ids=["uint16", "float"]
)
def test_other_data_types_mean_the_same_in_uv(
    small: Known,
    tmp_path: Path,
    change: Callable[[BaseRecording], BaseRecording],
    tolerance_uv: float,
) -> None:
    _, expected = preprocess(context_of(small, tmp_path / "int16"))
    other = write_known(tmp_path / "data", **SMALL, change=change)
    result, saved = preprocess(context_of(other, tmp_path / "other"))
    assert saved.get_dtype() == np.dtype("int16")
    apart = traces(saved, return_in_uV=True) - traces(expected, return_in_uV=True)
    assert np.abs(apart).max() <= tolerance_uv
    assert result.facts["n_clipped_samples"] == 0
    assert np.array_equal(saved.get_channel_offsets(), np.zeros(16))


@pytest.mark.usefixtures("without_figures")
class TestBadChannels:
    def test_labels_leaves_out_and_lists_them(self, tmp_path: Path) -> None:
        levels = [8.0] * 24
        levels[3], levels[7], levels[15] = 0.0, 0.05, 120.0
        known = on_disk(tmp_path, noise(levels))
        result, saved = preprocess(context_of(known, tmp_path / "results"))
        table = {row["channel"]: row for row in result.tables["bad channels"]}
        labels = {channel: row["label"] for channel, row in table.items()}
        assert labels == {"ch3": "constant", "ch7": "dead", "ch15": "noise"}
        assert (table["ch15"]["y_um"], table["ch15"]["left_out"]) == (300.0, True)
        assert set(saved.channel_ids) == {f"ch{i}" for i in range(24)} - set(labels)
        assert result.facts["bad_channels_percent"] == 12.5
        assert result.facts["n_channels"] == 21

    def test_keeps_them_on_request_and_says_so(self, tmp_path: Path) -> None:
        known = on_disk(tmp_path, noise([8.0] * 15 + [0.0]))
        kept = params(remove_bad_channels=False)
        result, saved = preprocess(context_of(known, tmp_path / "results", kept))
        assert saved.get_num_channels() == 16
        assert result.tables["bad channels"][0]["left_out"] is False
        assert any("kept on request: ch15" in w for w in result.warnings)

    def test_says_where_every_channel_is_silent_and_what_was_clipped(self, tmp_path: Path) -> None:
        recording = noise([8.0] * 16, duration_s=4.0)
        data = recording.get_traces().astype("float32")
        data[45_000:60_000] = 77  # half a second of lost packets
        data[11_000:11_010, 2] = 1e7  # 2 V: with a step fit for 8 uV of noise, out of range
        known = on_disk(tmp_path, same(recording, data))
        result, _ = preprocess(context_of(known, tmp_path / "results"))
        (stretch,) = result.tables["silent stretches"]
        assert stretch["start_s"] == pytest.approx(1.5, abs=0.03)
        assert stretch["duration_s"] == pytest.approx(0.5, abs=0.05)
        assert int(str(result.facts["n_clipped_samples"])) > 0
        assert any("clipped" in w for w in result.warnings)
        assert any("silent for 0." in w for w in result.warnings)

    def test_doubts_gains_that_give_an_implausible_noise(self, tmp_path: Path) -> None:
        recording = noise([8.0] * 16)
        recording.set_channel_gains(UV_PER_BIT * 1e-6)
        result, _ = preprocess(context_of(on_disk(tmp_path, recording), tmp_path / "results"))
        assert any("not plausible" in w for w in result.warnings)


def same(recording: BaseRecording, data: np.ndarray) -> BaseRecording:
    changed = NumpyRecording(
        [data], recording.sampling_frequency, channel_ids=recording.channel_ids
    )
    recording.copy_metadata(changed)
    changed.set_probegroup(recording.get_probegroup())
    return changed


def on_disk(tmp_path: Path, recording: BaseRecording) -> Known:
    with warnings.catch_warnings():  # it says that nobody will know where the data come from
        warnings.simplefilter("ignore", UserWarning)
        recording.save(folder=tmp_path / "data" / "noise", verbose=False)
    return Known(tmp_path / "data", tmp_path / "data" / "noise", truth=None)


@pytest.mark.usefixtures("without_figures")
def test_noise_levels_of_another_stage_are_forgotten(tmp_path: Path) -> None:
    recording = noise([8.0] * 16)
    for method in ("mad_raw", "mad_scaled", "rms_raw"):
        recording.set_property(f"noise_level_{method}", np.full(16, 1234.0))
    result, saved = preprocess(context_of(on_disk(tmp_path, recording), tmp_path / "results"))
    assert not [k for k in saved.get_property_keys() if k.startswith("noise_level")]
    assert result.facts["noise_level_uv"] == pytest.approx(
        7.4, abs=0.3
    )  # 8 uV less what is filtered


@pytest.mark.usefixtures("without_figures")
def test_channels_are_phase_shifted_where_their_shifts_are_known(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    wave = np.convolve(rng.normal(size=60_000), np.hanning(15), "same") * 200
    shifts = np.linspace(0, 11 / 12, 12)
    exact = np.stack([np.interp(np.arange(60_000) + s, np.arange(60_000), wave) for s in shifts])
    recording = same(noise([1.0] * 12), (exact.T + rng.normal(size=(60_000, 12)) * 40).astype("i2"))
    recording.set_property("inter_sample_shift", shifts)
    only = params(custom_preprocessing_pipeline={"phase_shift": {}})
    known = on_disk(tmp_path, recording)
    result, saved = preprocess(context_of(known, tmp_path / "results", only))
    assert result.facts["phase_shifted"] is True
    apart = (
        traces(saved, return_in_uV=True)[300:-300]
        - traces(astype(recording, "float32"), return_in_uV=True)[300:-300, :1]
    )
    assert apart[:, 11].std() < 0.25 * np.diff(traces(recording)[:, 0]).std()
