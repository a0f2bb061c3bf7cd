"""What every input format promises of its jobs: what they hold, wherever the data lie."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets.dispatch import dispatch
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets_tests.formats.sample_session import (
    NAME,
    SECONDS,
    Library,
    SampleSession,
    jobs_of,
)
from dispatch_assets_tests.formats.tampering import ReadOnly, copy, snapshot, spoil

MULTI = DispatchParams(multi_session=True)


class JobsContract(SampleSession):
    """Tests of jobs as their consumers see them."""

    # jobs

    def test_jobs_are_what_the_inventory_says(self, library: Library) -> None:
        dispatched = library.dispatched(type(self))
        assert dispatched.report.exit_status == 0
        assert list(dispatched.jobs) == [e.job_key for e in jobs_of(dispatched.report)]
        for entry, text in zip(jobs_of(dispatched.report), dispatched.jobs.values(), strict=True):
            job = SortingJob.model_validate_json(text)
            assert job.to_json() == text
            assert json.loads(text, parse_constant=refuse) == json.loads(job.to_json())
            for name in ("recording_name", "session_name", "n_channels", "fingerprint", "block"):
                assert getattr(job, name) == getattr(entry, name)
            assert job.n_samples == entry.n_samples
            assert job.duration == pytest.approx(SECONDS, abs=0.01)
            assert (job.recording_lfp_dict is not None) == entry.has_lfp

    def test_jobs_hold_no_time_vector(self, library: Library) -> None:
        for text in library.dispatched(type(self)).jobs.values():
            assert longest_list(json.loads(text)) < 500
            assert len(text) < 100_000

    def test_paths_are_relative_and_stay_inside(self, library: Library) -> None:
        for text in library.dispatched(type(self)).jobs.values():
            assert_paths_inside(json.loads(text), library.session(type(self)).parent)

    def test_traces_are_those_on_disk(self, library: Library, tmp_path: Path) -> None:
        dispatched = library.dispatched(type(self))
        for text in dispatched.jobs.values():
            self._assert_loads(json.loads(text), dispatched.data)

    def test_loads_after_the_data_moved(
        self, library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "before").mkdir()
        copy(library.session(type(self)), tmp_path / "before" / library.session(type(self)).name)
        dispatch(tmp_path / "before", tmp_path / "results", DispatchParams())
        (tmp_path / "before").rename(tmp_path / "after")
        monkeypatch.chdir(tmp_path / "results")
        jobs = sorted((tmp_path / "results").glob("job_*.json"))
        assert len(jobs) == len(library.dispatched(type(self)).jobs)
        for file in (jobs[0], jobs[-1]):
            self._assert_loads(json.loads(file.read_text()), tmp_path / "after")

    def test_probes_survive(self, library: Library) -> None:
        from spikeinterface import load

        dispatched = library.dispatched(type(self))
        for text in dispatched.jobs.values():
            job = json.loads(text)
            loaded = load(job["recording_dict"], base_folder=dispatched.data)
            direct = self.direct(dispatched.data, job).select_channels(loaded.channel_ids)
            np.testing.assert_array_equal(
                loaded.get_channel_locations(), direct.get_channel_locations()
            )
            np.testing.assert_array_equal(loaded.get_channel_groups(), direct.get_channel_groups())
            for name in ("inter_sample_shift", "gain_to_uV", "offset_to_uV"):
                np.testing.assert_array_equal(loaded.get_property(name), direct.get_property(name))
            contacts = [p.get_contact_count() for p in loaded.get_probegroup().probes]
            assert sum(contacts) == job["n_channels"]
            assert len(job["probe_names"]) == len(contacts)

    def test_debug_clips_every_segment(self, library: Library, tmp_path: Path) -> None:
        data = library.session(type(self)).parent
        params = DispatchParams(debug=True, debug_duration=0.1, split_segments=False)
        report = dispatch(data, tmp_path, params)
        assert len(report.job_files) == sum(self.jobs.values())
        for path in report.job_files.values():
            job = json.loads(Path(path).read_text())
            assert job["debug"] is True
            assert job["duration"] == pytest.approx(0.1 * self.n_segments, abs=0.01)
            expected = [0.1 * job["sampling_frequency_hz"]] * self.n_segments
            assert job["n_samples"] == pytest.approx(expected, abs=1)
        self._assert_loads(job, data)

    # places

    def test_data_folder_through_a_link(self, library: Library, tmp_path: Path) -> None:
        data = library.session(type(self)).parent
        (tmp_path / "data").symlink_to(data, target_is_directory=True)
        self._assert_same_jobs(tmp_path / "data", library, tmp_path)

    def test_session_that_is_a_link(self, library: Library, tmp_path: Path) -> None:
        session = library.session(type(self))
        (tmp_path / "data").mkdir()
        (tmp_path / "data" / session.name).symlink_to(session, target_is_directory=session.is_dir())
        self._assert_same_jobs(tmp_path / "data", library, tmp_path)

    def test_writes_nothing_into_the_data(self, library: Library, tmp_path: Path) -> None:
        session = copy(
            library.session(type(self)), tmp_path / "data" / library.session(type(self)).name
        )
        with ReadOnly(tmp_path / "data"):
            before = snapshot(tmp_path / "data")
            report = dispatch(tmp_path / "data", tmp_path / "results", DispatchParams())
            assert snapshot(tmp_path / "data") == before
        assert report.exit_status == 0
        assert session.exists()

    @pytest.mark.parametrize("damage", ["garbage", "empty", "missing"])
    def test_a_broken_session_stops_no_good_one(
        self, library: Library, tmp_path: Path, damage: str
    ) -> None:
        session = library.session(type(self))
        copy(session, tmp_path / "data" / session.name)
        broken = copy(session, tmp_path / "data" / session.name.replace("subject", "broken"))
        for pattern in self.raw[:1] if damage == "missing" else ("**/*",):
            for file in [broken] if broken.is_file() else list(broken.glob(pattern)):
                if file.is_file():
                    spoil(file, damage)
        report = dispatch(tmp_path / "data", tmp_path / "results", MULTI)
        good = [e for e in jobs_of(report) if e.session_name == NAME]
        expected = jobs_of(library.dispatched(type(self)).report)
        assert [e.job_key for e in good] == [e.job_key for e in expected]
        others = [e for e in report.entries if e.session_name != NAME]
        assert all(e.message and e.reason for e in others if e.status != "job")
        if damage != "missing" or broken.exists():
            assert others
        assert len([e for e in others if e.status == "job"]) < len(good)

    # helpers

    def _assert_loads(self, job: dict[str, Any], data: Path) -> None:
        from spikeinterface import load

        loaded = load(job["recording_dict"], base_folder=data)
        direct = self.direct(data, job)
        segments = range(self.n_segments) if job["segment"] is None else [job["segment"]]
        assert loaded.get_num_segments() == len(segments)
        for i, segment in enumerate(segments):
            traces = direct.get_traces(segment_index=segment, channel_ids=loaded.channel_ids)
            n_samples = job["n_samples"][i]
            assert traces.any()
            np.testing.assert_array_equal(loaded.get_traces(segment_index=i), traces[:n_samples])
        if "recording_lfp_dict" in job:
            lfp = load(job["recording_lfp_dict"], base_folder=data)
            assert lfp.get_num_channels() == job["n_channels"]
            assert lfp.get_traces(segment_index=0).any()

    def _assert_same_jobs(self, data: Path, library: Library, tmp_path: Path) -> None:
        report = dispatch(data, tmp_path / "results", DispatchParams())
        expected = library.dispatched(type(self))
        assert list(report.job_files) == list(expected.jobs)
        for key, path in report.job_files.items():
            job = json.loads(Path(path).read_text())
            assert_paths_inside(job, data)
            assert job["fingerprint"] == json.loads(expected.jobs[key])["fingerprint"]
        self._assert_loads(job, data)


def refuse(constant: str) -> None:
    """Reject what `json` reads but JSON does not have."""
    raise AssertionError(f"{constant} is not JSON")


def longest_list(value: object) -> int:
    """Return the length of the longest list anywhere in a JSON value."""
    inside = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    own = len(value) if isinstance(value, list) else 0
    return max([own, *map(longest_list, inside)])


def assert_paths_inside(job: dict[str, Any], data: Path) -> None:
    """Check that recordings name relative paths, which exist and do not leave the data folder."""
    found = [
        *paths_in(job["recording_dict"]["kwargs"]),
        *paths_in(job.get("recording_lfp_dict", {}).get("kwargs", {})),
    ]
    assert found
    for path in found:
        assert not Path(path).is_absolute()
        assert ".." not in Path(path).parts
        assert (data / path).exists()
    assert job["input_folder"] is None or Path(job["input_folder"]).parent == data


def paths_in(value: object, name: str = "") -> Iterator[str]:
    """Yield every path in the arguments of a recording's description."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_in(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from paths_in(inner, name)
    elif isinstance(value, str) and name.endswith(("_path", "_paths")) and name[:6] != "electr":
        yield value
