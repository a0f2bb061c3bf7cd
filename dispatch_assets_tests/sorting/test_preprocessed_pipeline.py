"""Steps and arguments: which are accepted, what they do, and where something else is done."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from spikeinterface.preprocessing import highpass_filter

from dispatch_assets.errors import ParameterError, StepError
from dispatch_assets.sorting.preprocessing import check_pipeline
from dispatch_assets.sorting.preprocessing.processing import Processed
from dispatch_assets.sorting.preprocessing.scaling import levels, to_int16
from dispatch_assets_tests.sorting.aind_file import AIND
from dispatch_assets_tests.sorting.lab import UV_PER_BIT
from dispatch_assets_tests.sorting.noise import noise
from dispatch_assets_tests.sorting.preprocessed_lab import params, process

AIND_DEFAULTS = AIND["preprocessing"]["default_preprocessing_pipeline"]


class TestCheck:
    def test_accepts_what_aind_passes(self) -> None:
        motion = {
            "preset": "dredge_fast",
            "detect_kwargs": {},
            "select_kwargs": {},
            "localize_peaks_kwargs": {},
            "estimate_motion_kwargs": {"win_step_norm": 0.1, "win_scale_norm": 0.1, "bin_s": 1},
            "interpolate_motion_kwargs": {},
        }
        check_pipeline(
            params(default_preprocessing_pipeline=AIND_DEFAULTS, motion_correction=motion)
        )

    def test_accepts_arguments_that_steps_hand_on(self) -> None:
        check_pipeline(
            params(
                custom_preprocessing_pipeline={
                    "bandpass_filter": {"freq_min": 300, "filter_order": 3},
                    "detect_and_remove_bad_channels": {"method": "mad"},
                    "whiten": {"num_chunks_per_segment": 5},
                    "silence_periods": {"periods": [], "random_slices_kwargs": {}},
                }
            )
        )

    @pytest.mark.parametrize(
        ("section", "value", "place", "suggestion"),
        [
            ("default", {"highpas_filter": {}}, "highpas_filter", "highpass_filter"),
            ("default", {"whiten": {}}, "whiten", "Known: phase_shift"),
            ("default", {"highpass_filter": {"freq": 1}}, "highpass_filter.freq", "freq_min"),
            ("default", {"phase_shift": {"recording": 1}}, "phase_shift.recording", "Known"),
            ("default", {"phase_shift": 40}, "phase_shift", "object"),
            ("custom", {"common_referense": {}}, "common_referense", "common_reference"),
            ("custom", {"whiten": {"mod": "local"}}, "whiten.mod", "mode"),
        ],
    )
    def test_refuses_what_does_not_exist(
        self, section: str, value: dict[str, Any], place: str, suggestion: str
    ) -> None:
        with pytest.raises(ParameterError) as caught:
            check_pipeline(params(**{f"{section}_preprocessing_pipeline": value}))
        assert f"preprocessing.{section}_preprocessing_pipeline.{place}: " in str(caught.value)
        assert suggestion in str(caught.value)

    @pytest.mark.parametrize(
        ("motion", "words"),
        [
            ({"presett": "dredge"}, "did you mean 'preset'"),
            ({"preset": "dredge_fats"}, "did you mean 'dredge_fast'"),
            ({"detect_kwargs": {"detect_treshold": 5}}, "did you mean 'detect_threshold'"),
            ({"estimate_motion_kwargs": {"bin_ms": 1}}, "did you mean 'bin_"),
            ({"interpolate_motion_kwargs": {"border_mode": "remove_channels"}}, "are kept"),
            ({"select_kwargs": []}, "object"),
        ],
    )
    def test_refuses_wrong_names_for_motion(self, motion: dict[str, Any], words: str) -> None:
        with pytest.raises(ParameterError, match="motion_correction") as caught:
            check_pipeline(params(motion_correction=motion))
        assert words in str(caught.value)


class TestReference:
    def residual(self, done: Processed, channels: slice) -> float:
        traces = done.recording.get_traces(end_frame=20_000)[:, channels]
        return float(np.std(traces.mean(axis=1)) * UV_PER_BIT)  # of what channels have in common

    def test_large_shanks_are_each_their_own_reference(self) -> None:
        recording = noise([5.0] * 64, common_uv=10.0, shank_of=[0] * 32 + [1] * 32)
        done = process(recording, params())
        assert done.reference == "global median of each shank"
        assert self.residual(done, slice(32)) < 1.0
        assert self.residual(done, slice(32, 64)) < 1.0

    def test_small_shanks_share_the_median_of_all(self) -> None:
        recording = noise([5.0] * 24, common_uv=10.0, shank_of=[0] * 12 + [1] * 12)
        done = process(recording, params())
        assert done.reference == "global median of all shanks"
        assert self.residual(done, slice(12)) > 3.0  # a shank's own noise stays

    def test_the_parameters_may_say_how(self) -> None:
        arguments = {"reference": "local", "local_radius": [10.0, 100.0]}
        done = process(
            noise([5.0] * 12),
            params(default_preprocessing_pipeline={"common_reference": arguments}),
        )
        assert done.reference == "local median"

    def test_a_tetrode_is_not_referenced(self) -> None:
        done = process(noise([5.0] * 4), params())
        assert done.reference == "none"
        assert any("not referenced: 4 channels" in w for w in done.warnings)
        assert any("fewer than 11" in w for w in done.warnings)

    def test_destripes_a_long_shank(self) -> None:
        done = process(noise([5.0] * 64, common_uv=10.0), params(denoising_strategy="destripe"))
        assert done.reference.startswith("destriped")
        assert self.residual(done, slice(64)) < 2.0
        assert done.warnings == []

    @pytest.mark.parametrize(
        ("n", "shank_of", "words"),
        [(32, None, "needs 60 channels"), (72, [0] * 36 + [1] * 36, "single shank")],
    )
    def test_falls_back_where_it_cannot(
        self, n: int, shank_of: list[int] | None, words: str
    ) -> None:
        recording = noise([5.0] * n, duration_s=0.7, common_uv=10.0, shank_of=shank_of)
        done = process(recording, params(denoising_strategy="destripe"))
        assert done.reference.startswith("global median")
        assert self.residual(done, slice(n // 2)) < 1.5
        assert any(words in w for w in done.warnings)


class TestFilter:
    def test_a_band_pass_takes_high_frequencies_off(self) -> None:
        def power(name: str) -> float:
            done = process(noise([5.0] * 12), params(filter_type=name))
            spectrum = np.abs(np.fft.rfft(done.recording.get_traces()[:, 0])) ** 2
            return float(spectrum[len(spectrum) * 3 // 4 :].sum())

        assert power("bandpass") < 0.05 * power("highpass")

    def test_arguments_that_a_step_refuses_are_named(self) -> None:
        wrong = {"highpass_filter": {"freq_min": 20_000}}
        with pytest.raises(StepError, match="highpass_filter: preprocessing failed"):
            process(noise([5.0] * 12), params(default_preprocessing_pipeline=wrong))

    def test_a_custom_pipeline_replaces_all_of_it(self) -> None:
        recording = noise([5.0] * 12)
        steps = {"highpass_filter": {"freq_min": 500.0}}
        done = process(recording, params(custom_preprocessing_pipeline=steps))
        by_hand = highpass_filter(recording, freq_min=500.0, dtype="float32")
        assert np.allclose(done.recording.get_traces(), by_hand.get_traces(), atol=1e-2)
        assert done.filter == "highpass_filter"

    def test_channels_that_a_custom_pipeline_takes_out_are_listed(self) -> None:
        steps = {"detect_and_remove_bad_channels": {"bad_channel_ids": ["ch3"]}}
        done = process(noise([5.0] * 12), params(custom_preprocessing_pipeline=steps))
        assert done.left_out == {"ch3": "custom"}


class TestScaling:
    def scaled(self, bits: float, peak_bits: float, kind: str) -> tuple[np.ndarray, np.ndarray]:
        """Return what a recording with this noise is in uV, before and after int16."""
        from spikeinterface.preprocessing import scale

        recording = scale(noise([5.0] * 4, common_uv=0.0), gain=bits * UV_PER_BIT / 5.0)
        recording.set_channel_gains(1.0)
        peaked = scale(recording, gain=[1.0, 1.0, 1.0, peak_bits / (4 * bits)])
        typical, peak = levels(peaked, 0)
        final = to_int16(peaked, np.dtype(kind), typical, peak)
        assert final.get_dtype() == np.dtype("int16")
        uv = {"return_in_uV": True, "end_frame": 10_000}
        return peaked.get_traces(**uv), final.get_traces(**uv)

    @pytest.mark.parametrize(
        ("bits", "peak_bits", "kind"),
        [(5.0, 20.0, "int16"), (0.2, 0.8, "int16"), (1e-6, 4e-6, "float32"), (1e5, 4e5, "int32")],
    )
    def test_rounding_is_far_below_the_noise(
        self, bits: float, peak_bits: float, kind: str
    ) -> None:
        before, after = self.scaled(bits, peak_bits, kind)
        assert np.std(after - before) < 0.1 * bits

    def test_the_gain_of_a_fine_raw_recording_is_kept(self) -> None:
        before, after = self.scaled(5.0, 20.0, "int16")
        assert np.array_equal(after, np.round(before))

    def test_large_peaks_fit_at_the_cost_of_finer_steps(self) -> None:
        before, after = self.scaled(1.0, 4000.0, "float32")
        assert np.abs(after - before).max() < 0.35  # a third of the noise level

    def test_what_does_not_fit_is_clipped_and_never_wraps(self) -> None:
        before, after = self.scaled(1.0, 1e5, "float32")
        beyond = np.abs(before[:, 3]) > np.abs(after).max() + 1
        assert beyond.any()
        assert np.array_equal(np.sign(after[beyond, 3]), np.sign(before[beyond, 3]))
        assert np.abs(after[beyond, 3]).min() == pytest.approx(np.abs(after).max())
