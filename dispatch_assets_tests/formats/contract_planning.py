"""What every input format promises before a job is written: detection, plans, identity."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest

from dispatch_assets.discovery import discover
from dispatch_assets.dispatch import plan
from dispatch_assets.formats import by_name
from dispatch_assets.models import EXPECTED_REASONS
from dispatch_assets.params import DispatchParams
from dispatch_assets_tests.formats.sample_session import (
    NAME,
    SECONDS,
    Library,
    SampleSession,
    Stream,
    contracts,
    jobs_of,
)
from dispatch_assets_tests.formats.tampering import copy, flip_byte, reverse_directories

MULTI = DispatchParams(multi_session=True)
GRAMMAR = re.compile(
    r"((?P<session>.+)__)?(?P<block>[^_]+)_(?P<stream>.+)_recording(?P<n>[1-9]\d*)?(_group(?P<g>.+))?"
)


class PlanningContract(SampleSession):
    """Tests of what is found, under which names, and of fingerprints."""

    # recognising

    def test_recognises_its_own_sessions(self, library: Library) -> None:
        session = library.session(type(self))
        verdict = by_name(self.input_format).detect(session)
        assert verdict.found
        assert verdict.file == self.matching(session, self.decides)

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
        assert found.evidence == str(self.matching(session, self.decides))

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
            raw = self.matching(copied, pattern)
            for position in (100, raw.stat().st_size - 100):
                flip_byte(raw, position)
                changed = {k for k, v in fingerprints(tmp_path).items() if v != before[k]}
                assert changed == self.keys(library, segment)
                flip_byte(raw, position)
        assert fingerprints(tmp_path) == before


def fingerprints(data: Path) -> dict[str, str | None]:
    """Return the fingerprint of every job, by key."""
    return {str(e.job_key): e.fingerprint for e in jobs_of(plan(data, DispatchParams()))}


def escaped(name: str | None) -> str:
    """Return a recording name as keys spell it, written down independently of `naming`."""
    return "".join(c if re.match(r"[\w.-]", c) else f"~{ord(c):02x}" for c in str(name))
