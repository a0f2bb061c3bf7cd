"""Bad channels: which are dead or unlike their neighbours, and how many are too many."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest
from spikeinterface.core import BaseRecording
from spikeinterface.preprocessing import common_reference, highpass_filter

from dispatch_assets.errors import RefusedError
from dispatch_assets.sorting.preprocessing.bad_channels import (
    check_share,
    common_share,
    dead_channels,
    removed,
    unlike_neighbours,
)
from dispatch_assets.sorting.preprocessing.fitness import Survey, look_at
from dispatch_assets_tests.sorting.noise import noise
from dispatch_assets_tests.sorting.preprocessed_lab import params, process


def on_one_shank(recording: BaseRecording) -> BaseRecording:
    moved = recording.clone()
    moved.set_probegroup(noise([5.0] * recording.get_num_channels(), 0.1).get_probegroup())
    return moved


class TestBadChannels:
    ARGUMENTS: ClassVar[dict[str, Any]] = {
        "method": "coherence+psd",
        "num_random_chunks": 20,
        "seed": 0,
    }

    def survey(self, noise_uv: list[float], constant: tuple[int, ...] = ()) -> Survey:
        return Survey(np.isin(np.arange(len(noise_uv)), constant), np.array(noise_uv), 1.0)

    def label(self, noise_uv: list[float], constant: tuple[int, ...] = ()) -> dict[str, str]:
        return dead_channels(noise([1.0] * len(noise_uv), 0.1), self.survey(noise_uv, constant))

    def test_a_fifth_of_the_typical_noise_is_dead(self) -> None:
        assert self.label([10.0] * 5 + [2.1, 1.9]) == {"ch6": "dead"}

    def test_constant_channels_do_not_count_as_typical(self) -> None:
        labels = self.label([0.0] * 20 + [10.0] * 12, constant=tuple(range(20)))
        assert set(labels.values()) == {"constant"}
        assert len(labels) == 20

    def test_most_channels_may_be_dead(self) -> None:
        labels = self.label([0.1] * 20 + [10.0] * 12)
        assert labels == {f"ch{i}": "dead" for i in range(20)}

    def test_wrong_gains_do_not_make_every_channel_dead(self) -> None:
        assert self.label([1e-5] * 8 + [1e-8]) == {"ch8": "dead"}

    def test_shanks_are_judged_each_by_itself(self) -> None:
        levels_uv = [8.0] * 24
        levels_uv[5] = 150.0
        recording = noise(levels_uv, shank_of=[0] * 12 + [1] * 12)
        filtered = highpass_filter(recording)
        assert unlike_neighbours(filtered, self.ARGUMENTS, 1) == ({"ch5": "noise"}, [])

    @pytest.mark.parametrize("common_uv", [5.0, 1.5])
    def test_healthy_channels_of_a_referenced_recording_stay(self, common_uv: float) -> None:
        levels_uv = [5.0] * 32
        levels_uv[5] = 150.0
        filtered = highpass_filter(noise(levels_uv, common_uv=common_uv))
        referenced = common_reference(filtered)  # as CatGT -gblcar does
        labels, notes = unlike_neighbours(referenced, self.ARGUMENTS, 1)
        assert labels == {"ch5": "noise"}
        assert notes[0].startswith("32 channels have no noise in common")
        assert unlike_neighbours(filtered, self.ARGUMENTS, 1) == ({"ch5": "noise"}, [])

    @pytest.mark.parametrize("n_channels", [12, 32, 64])
    def test_what_is_common_does_not_depend_on_the_number_of_channels(
        self, n_channels: int
    ) -> None:
        alone = highpass_filter(noise([5.0] * n_channels, common_uv=0.0))
        half = highpass_filter(noise([5.0] * n_channels, common_uv=5.0))
        assert common_share(alone, {}) == pytest.approx(0.0, abs=0.02)
        assert common_share(half, {}) == pytest.approx(0.5, abs=0.05)

    def test_a_channel_without_what_is_common_is_dead(self) -> None:
        apart = noise([5.0] * 12, shank_of=[0] * 11 + [1])  # the last has noise of its own alone
        recording = highpass_filter(on_one_shank(apart))
        last = str(recording.channel_ids[-1])
        assert unlike_neighbours(recording, self.ARGUMENTS, 1) == ({last: "dead"}, [])

    def test_a_share_is_too_many(self) -> None:
        left_out = {"ch0": "dead", "ch1": "noise", "ch2": "dead"}
        check_share(left_out, 6, params(), "here")
        with pytest.raises(RefusedError, match=r"3 of 5 channels are bad \(2 dead, 1 noise\)"):
            check_share(left_out, 5, params(), "here")
        with pytest.raises(RefusedError, match="Sorting needs two"):
            check_share(left_out, 4, params(max_bad_channel_fraction=1.0), "here")

    def test_nothing_but_bad_channels_is_refused(self) -> None:
        with pytest.raises(RefusedError, match="12 of 12 channels are bad"):
            process(noise([100.0] * 12), params(max_bad_channel_fraction=1.0))

    def test_noise_levels_are_in_uv(self) -> None:
        survey = look_at(noise([4.0, 8.0, 16.0], common_uv=0.0), "here", seed=0, n_jobs=1)
        assert survey.noise_uv == pytest.approx([4.0, 8.0, 16.0], rel=0.05)
        assert not survey.constant.any()


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "123"),
        ({"channel_filters": None}, "123"),
        ({"channel_filters": ["out"]}, "3"),
        ({"channel_filters": []}, ""),
    ],
    ids=str,
)
def test_only_what_is_asked_for_is_left_out(asked: dict[str, Any], expected: str) -> None:
    labels = {"1": "noise", "2": "dead", "3": "out"}
    assert "".join(sorted(removed(labels, params(), asked))) == expected
