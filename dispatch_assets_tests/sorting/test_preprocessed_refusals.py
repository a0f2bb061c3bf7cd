"""Recordings that cannot be sorted: refused with a reason, never with a traceback."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import BaseRecording
from spikeinterface.preprocessing import decimate, scale

from dispatch_assets.models import SortingJob
from dispatch_assets.sorting.chain import StepFailed
from dispatch_assets.sorting.results import Refusal, StepFailure
from dispatch_assets.sorting.source import read_job
from dispatch_assets.sorting.step import PREPROCESSED, StepContext
from dispatch_assets_tests.sorting.lab import UV_PER_BIT, context_of, run, write_known

pytestmark = pytest.mark.usefixtures("without_figures")

Change = Callable[[BaseRecording], BaseRecording]


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is half of the work on recordings this short."""
    monkeypatch.setattr("dispatch_assets.sorting.preprocessing.step._draw", lambda *_: {})


def fail(context: StepContext) -> StepFailure:
    with pytest.raises(StepFailed) as caught:
        run(context, PREPROCESSED)
    failure = caught.value.failure
    written = (context.results / f"{PREPROCESSED}.failed.json").read_text()
    assert StepFailure.model_validate_json(written) == failure  # what the UI shows
    assert not (context.results / PREPROCESSED).exists()
    assert "Traceback" not in failure.message
    return failure


def written(
    tmp_path: Path,
    change: Change,
    n_channels: int = 16,
    params: dict[str, object] | None = None,
) -> StepContext:
    known = write_known(
        tmp_path / "data", durations_s=(2.0,), n_channels=n_channels, n_units=2, change=change
    )
    return context_of(known, tmp_path / "results", params)


def as_is(recording: BaseRecording) -> BaseRecording:
    return recording


def all_zero(recording: BaseRecording) -> BaseRecording:
    return scale(recording, gain=0.0, dtype="int16")


def without_gains(recording: BaseRecording) -> BaseRecording:
    recording = recording.select_channels(recording.channel_ids)
    recording.delete_property("gain_to_uV")
    recording.delete_property("offset_to_uV")
    return recording


def gains_of_zero(recording: BaseRecording) -> BaseRecording:
    recording = recording.select_channels(recording.channel_ids)
    recording.set_channel_gains(0.0)
    return recording


def dead_20_of_32(factor: float) -> Change:
    def change(recording: BaseRecording) -> BaseRecording:
        factors = np.where(np.arange(32) % 8 < 5, factor, 1.0)
        dead = scale(recording, gain=factors, dtype="int16")
        dead.set_channel_gains(UV_PER_BIT)
        return dead

    return change


def one_channel(recording: BaseRecording) -> BaseRecording:
    return recording.select_channels(recording.channel_ids[:1])


def slow(recording: BaseRecording) -> BaseRecording:
    return decimate(recording, 30)


@pytest.mark.parametrize(
    ("change", "n_channels", "reason", "words"),
    [
        (all_zero, 16, Refusal.ALL_ZERO, "every channel is constant"),
        (without_gains, 16, Refusal.NO_GAINS, "no gains"),
        (gains_of_zero, 16, Refusal.NO_GAINS, "gains"),
        (dead_20_of_32(0.0), 32, Refusal.BAD_CHANNELS, "20 of 32 channels are bad (20 constant)"),
        (dead_20_of_32(0.03), 32, Refusal.BAD_CHANNELS, "20 of 32 channels are bad"),
        (one_channel, 2, Refusal.TOO_FEW_CHANNELS, "one channel"),
        (slow, 16, Refusal.UNSUITED, "1000 Hz"),
    ],
)
def test_refuses(
    tmp_path: Path, change: Change, n_channels: int, reason: Refusal, words: str
) -> None:
    failure = fail(written(tmp_path, change, n_channels))
    assert failure.refused
    assert failure.reason == reason
    assert words in failure.message


def test_refuses_what_is_too_short_unless_it_was_clipped_for_debugging(tmp_path: Path) -> None:
    context = written(tmp_path, as_is, params={})
    failure = fail(context)
    assert (failure.refused, failure.reason) == (True, Refusal.TOO_SHORT)
    assert "lasts 2.00 s, less than 120 s" in failure.message
    debug = replace(context, job=context.job.model_copy(update={"debug": True}))
    assert run(debug, PREPROCESSED)[0].facts["duration_s"] == 2.0


