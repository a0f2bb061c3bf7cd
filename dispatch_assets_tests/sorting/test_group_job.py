"""A group goes through the chain as one recording; its spikes find back to each clock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets.clock_anchors import TOLERANCE_S
from dispatch_assets.sorting.clock import RecordingClock
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import PREPROCESSED, StepContext
from dispatch_assets_tests.sorting.lab import run, write_known
from dispatch_assets_tests.sorting.nwb_lab import (
    complaints,
    contexts,
    finish,
    nwb_path,
    opened,
    some_spikes,
    unit_rows,
    with_times,
)

RATE_HZ = 30_000.0
N = 60_000  # samples of each of two recordings
KEYS = [f"{name}~~block0_stream0_recording1" for name in ("a", "b")]


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    """The job of a group: ``a`` has a regular clock, ``b`` has timestamps from 3.25 s on."""
    folder = tmp_path_factory.mktemp("group")
    about: dict[str, Any] = {"n_channels": 8, "n_units": 2, "durations_s": (2.0,)}
    write_known(folder / "data", "a", **about)
    write_known(folder / "data", "b", seed=1, change=with_times(lambda t: t), **about)
    found = contexts(folder / "data", folder / "r", multi_session=True, groups={"both": KEYS})
    return next(c for c in found if c.job.concatenated is not None)


def own_times() -> np.ndarray[Any, Any]:
    first = np.arange(N, dtype=np.float64) / RATE_HZ
    return np.concatenate([first, 3.25 + np.arange(N, dtype=np.float64) * (1 + 3e-6) / RATE_HZ])


def test_the_group_is_preprocessed_as_one(context: StepContext) -> None:
    raw = load_recording(context.job, context.data_folder)
    assert [raw.get_num_samples(i) for i in range(raw.get_num_segments())] == [2 * N]
    (result,) = run(context, PREPROCESSED)
    done = context.preprocessed()
    assert (done.get_num_samples(), done.get_num_channels()) == (2 * N, 8)
    assert result.fingerprint == context.job.fingerprint
    # the border between two recordings is no place without a signal
    assert done.get_traces(start_frame=N - 50, end_frame=N + 50).any(axis=1).all()


def test_the_clock_of_the_group_and_those_of_its_members(context: StepContext) -> None:
    clock = RecordingClock(
        load_recording(context.job, context.data_folder),
        context.job.timestamps,
        context.job.concatenated,
    )
    samples = np.array([0, 1, N - 1, N, N + 1, 2 * N - 1])
    np.testing.assert_array_equal(clock.time_s(0, samples), samples / RATE_HZ)
    own_s = clock.original_time_s(0, samples)
    np.testing.assert_allclose(own_s, own_times()[samples], rtol=0, atol=TOLERANCE_S)
    np.testing.assert_array_equal(clock.part_of(0, samples), [0, 0, 0, 1, 1, 1])
    assert clock.has_original
    assert not clock.was_reset


def test_units_of_a_group_as_nwb(context: StepContext) -> None:
    spikes = some_spikes(load_recording(context.job, context.data_folder))
    finish(context, spikes)
    rows = unit_rows(nwb_path(context))
    for unit, (samples,) in spikes.items():
        row = rows[unit]
        np.testing.assert_allclose(row["spike_times"], samples / RATE_HZ, rtol=0, atol=1e-12)
        np.testing.assert_allclose(
            row["spike_times_original_clock"], own_times()[samples], rtol=0, atol=TOLERANCE_S
        )
        np.testing.assert_array_equal(row["segment"], samples // N)
    with opened(nwb_path(context)) as file:
        table = file.processing["ecephys"]["recordings"].to_dataframe()
        assert "sorted as one" in str(file.notes)
    assert list(table["recording_name"]) == KEYS
    np.testing.assert_allclose(table["start_s"], [0.0, 2.0])
    np.testing.assert_allclose(table["stop_s"], [2.0, 4.0])
    np.testing.assert_allclose(table["offset_s"], [0.0, 2.0 - 3.25])
    assert list(table["clock"]) == ["regular", "anchors"]
    assert complaints(nwb_path(context)) == set()


def test_the_job_survives_its_file(context: StepContext, tmp_path: Path) -> None:
    file = tmp_path / "job.json"
    file.write_text(context.job.to_json())
    assert type(context.job).model_validate_json(file.read_bytes()) == context.job
