"""Plans: as many jobs as blocks x streams x segments x groups say, and a reason for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_assets import planning
from dispatch_assets.errors import SessionError, StreamError, UnknownJobError
from dispatch_assets.input_format import SkippedStream, Source
from dispatch_assets.models import InventoryEntry, Reason
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import SessionPlan, plan_session
from dispatch_assets.stream_plans import lfp_positions
from dispatch_assets_tests.sources import SESSION, MadeUp, recording, stream

DAMAGED = StreamError("is cut short", "x.dat", "Copy it again", Reason.TRUNCATED)
EMPTY = StreamError("has no samples", "x.dat", reason=Reason.EMPTY)


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that plans a session of made-up sources."""

    def made(*sources: Source | Exception, **params: Any) -> SessionPlan:
        monkeypatch.setattr(planning, "by_name", lambda name: MadeUp(sources))
        return plan_session(SESSION, DispatchParams(**params))

    return made


def told(plan: SessionPlan) -> list[tuple[str, str, int | None, str]]:
    """Return what is no job."""
    others = [e for e in plan.inventory.entries if e.status != "job"]
    assert all(e.message for e in others)
    return [(e.status, e.stream, e.segment, str(e.reason)) for e in others]


STREAMS = st.lists(
    st.tuples(
        st.lists(st.sampled_from([100, 250]), min_size=1, max_size=3),  # lengths of segments
        st.integers(1, 3),  # groups
        st.dictionaries(st.integers(0, 2), st.sampled_from([DAMAGED, EMPTY]), max_size=2),
    ),
    max_size=3,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    blocks=st.lists(STREAMS, min_size=1, max_size=2),
    split_segments=st.booleans(),
    split_groups=st.booleans(),
    minimum_s=st.sampled_from([-1.0, 0.0, 0.2, 0.4]),
)
def test_jobs_are_blocks_x_streams_x_segments_x_groups(
    plan: Any, blocks: list[Any], split_segments: bool, split_groups: bool, minimum_s: float
) -> None:
    sources, expected, n_others = [], set(), 0
    for b, streams in enumerate(blocks):
        for s, (lengths, n_groups, faults) in enumerate(streams):
            problems = {i: p for i, p in faults.items() if i < len(lengths)}
            sources.append(
                stream(f"s{s}", f"block{b}", lengths=lengths, n_groups=n_groups, problems=problems)
            )
            n_others += len(problems)
            good = [i for i in range(len(lengths)) if i not in problems]
            if not split_segments and DAMAGED in problems.values():
                good = []
            parts = [[i] for i in good] if split_segments else [good] if good else []
            long = [p for p in parts if sum(lengths[i] for i in p) / 1000.0 >= minimum_s]
            n_others += len(parts) - len(long)
            groups = [str(g) for g in range(n_groups)] if split_groups and n_groups > 1 else [None]
            for part in long:
                segment = part[0] if split_segments else None
                expected |= {(f"block{b}", f"s{s}", segment, group) for group in groups}
    made = plan(
        *sources,
        split_segments=split_segments,
        split_groups=split_groups,
        min_recording_duration=minimum_s,
    )
    jobs = [j.entry for j in made.jobs]
    assert {(e.block, e.stream, e.segment, e.group) for e in jobs} == expected
    assert len(jobs) == len(expected) == len({e.job_key for e in jobs})
    assert len(made.inventory.entries) == len(jobs) + max(n_others, not sources)
    for entry in jobs:
        assert made.job(str(entry.job_key)).entry == entry
        assert entry.n_channels == 2 * (1 if entry.group is not None else groups_of(made, entry))


def groups_of(made: SessionPlan, entry: InventoryEntry) -> int:
    source = made.job(str(entry.job_key)).source
    return int(source.open_segments([0]).get_num_channels()) // 2


def test_facts_of_a_job(plan: Any) -> None:
    made = plan(stream(lengths=(100, 250), n_groups=2), split_segments=False, multi_session=True)
    first, second = (j.entry for j in made.jobs)
    assert (first.group, second.group) == ("0", "1")
    assert first.recording_name == "s__block0_ap_recording_group0"
    assert first.job_key == "s~~block0_ap_recording_group0"
    assert (first.n_samples, first.duration_s) == ([100, 250], 0.35)
    assert (first.n_channels, first.sampling_frequency_hz) == (2, 1000.0)
    assert first.probe_names == ["made up"]
    assert first.fingerprint == second.fingerprint
    assert (
        made.inventory.parameters_hash
        == DispatchParams(split_segments=False, multi_session=True).hash()
    )


