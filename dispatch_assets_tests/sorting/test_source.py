"""From a job to its recording."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from spikeinterface.core import BaseRecording, load

from dispatch_assets.errors import RefusedError, StepError, StoreError, UntrustedDataError
from dispatch_assets.models import SortingJob
from dispatch_assets.sorting.results import Refusal
from dispatch_assets.sorting.source import load_recording, read_job
from dispatch_assets_tests.sorting.lab import Known, context_of, write_known


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("tiny"), durations_s=(0.5,), n_channels=4, n_units=1)


@pytest.fixture(scope="module")
def job(tiny: Known, tmp_path_factory: pytest.TempPathFactory) -> SortingJob:
    return context_of(tiny, tmp_path_factory.mktemp("tiny") / "results").job


class TestReadJob:
    def test_reads_what_was_written(self, job: SortingJob, tmp_path: Path) -> None:
        (tmp_path / "job.json").write_text(job.to_json())
        assert read_job(tmp_path / "job.json") == job
        assert read_job(f"file://{tmp_path}/job.json") == job

    def test_says_what_is_missing_or_damaged(self, job: SortingJob, tmp_path: Path) -> None:
        with pytest.raises(StoreError, match="No such file"):
            read_job(tmp_path / "none.json")
        (tmp_path / "job.json").write_text(job.to_json()[:200])
        with pytest.raises(StoreError, match="not a job"):
            read_job(tmp_path / "job.json")


class TestLoadRecording:
    def test_gives_the_raw_traces(self, tiny: Known, job: SortingJob) -> None:
        recording, raw = load_recording(job, tiny.data), load(tiny.session)
        assert np.array_equal(recording.get_traces(), raw.get_traces())
        assert np.array_equal(recording.get_channel_locations(), raw.get_channel_locations())

    def test_refuses_foreign_classes_before_anything_is_called(
        self, tiny: Known, job: SortingJob
    ) -> None:
        described = {**job.recording_dict, "class": "os.system"}
        with pytest.raises(UntrustedDataError, match=r"os\.system"):
            load_recording(job.model_copy(update={"recording_dict": described}), tiny.data)

    def test_says_where_it_looked(self, job: SortingJob, tmp_path: Path) -> None:
        with pytest.raises(StepError, match="Is its data still in") as caught:
            load_recording(job, tmp_path)
        assert str(tmp_path) in str(caught.value)

    @pytest.mark.parametrize("change", [{"n_channels": 5}, {"n_samples": [15_001]}])
    def test_refuses_data_that_are_not_the_jobs(
        self, tiny: Known, job: SortingJob, change: dict[str, object]
    ) -> None:
        with pytest.raises(RefusedError, match="its data have changed") as caught:
            load_recording(job.model_copy(update=change), tiny.data)
        assert caught.value.reason == Refusal.CHANGED


class TestClock:
    """Jobs of frame slices and of preprocessed recordings hold their parent's times."""

    TIMES = 50.0 + np.arange(15_000) / 30_000 * 1.001

    @pytest.fixture(params=["frame_slice", "filter"])
    def described(self, request: pytest.FixtureRequest, tmp_path: Path) -> BaseRecording:
        from spikeinterface.preprocessing import highpass_filter

        def with_times(recording: BaseRecording) -> BaseRecording:
            recording = recording.select_channels(recording.channel_ids)
            recording.set_times(self.TIMES)
            return recording

        known = write_known(
            tmp_path, durations_s=(0.5,), n_channels=4, n_units=1, change=with_times
        )
        raw = load(known.session)
        if request.param == "filter":
            return highpass_filter(raw.frame_slice(1000, 9000))
        return raw.frame_slice(1000, 9000)

    def job(self, described: BaseRecording, job: SortingJob, **changes: object) -> SortingJob:
        from dispatch_assets.recording_json import recording_to_dict

        plain = json.loads(json.dumps(recording_to_dict(described, Path("/"))))
        update = {"recording_dict": plain, "n_samples": [8000], **changes}
        return job.model_copy(update=update)

    def test_kept_times_survive_a_selection_of_channels(
        self, described: BaseRecording, job: SortingJob
    ) -> None:
        recording = load_recording(self.job(described, job), Path("/"))
        assert np.array_equal(recording.get_times(), self.TIMES[1000:9000])
        some = recording.select_channels(recording.channel_ids[:2])
        assert np.array_equal(some.get_times(), self.TIMES[1000:9000])
        assert some.has_time_vector(0)

    def test_reset_times_begin_at_zero(self, described: BaseRecording, job: SortingJob) -> None:
        recording = load_recording(self.job(described, job, skip_times=True), Path("/"))
        assert np.allclose(recording.get_times(), np.arange(8000) / 30_000)
        assert not recording.has_time_vector(0)