def test_refuses_a_segment_of_a_few_samples(tmp_path: Path) -> None:
    known = write_known(tmp_path / "data", durations_s=(2.0, 0.05), n_channels=8, n_units=1)
    failure = fail(context_of(known, tmp_path / "results"))
    assert failure.reason == Refusal.TOO_SHORT
    assert "1,500 samples" in failure.message


def float32(recording: BaseRecording) -> BaseRecording:
    return scale(recording, gain=1.0, dtype="float32")


def poke(session: Path, sample: int, channel: int, value: float, n_channels: int) -> None:
    file = session / "traces_cached_seg0.raw"
    with file.open("r+b") as f:
        f.seek(4 * (sample * n_channels + channel))
        f.write(np.float32(value).tobytes())


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_refuses_a_single_sample_that_is_not_finite(tmp_path: Path, value: float) -> None:
    context = written(tmp_path, float32)
    poke(Path(context.data_folder, "known"), 45_123, 3, value, 16)
    failure = fail(context)
    assert (failure.refused, failure.reason) == (True, Refusal.NOT_FINITE)
    assert "1.504 s" in failure.message


def with_positions(context: StepContext, positions: object) -> StepContext:
    described = json.loads(json.dumps(context.job.recording_dict))
    (context.data_folder / "known" / "probegroup.json").unlink()
    shutil.rmtree(context.data_folder / "known" / "properties")
    for name, value in (("gain_to_uV", UV_PER_BIT), ("offset_to_uV", 0.0)):
        described["properties"][name] = [value] * context.job.n_channels
    described.pop("probegroup", None)
    described["properties"]["location"] = positions
    return replace(context, job=context.job.model_copy(update={"recording_dict": described}))


@pytest.mark.parametrize("positions", [None, [[0.0, float("nan")]] * 16])
def test_refuses_channels_without_positions(tmp_path: Path, positions: object) -> None:
    failure = fail(with_positions(written(tmp_path, as_is), positions))
    assert (failure.refused, failure.reason) == (True, Refusal.NO_LOCATIONS)


def test_says_that_a_raw_file_has_vanished(tmp_path: Path) -> None:
    context = written(tmp_path, as_is)
    (context.data_folder / "known" / "traces_cached_seg0.raw").unlink()
    failure = fail(context)
    assert not failure.refused
    assert "Dispatch".casefold() in failure.message.casefold()


def test_refuses_a_recording_that_is_shorter_than_its_job_says(tmp_path: Path) -> None:
    context = written(tmp_path, as_is)
    file = context.data_folder / "known" / "traces_cached_seg0.raw"
    with file.open("r+b") as f:
        f.truncate(30_000 * 16 * 2)
    failure = fail(context)
    assert (failure.refused, failure.reason) == (True, Refusal.CHANGED)
    assert "[30000]" in failure.message


def test_siblings_of_a_refused_recording_go_on(tmp_path: Path) -> None:
    data = tmp_path / "data"
    write_known(data, "a_dead", durations_s=(2.0,), n_units=1, change=all_zero)
    known = write_known(data, "b_fine", durations_s=(2.0,), n_units=1)
    dead = context_of(known, tmp_path / "dead", multi_session=True)
    assert dead.job.session_name == "a_dead"
    fine = replace(dead, job=job_of(tmp_path / "dead_jobs", "b_fine"), results=tmp_path / "fine")
    assert fail(dead).reason == Refusal.ALL_ZERO
    assert run(fine, PREPROCESSED)[0].facts["n_channels"] == 16


def job_of(jobs: Path, session: str) -> SortingJob:
    return read_job(next(jobs.glob(f"job_{session}*.json")))


def test_finds_data_that_were_moved(tmp_path: Path) -> None:
    context = written(tmp_path, as_is)
    moved = context.data_folder.rename(tmp_path / "moved")
    assert "Is its data still in" in fail(context).message
    assert run(replace(context, data_folder=moved), PREPROCESSED)[0].facts["n_channels"] == 16


def test_a_refusal_leaves_nothing_but_its_reason(tmp_path: Path) -> None:
    context = written(tmp_path, all_zero)
    fail(context)
    assert sorted(p.name for p in context.results.iterdir()) == [
        ".lock",
        f"{PREPROCESSED}.failed.json",
    ]


def test_a_wrong_argument_fails_before_anything_is_read(tmp_path: Path) -> None:
    steps = {"highpass_filter": {"freq_mn": 300}}
    params: dict[str, object] = {"preprocessing": {"default_preprocessing_pipeline": steps}}
    context = written(tmp_path, as_is, params=params)
    shutil.rmtree(context.data_folder)
    assert "did you mean 'freq_min'?" in fail(context).message