def test_segments_keep_their_number_where_one_is_missing(plan: Any) -> None:
    made = plan(stream(lengths=(100, 100), indices=(0, 2)))
    assert [j.entry.segment for j in made.jobs] == [0, 2]
    assert [str(j.entry.recording_name)[-1] for j in made.jobs] == ["1", "3"]
    assert [j.positions for j in made.jobs] == [(0,), (1,)]


@pytest.mark.parametrize(
    "error", [RuntimeError("x"), StreamError("x", "y"), KeyError("x"), OSError()]
)
def test_a_stream_that_cannot_be_opened_fails_alone(plan: Any, error: Exception) -> None:
    def fail(*_: object) -> Any:
        raise error

    broken = stream("broken")
    object.__setattr__(broken, "open_segments", fail)
    made = plan(stream("a"), broken, stream("b"))
    assert [j.entry.stream for j in made.jobs] == ["a", "b"]
    assert told(made) == [("failed", "broken", 0, "unreadable")]


@pytest.mark.parametrize(
    "error",
    [SessionError("x", "y"), StreamError("x"), ValueError("x"), AssertionError(), OSError(5)],
)
def test_a_session_that_cannot_be_read_fails_and_raises_nothing(
    plan: Any, error: Exception
) -> None:
    made = plan(stream("a"), error)
    assert [j.entry.stream for j in made.jobs] == ["a"]
    assert told(made) == [("failed", "", None, "unreadable")]


def test_an_empty_session_is_a_failure(plan: Any) -> None:
    assert told(plan()) == [("failed", "", None, "unreadable")]


def test_a_stream_without_segments_is_told(plan: Any) -> None:
    assert told(plan(stream(indices=()))) == [("skipped", "ap", None, "empty")]


def test_expected_reasons_are_no_failures(plan: Any) -> None:
    skipped = [SkippedStream("block0", str(r), r, "because") for r in Reason]
    made = plan(stream(), *skipped)
    assert {s[1] for s in told(made) if s[0] == "skipped"} == {
        *("lfp_band", "sync_stream", "auxiliary_stream", "filtered_out", "too_short", "empty"),
        *("not_recognised", "not_a_recording", "excluded"),
    }
    assert len(made.inventory.failures) == len(Reason) - 9


@pytest.mark.parametrize("nan", [False, True])
def test_channels_without_a_place_cannot_be_sorted(plan: Any, nan: bool) -> None:
    opened = recording((100,), probe=False)
    if nan:
        opened.set_dummy_probe_from_locations(np.full((2, 2), np.nan))
    made = plan(stream(opened=opened))
    assert told(made) == [("failed", "ap", 0, "no_probe")]
    assert "probe_paths" in made.inventory.entries[0].message


@pytest.mark.parametrize("names", [("ap", "ap"), ("ap", "AP"), ("a/p", "a-p")])
def test_two_recordings_of_one_name_both_fail(plan: Any, names: tuple[str, str]) -> None:
    made = plan(*(stream(name) for name in names), stream("other"))
    assert [j.entry.stream for j in made.jobs] == ["other"]
    assert [t[3] for t in told(made)] == ["duplicate_name"] * 2
    assert all(e.job_key is None for e in made.inventory.failures)


def test_the_lfp_goes_along_segment_by_segment(plan: Any) -> None:
    lfp = stream("lf", lengths=(10, 10), indices=(0, 2), problems={2: DAMAGED})
    source = stream(lengths=(100, 100, 100), lfp=lfp)
    assert lfp_positions(source, (0,)) == (0,)
    assert lfp_positions(source, (1,)) is None
    assert lfp_positions(source, (2,)) is None
    assert lfp_positions(source, (0, 1, 2)) is None
    made = plan(source)
    assert [j.entry.has_lfp for j in made.jobs] == [True, False, False]
    assert told(made) == [("failed", "lf", 2, "truncated")]


def test_an_empty_lfp_is_no_failure(plan: Any) -> None:
    lfp = stream("lf", lengths=(0,), problems={0: EMPTY})
    made = plan(stream(lfp=lfp))
    assert [j.entry.has_lfp for j in made.jobs] == [False]
    assert told(made) == []


def test_an_unknown_job_names_those_there_are(plan: Any) -> None:
    with pytest.raises(UnknownJobError, match="it has s~~block0_ap_recording1"):
        plan(stream()).job("s~~nothing")
