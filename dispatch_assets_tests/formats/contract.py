"""What every input format promises. A new format subclasses `InputFormatContract` in ten lines.

The subclass writes one good session with everything the format has to offer (two segments,
several shanks, an LFP band, streams that are left out) and says what is in it.
"""

from __future__ import annotations

import functools
import importlib
import json
import os
import pkgutil
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import numpy as np
import pytest

from dispatch_assets.discovery import discover
from dispatch_assets.dispatch import Report, dispatch, plan
from dispatch_assets.formats import by_name
from dispatch_assets.models import EXPECTED_REASONS, InventoryEntry, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets_tests import formats

Stream = tuple[str, str]  # block, stream
NAME = "subject 1_2024-01-15"
SECONDS = 0.7  # raw files of 1.2 MB: large enough to be sampled by the fingerprint
OPENED: dict[tuple[str, str, str], Any] = {}  # streams as SpikeInterface alone reads them
MULTI = DispatchParams(multi_session=True)
GRAMMAR = re.compile(
    r"((?P<session>.+)__)?(?P<block>[^_]+)_(?P<stream>.+)_recording(?P<n>[1-9]\d*)?(_group(?P<g>.+))?"
)


class InputFormatContract:
    """Tests that a format passes; the attributes and the two methods say what it is tested with.

    Attributes
    ----------
    input_format
        Name of the format.
    decides
        Glob below the session of the file that decides detection; empty for the session itself.
    jobs
        Number of channel groups of every stream that becomes jobs.
    left_out
        Reason why each other stream becomes none.
    raw
        Globs below the session, one per segment: a raw file of `raw_stream` alone.
    raw_stream
        Stream that `raw` belongs to; None if all streams share the file.
    """

    input_format: ClassVar[str]
    decides: ClassVar[str] = ""
    jobs: ClassVar[Mapping[Stream, int]]
    left_out: ClassVar[Mapping[Stream, str]]
    raw: ClassVar[tuple[str, ...]]
    raw_stream: ClassVar[Stream | None] = None

    def write(self, folder: Path) -> Path:
        """Write a session of `SECONDS` called like `folder`; return the data folder's entry."""
        raise NotImplementedError

    def read(self, session: Path, block: str, stream: str) -> Any:
        """Return a stream with all its segments, read by SpikeInterface alone."""
        raise NotImplementedError

    # recognising

    def test_recognises_its_own_sessions(self, library: Library) -> None:
        session = library.session(type(self))
        verdict = by_name(self.input_format).detect(session)
        assert verdict.found
        assert verdict.file == self._matching(session, self.decides)

    def test_recognises_nothing_else(self, library: Library, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "random").write_bytes(np.random.default_rng(0).bytes(5000))
        (tmp_path / "random.nwb").write_bytes(np.random.default_rng(1).bytes(5000))
        (tmp_path / "random.json").write_text('{"a": [1, 2]}')
        foreign = [library.session(c) for c in contracts() if c.input_format != self.input_format]
        input_format = by_name(self.input_format)
        for path in [*tmp_path.iterdir(), tmp_path / "missing", *foreign]:
            verdict = input_format.detect(path)
            assert not verdict.found, path
            assert verdict.why

    def test_is_picked_automatically(self, library: Library) -> None:
        session = library.session(type(self))
        (found,) = discover(session.parent, DispatchParams()).sessions
        assert (found.input_format, found.path) == (self.input_format, str(session))
        assert found.name == NAME
        assert found.evidence == str(self._matching(session, self.decides))

    # planning

    def test_every_stream_is_in_the_inventory_once(self, library: Library) -> None:
        entries = library.dispatched(type(self)).report.entries
        reasons: dict[Stream, str] = {}
        for entry in (e for e in entries if e.status != "job"):
            assert (entry.block, entry.stream) not in reasons
            assert entry.message
            assert entry.reason in EXPECTED_REASONS
            reasons[entry.block, entry.stream] = str(entry.reason)
        assert reasons == self.left_out
        jobs = [(e.block, e.stream, e.segment, e.group) for e in entries if e.status == "job"]
        assert len(set(jobs)) == len(jobs) == sum(self.jobs.values()) * self.n_segments
        assert {job[:2] for job in jobs} == self.jobs.keys()

    @pytest.mark.parametrize("segments", [True, False])
    @pytest.mark.parametrize("groups", [True, False])
    def test_splits_as_it_is_told(self, library: Library, segments: bool, groups: bool) -> None:
        params = DispatchParams(split_segments=segments, split_groups=groups)
        report = plan(library.session(type(self)).parent, params)
        for (block, stream), n_groups in self.jobs.items():
            found = [e for e in jobs_of(report) if (e.block, e.stream) == (block, stream)]
            assert {e.segment for e in found} == (
                set(range(self.n_segments)) if segments else {None}
            )
            assert len({e.group for e in found}) == (n_groups if groups else 1)
            assert len(found) == len({(e.segment, e.group) for e in found})
            assert len(found[0].n_samples) == (1 if segments else self.n_segments)

    def test_names_follow_upstreams_grammar(self, library: Library) -> None:
        for entry in jobs_of(library.dispatched(type(self)).report):
            name = GRAMMAR.fullmatch(str(entry.recording_name))
            assert name is not None
            group = entry.group if self.jobs[entry.block, entry.stream] > 1 else None
            expected = (None, entry.block, entry.stream, str((entry.segment or 0) + 1), group)
            assert name.group("session", "block", "stream", "n", "g") == expected
            assert entry.job_key == f"subject~201_2024-01-15~~{escaped(entry.recording_name)}"

    def test_prefix_of_several_sessions(self, library: Library) -> None:
        data = library.session(type(self)).parent
        alone = jobs_of(library.dispatched(type(self)).report)
        prefixed = jobs_of(plan(data, MULTI))
        expected = [f"{NAME}__{e.recording_name}" for e in alone]
        assert [e.recording_name for e in prefixed] == expected
        assert [e.job_key for e in prefixed] == [e.job_key for e in alone]

    def test_short_recordings_are_left_out(self, library: Library) -> None:
        params = DispatchParams(min_recording_duration=SECONDS + 0.05)
        report = plan(library.session(type(self)).parent, params)
        assert not jobs_of(report)
        short = [(e.block, e.stream) for e in report.entries if e.reason == "too_short"]
        assert set(short) == self.jobs.keys()
        assert len(short) == len(self.jobs) * self.n_segments
        assert report.exit_status == 1
        kept = plan(
            library.session(type(self)).parent, DispatchParams(min_recording_duration=SECONDS - 0.1)
        )
        assert len(jobs_of(kept)) == sum(self.jobs.values()) * self.n_segments

    # identity

    def test_keys_stay_when_a_session_is_added(self, library: Library, tmp_path: Path) -> None:
        session = library.session(type(self))
        copy(session, tmp_path / session.name)
        before = jobs_of(plan(tmp_path, MULTI))
        copy(session, tmp_path / session.name.replace("subject", "a"))
        after = jobs_of(plan(tmp_path, MULTI))
        assert len(after) == 2 * len(before) == 2 * sum(self.jobs.values()) * self.n_segments
        assert [e for e in after if e.session_name == NAME] == before

    def test_directory_order_does_not_matter(
        self, library: Library, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = library.session(type(self)).parent
        before = plan(data, MULTI)
        reverse_directories(monkeypatch)
        assert plan(data, MULTI) == before

    def test_fingerprint_is_about_content(self, library: Library, tmp_path: Path) -> None:
        session = library.session(type(self))
        copied = copy(session, tmp_path / session.name)
        for path in [copied, *copied.rglob("*")]:
            os.utime(path, (1e9, 1e9))
        before = fingerprints(session.parent)
        assert fingerprints(tmp_path) == before
        for segment, pattern in enumerate(self.raw):
            raw = self._matching(copied, pattern)
            for position in (100, raw.stat().st_size - 100):
                flip_byte(raw, position)
                changed = {k for k, v in fingerprints(tmp_path).items() if v != before[k]}
                assert changed == self._keys(library, segment)
                flip_byte(raw, position)
        assert fingerprints(tmp_path) == before

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
            direct = self._direct(dispatched.data, job).select_channels(loaded.channel_ids)
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

    @functools.cached_property
    def n_segments(self) -> int:
        return len(self.raw)

    def _matching(self, session: Path, pattern: str) -> Path:
        (found,) = list(session.glob(pattern)) if pattern else [session]
        return found

    def _keys(self, library: Library, segment: int) -> set[str]:
        entries = jobs_of(library.dispatched(type(self)).report)
        return {
            str(e.job_key)
            for e in entries
            if self.raw_stream in (None, (e.block, e.stream)) and e.segment == segment
        }

    def _direct(self, data: Path, job: dict[str, Any]) -> Any:
        (session,) = data.iterdir()
        key = str(session), job["block"], job["stream"]
        if key not in OPENED:
            OPENED[key] = self.read(session, job["block"], job["stream"])
        return OPENED[key]

    def _assert_loads(self, job: dict[str, Any], data: Path) -> None:
        from spikeinterface import load

        loaded = load(job["recording_dict"], base_folder=data)
        direct = self._direct(data, job)
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


@dataclass(frozen=True)
class Dispatched:
    """What came of a sample session: the report, and the text of each job by key."""

    data: Path
    report: Report
    jobs: dict[str, str]


class Library:
    """The sample session of every contract, alone in its data folder, and its jobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sessions: dict[type[InputFormatContract], Path] = {}
        self._dispatched: dict[type[InputFormatContract], Dispatched] = {}

    def session(self, contract: type[InputFormatContract]) -> Path:
        """Return the sample session of a contract."""
        if contract not in self._sessions:
            data = self.root / f"{contract.__module__}.{contract.__name__}" / "data"
            data.mkdir(parents=True)
            self._sessions[contract] = contract().write(data / NAME)
        return self._sessions[contract]

    def dispatched(self, contract: type[InputFormatContract]) -> Dispatched:
        """Return what `dispatch` makes of the sample session with default parameters."""
        if contract not in self._dispatched:
            data = self.session(contract).parent
            report = dispatch(data, data.with_name("results"), DispatchParams())
            texts = {key: Path(path).read_text() for key, path in report.job_files.items()}
            self._dispatched[contract] = Dispatched(data, report, texts)
        return self._dispatched[contract]


@functools.cache
def contracts() -> tuple[type[InputFormatContract], ...]:
    """Return the contract tests of all formats, imported from the modules beside this one."""
    for module in pkgutil.iter_modules(formats.__path__, formats.__name__ + "."):
        importlib.import_module(module.name)
    return tuple(InputFormatContract.__subclasses__())


def jobs_of(report: Report) -> list[InventoryEntry]:
    """Return the entries that are jobs."""
    return [e for e in report.entries if e.status == "job"]


def fingerprints(data: Path) -> dict[str, str | None]:
    """Return the fingerprint of every job, by key."""
    return {str(e.job_key): e.fingerprint for e in jobs_of(plan(data, DispatchParams()))}


def escaped(name: str | None) -> str:
    """Return a recording name as keys spell it, written down independently of `naming`."""
    return "".join(c if re.match(r"[\w.-]", c) else f"~{ord(c):02x}" for c in str(name))


def copy(source: Path, target: Path) -> Path:
    """Copy a file or a folder to `target`."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_file():
        return Path(shutil.copy(source, target))
    return Path(shutil.copytree(source, target))


def flip_byte(file: Path, position: int) -> None:
    """Invert one byte; doing it again restores the file."""
    with file.open("r+b") as f:
        f.seek(position)
        (byte,) = f.read(1)
        f.seek(position)
        f.write(bytes([byte ^ 0xFF]))


def spoil(file: Path, damage: str) -> None:
    """Replace a file's content, or remove it."""
    if damage == "missing":
        file.unlink()
    else:
        file.write_bytes(b"garbage \xff\x00" if damage == "garbage" else b"")


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


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and date of everything in a folder."""
    stats = {str(p.relative_to(folder)): p.stat() for p in sorted(folder.rglob("*"))}
    return {name: (s.st_size, s.st_mtime_ns) for name, s in stats.items()}


class ReadOnly(AbstractContextManager[None]):
    """Take away write permission from a folder and everything in it, for a while."""

    def __init__(self, folder: Path) -> None:
        self.paths = [folder, *folder.rglob("*")]

    def __enter__(self) -> None:
        for path in self.paths:
            path.chmod(0o555 if path.is_dir() else 0o444)

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        for path in self.paths:
            path.chmod(0o755 if path.is_dir() else 0o644)


def reverse_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make folders list in reverse order, as another file system might."""
    listdir, scandir = os.listdir, os.scandir

    class Reversed:
        def __init__(self, path: Any = ".") -> None:
            with scandir(path) as entries:
                self.entries = iter(sorted(entries, key=lambda e: e.name, reverse=True))

        def __iter__(self) -> Iterator[Any]:
            return self.entries

        def __next__(self) -> Any:
            return next(self.entries)

        def __enter__(self) -> Reversed:
            return self

        def __exit__(self, *error: object) -> None:
            pass

        def close(self) -> None:
            pass

    def reversed_listdir(path: Any = ".") -> list[Any]:
        return sorted(listdir(path), reverse=True)

    monkeypatch.setattr(os, "scandir", Reversed)
    monkeypatch.setattr(os, "listdir", reversed_listdir)
