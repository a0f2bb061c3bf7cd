"""Groups: recordings sorted as one, what keeps them apart, and the way back to their clocks."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.batch import build
from dispatch_assets.dispatch import Report
from dispatch_assets.errors import ParameterError
from dispatch_assets.group_jobs import TOLERANCE_S, anchors, original_times
from dispatch_assets.models import InventoryEntry, SortingJob
from dispatch_assets.naming import group_session
from dispatch_assets.params import DispatchParams, parse_params
from dispatch_assets.sample_map import ConcatenatedSegment, own_times, sample_map
from dispatch_assets.scan import Scope, scan
from dispatch_assets.shards import Shards
from dispatch_assets_tests.outcome import dispatched, loaded, planned
from dispatch_assets_tests.samples import SAVED, generic, openephys, payload, spikeglx

AP = "block0_imec0.ap_recording1"
DAY1, DAY2 = f"day1~~{AP}", f"day2~~{AP}"
BOTH = {"week": [DAY1, DAY2]}
KEY = "group~2fweek~~group-week_imec0.ap_recording"
RATE_HZ = 30_000.0


def day(data: Path, name: str, *, kind: str = "NP1", gate: int = 0, **about: Any) -> None:
    about = {"seconds": 0.1, "saved": SAVED, "lf": False, "nidq": False, **about}
    spikeglx.write_run(data / name, name, {"imec0": kind}, gate=gate, seed=gate, **about)


@pytest.fixture(scope="module")
def two_days(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("days") / "data"
    day(data, "day1", triggers=(0, 1))
    day(data, "day2", gate=1)
    return data


@pytest.fixture
def data(two_days: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(two_days, tmp_path / "data"))


def group_of(report: Report, name: str = "week") -> InventoryEntry:
    (entry,) = [e for e in report.entries if e.session_name == group_session(name)]
    return entry


def grouped(data: Path, groups: dict[str, list[str]], **params: Any) -> SortingJob:
    """Dispatch and return the job of the only group."""
    _, jobs = dispatched(data, multi_session=True, groups=groups, **params)
    (job,) = [j for j in jobs.values() if j.concatenated is not None]
    return job


# the job


def test_the_recordings_follow_one_another(data: Path) -> None:
    report, jobs = dispatched(data, multi_session=True, groups=BOTH)
    assert {j.job_key for j in jobs.values()} == {
        DAY1,
        DAY1.replace("recording1", "recording2"),
        DAY2,
        KEY,
    }
    job = next(j for j in jobs.values() if j.job_key == KEY)
    assert (job.session_name, job.recording_name) == (
        "group/week",
        "group-week__group-week_imec0.ap_recording",
    )
    whole = loaded(job, data)
    parts = [loaded(j, data) for key in (DAY1, DAY2) for j in jobs.values() if j.job_key == key]
    np.testing.assert_array_equal(
        whole.get_traces(), np.concatenate([p.get_traces() for p in parts])
    )
    np.testing.assert_array_equal(whole.get_channel_locations(), parts[0].get_channel_locations())
    np.testing.assert_array_equal(whole.get_channel_gains(), parts[0].get_channel_gains())
    np.testing.assert_array_equal(
        whole.get_property("inter_sample_shift"), parts[0].get_property("inter_sample_shift")
    )
    assert whole.get_probe().to_dict().keys() == parts[0].get_probe().to_dict().keys()
    assert (job.n_samples, job.duration, job.group) == ([6000], 0.2, None)
    assert report.exit_status == 0
    assert group_of(report).members == [DAY1, DAY2]


def test_ordinary_jobs_are_what_they_were_without_groups(data: Path) -> None:
    _, before = dispatched(data, multi_session=True)
    _, after = dispatched(data, multi_session=True, groups=BOTH)
    for name, job in before.items():
        assert after[name] == job
        assert "concatenated" not in json.loads(job.to_json())


def test_the_order_and_the_members_are_its_identity(data: Path) -> None:
    entries = planned(data, groups=BOTH).entries
    alone = [e.fingerprint for e in entries if e.session_name != "group/week"]
    now = group_of(planned(data, groups=BOTH))
    other = group_of(planned(data, groups={"week": [DAY2, DAY1]}))
    assert len({now.fingerprint, other.fingerprint, *alone}) == 2 + len(set(alone))
    file = data / "day2" / "day2_g1_imec0" / "day2_g1_t0.imec0.ap.bin"
    file.write_bytes(bytes(reversed(file.read_bytes())))
    changed = group_of(planned(data, groups=BOTH))
    assert changed.fingerprint not in (now.fingerprint, other.fingerprint)
    assert "day2: day2_g1_imec0/day2_g1_t0.imec0.ap.bin" in changed.raw_files


def test_groups_of_blocks_segments_and_shanks(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for seed, name in enumerate(("a", "b")):
        generic.write_binary_folder(
            data / name / "r", n_channels=4, n_shanks=2, seconds=(0.1, 0.2), seed=seed
        )
    whole = [f"{s}~~block0_stream0_recording" for s in ("a", "b")]
    job = grouped(data, {"x": whole}, split_segments=False, split_groups=False)
    assert job.concatenated is not None
    assert [(c.job_key[0], c.segment, c.first_sample, c.n_samples) for c in job.concatenated] == [
        ("a", 0, 0, 3000),
        ("a", 1, 3000, 6000),
        ("b", 0, 9000, 3000),
        ("b", 1, 12000, 6000),
    ]
    assert loaded(job, data).get_num_samples() == 18000
    shanks = ["a~~block0_stream0_recording1_group1", "a~~block0_stream0_recording2_group1"]
    job = grouped(data, {"x": shanks})
    assert (job.group, job.n_channels, job.n_samples) == ("1", 2, [9000])
    assert job.job_key == "group~2fx~~group-x_stream0_recording_group1"
    assert loaded(job, data).get_channel_locations().tolist() == [[250.0, 0.0], [250.0, 20.0]]


def test_debug_clips_every_member(data: Path) -> None:
    job = grouped(data, BOTH, debug=True, debug_duration=0.02)
    assert (job.n_samples, loaded(job, data).get_num_samples()) == ([1200], 1200)
    assert job.concatenated is not None
    assert [c.first_sample for c in job.concatenated] == [0, 600]


def test_declarations_come_as_json_files_too(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "groups.json"
    file.write_text(json.dumps(BOTH))
    assert parse_params({"groups": str(file)}) == DispatchParams(groups=BOTH)
    assert DispatchParams(groups=BOTH).hash() == DispatchParams().hash()


# the clocks


def test_every_sample_finds_its_own_time(tmp_path: Path) -> None:
    """A regular clock that starts at 0, timestamps that are kept, and some that are reset."""
    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe(saved=SAVED[:4]), bands=("AP",))
    openephys.write_session(data / "oe", streams, experiments={1: (1, 2, 3)}, seconds=0.2)
    recordings = sorted((data / "oe").rglob("timestamps.npy"))
    recordings = [f for f in recordings if "continuous" in str(f)]
    times = [payload.sync_times(6000, RATE_HZ, t0, ppm) for t0, ppm in ((7, 3), (19, 90), (40, 0))]
    times[1][3000:] += 2e-5  # a small step, which is kept
    times[2] = payload.with_gap(times[2], 300.0)  # a gap, for which the clock is reset
    for file, vector in zip(recordings, times, strict=True):
        np.save(file, vector)
    keys = [str(e.job_key) for e in planned(data).entries if e.status == "job"]
    job = grouped(data, {"x": keys})
    assert job.concatenated is not None
    assert [c.clock for c in job.concatenated] == ["anchors"] * 3
    assert any("recording3" in w and "reset" in w for w in job.warnings)
    member, time_s = original_times(job, np.arange(18_000))
    np.testing.assert_array_equal(member, np.repeat([0, 1, 2], 6000))
    np.testing.assert_allclose(time_s, np.concatenate(times), rtol=0, atol=TOLERANCE_S)
    assert all((c.max_error_ms or 0) <= TOLERANCE_S * 1000 for c in job.concatenated)
    shuffled = np.random.default_rng(0).permutation(18_000)
    np.testing.assert_array_equal(original_times(job, shuffled)[1], time_s[shuffled])


def test_regular_clocks_keep_their_beginning(data: Path) -> None:
    from spikeinterface.extractors import read_spikeglx

    job = grouped(data, {"x": [DAY1, DAY1.replace("recording1", "recording2"), DAY2]})
    assert job.concatenated is not None
    assert {c.clock for c in job.concatenated} == {"regular"}
    _, time_s = original_times(job, np.arange(sum(job.n_samples)))
    expected = []
    for name, segments in (("day1", (0, 1)), ("day2", (0,))):
        recording = read_spikeglx(data / name, stream_id="imec0.ap")
        expected += [recording.get_times(segment_index=s) for s in segments]
    np.testing.assert_allclose(time_s, np.concatenate(expected), rtol=0, atol=1e-9)


def test_times_that_are_lost_are_unknown(tmp_path: Path) -> None:
    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe(saved=SAVED[:4]), bands=("AP",))
    openephys.write_session(data / "oe", streams, experiments={1: (1, 2)}, seconds=0.1)
    first = min(f for f in (data / "oe").rglob("timestamps.npy") if "continuous" in str(f))
    np.save(first, np.full(3000, -1.0))  # the GUI was never synchronised
    keys = [str(e.job_key) for e in planned(data).entries if e.status == "job"]
    job = grouped(data, {"x": keys})
    member, time_s = original_times(job, np.arange(6000))
    np.testing.assert_array_equal(np.isnan(time_s), member == 0)
    assert any("cannot be recovered" in w for w in job.warnings)


def test_a_job_of_one_recording_has_no_other_clock(data: Path) -> None:
    _, jobs = dispatched(data, multi_session=True)
    with pytest.raises(ParameterError, match="not of a group"):
        original_times(next(iter(jobs.values())), np.arange(3))


# the map

lengths = st.lists(st.integers(1, 50), min_size=1, max_size=6)


def placed(n_samples: Sequence[int], starts_s: Sequence[float]) -> list[ConcatenatedSegment]:
    return sample_map(
        [
            ConcatenatedSegment(
                job_key=f"s~~{i}",
                segment=0,
                first_sample=0,
                n_samples=n,
                sampling_frequency_hz=1000.0,
                clock="regular",
                t_start_s=t,
            )
            for i, (n, t) in enumerate(zip(n_samples, starts_s, strict=True))
        ]
    )


@given(lengths, st.data())
def test_the_map_is_a_partition_and_can_be_inverted(n_samples: list[int], given_: Any) -> None:
    starts_s = given_.draw(
        st.lists(st.floats(-1e6, 1e6), min_size=len(n_samples), max_size=len(n_samples))
    )
    segments = placed(n_samples, starts_s)
    total = sum(n_samples)
    covered = [i for s in segments for i in range(s.first_sample, s.first_sample + s.n_samples)]
    assert covered == list(range(total))
    member, time_s = own_times(segments, np.arange(total))
    assert np.bincount(member, minlength=len(segments)).tolist() == n_samples
    firsts = np.array([s.first_sample for s in segments])
    within = np.rint((time_s - np.array(starts_s)[member]) * 1000.0).astype(int)
    np.testing.assert_array_equal(firsts[member] + within, np.arange(total))
    for outside in (-1, total):
        with pytest.raises(ParameterError, match=f"sample {outside}"):
            own_times(segments, np.array([0, outside]))
    assert [len(found) for found in own_times(segments, np.array([], dtype=int))] == [0, 0]


@given(
    n=st.integers(1, 3000),
    bends=st.lists(st.tuples(st.integers(1, 2999), st.floats(-1e-4, 1e-4)), max_size=8),
)
def test_anchors_give_a_bent_clock_back(n: int, bends: list[tuple[int, float]]) -> None:
    times = 5.0 + np.arange(n) / RATE_HZ
    for at, step_s in bends:
        times[at:] += step_s
    found, max_error_ms = anchors(lambda a, b: times[a:b], n)
    corners, values = zip(*found, strict=True)
    error_s = np.abs(np.interp(np.arange(n), corners, values) - times).max()
    assert max_error_ms is not None
    assert error_s <= max_error_ms / 1000 + 1e-12 <= TOLERANCE_S + 2e-12
    assert len(found) <= 2 + 4 * len(bends)


def test_a_clock_that_jitters_says_how_much_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dispatch_assets.group_jobs.MAX_ANCHORS", 20)
    rng = np.random.default_rng(0)
    times = np.arange(1000) / RATE_HZ + rng.normal(0, 1e-4, 1000)
    found, max_error_ms = anchors(lambda a, b: times[a:b], 1000)
    at, values = zip(*found, strict=True)
    error_ms = np.abs(np.interp(np.arange(1000), at, values) - times).max() * 1000
    assert len(found) == 20
    assert max_error_ms == pytest.approx(error_ms)
    assert anchors(lambda a, b: np.full(b - a, np.nan), 10) == ([], None)


# what keeps recordings apart


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"saved": SAVED[:-2]}, "has 28 channels, not the 30 channels"),
        ({"saved": (*SAVED[:-1], 300)}, "has other channel ids"),
        ({"kind": "NP2"}, "has other"),
    ],
)
def test_other_channels_or_another_probe(data: Path, about: dict[str, Any], said: str) -> None:
    day(data, "other", **about)
    other = f"other~~{AP}"
    report = planned(data, groups={"week": [DAY1, DAY2, other], "fine": [DAY1, DAY2]})
    entry = group_of(report)
    assert (entry.status, entry.reason, entry.job_key) == ("failed", "bad_group", None)
    assert f"member 3, {other}, " in entry.message
    assert said in entry.message
    assert f"of member 1, {DAY1}" in entry.message
    assert group_of(report, "fine").status == "job"
    assert {e.status for e in report.entries if e.session_name == "other"} >= {"job"}


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({"rate": 20_000.0}, "is sampled at 20000 Hz, not at the 30000 Hz"),
        ({"dtype": "uint16"}, "has samples of type uint16, not the int16"),
        ({"gains": False}, "has other gains than those"),
        ({"n_shanks": 2}, "has other contact positions than those"),
    ],
)
def test_other_rate_type_gains_or_geometry(
    tmp_path: Path, about: dict[str, Any], said: str
) -> None:
    data = tmp_path / "data"
    generic.write_binary_folder(data / "a" / "r", n_channels=4, seconds=(0.1,))
    generic.write_binary_folder(data / "b" / "r", n_channels=4, seconds=(0.1,), **about)
    keys = [f"{s}~~block0_stream0_recording1" for s in ("a", "b")]
    entry = group_of(planned(data, groups={"week": keys}, split_groups=False))
    assert (entry.status, said in entry.message) == ("failed", True), entry.message


def test_probes_of_one_kind_are_two_probes(data: Path) -> None:
    """Nothing but the serial number tells them apart."""
    spikeglx.write_run(
        data / "other",
        "other",
        {"imec1": "NP1"},
        seconds=0.1,
        saved=SAVED,
        lf=False,
        nidq=False,
    )
    entry = group_of(planned(data, groups={"week": [DAY1, f"other~~{AP}".replace("0.", "1.")]}))
    assert "was made with probe" in entry.message


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ([DAY1], "1 member is too few"),
        ([], "0 members are too few"),
        ([DAY1, DAY1], f"{DAY1} is a member twice"),
        ([DAY1, DAY2.replace("imec0", "imec7")], f"did you mean '{DAY2}'?"),
        ([DAY1, "nobody~~x"], "there is no such recording"),
        ([DAY1, "x"], "there is no such recording"),
        ([DAY1, KEY], "there is no such recording"),
    ],
)
def test_members_that_make_no_group(data: Path, members: list[str], said: str) -> None:
    report = planned(data, groups={"week": members})
    entry = group_of(report)
    assert (entry.status, entry.reason) == ("failed", "bad_group")
    assert said in entry.message
    assert report.exit_status == 1
    assert len([e for e in report.entries if e.status == "job"]) == 3


def test_a_member_that_became_faulty_says_why(data: Path) -> None:
    payload.cut_file(data / "day2" / "day2_g1_imec0" / "day2_g1_t0.imec0.ap.bin", 200)
    entry = group_of(planned(data, groups=BOTH))
    assert DAY2 in entry.message
    assert "bytes" in entry.message
    (data / "day1" / "dispatch.json").write_text('{"exclude": "lost its implant"}')
    assert "lost its implant" in group_of(planned(data, groups=BOTH)).message


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"a/b": [DAY1, DAY2]}, "cannot name a group"),
        ({"": [DAY1, DAY2]}, "cannot name a group"),
        ({"../x": [DAY1, DAY2]}, "cannot name a group"),
        ({"x" * 61: [DAY1, DAY2]}, "cannot name a group"),
        ({"a": DAY1}, "must be a list of job keys"),
        ({"a": [1, 2]}, "must be a list of job keys"),
        ({"a": [DAY1, DAY2], "A": [DAY1, DAY2]}, "differ in more than"),
        ([DAY1, DAY2], "groups"),
        ("nowhere.json", "neither JSON nor a readable file"),
    ],
)
def test_declarations_that_make_no_sense(groups: object, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        parse_params({"groups": groups})


@given(
    st.dictionaries(st.text(max_size=5), st.lists(st.text(max_size=5) | st.integers()), max_size=3)
)
def test_any_declaration_is_taken_or_refused(groups: dict[str, list[object]]) -> None:
    try:
        params = parse_params({"groups": groups})
    except ParameterError as e:
        said = str(e)
        assert "groups" in said
    else:
        assert params.groups == groups


def test_groups_of_sessions_that_were_not_asked_for_are_left_alone(data: Path) -> None:
    assert {e.session_name for e in planned(data, groups=BOTH, sessions=["day1"]).entries} == {
        "day1"
    }


# in the store


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(str(tmp_path / "store"))


def look(data: Path, shards: Shards, *sessions: str, **params: Any) -> Any:
    found = scan(
        str(data), DispatchParams(**{"groups": BOTH, **params}), shards, Scope(sessions=sessions)
    )
    found.save(shards)
    return found


def test_a_group_is_found_and_built_from_the_store(data: Path, shards: Shards) -> None:
    found = look(data, shards)
    assert KEY in found.jobs
    assert shards.find(KEY).session.name == "group/week"
    again = look(data, shards)
    assert (again.new, again.changed, again.vanished, again.vanished_sessions) == ([], [], {}, [])
    params = DispatchParams(groups=BOTH)
    built = {o.key: o.job for o in build([DAY1, KEY, DAY2], shards, params)}
    job = built[KEY]
    assert isinstance(job, SortingJob), job
    assert job.parameters_hash == shards.find(KEY).parameters_hash
    assert job.fingerprint == found.jobs[KEY].fingerprint
    assert all(isinstance(j, SortingJob) for j in built.values())


def test_a_changed_member_changes_its_groups_even_if_only_it_was_looked_at(
    data: Path, shards: Shards
) -> None:
    look(data, shards)
    assert look(data, shards, "day1").changed == []
    file = data / "day2" / "day2_g1_imec0" / "day2_g1_t0.imec0.ap.bin"
    file.write_bytes(bytes(reversed(file.read_bytes())))
    assert {c.key for c in look(data, shards, "day2").changed} == {DAY2, KEY}


def test_settings_of_a_member_are_settings_of_its_groups(data: Path, shards: Shards) -> None:
    look(data, shards)
    before = shards.find(KEY).parameters_hash
    (data / "day2" / "dispatch.json").write_text('{"skip_timestamps_check": true}')
    look(data, shards)
    assert shards.find(KEY).parameters_hash != before


def test_a_member_that_vanished(data: Path, shards: Shards) -> None:
    look(data, shards)
    (data / "day2").rename(data.parent / "away")
    found = look(data, shards)
    assert set(found.vanished) == {DAY2, KEY}
    assert found.vanished_sessions == ["day2"]
    (outcome,) = build([KEY], shards, DispatchParams(groups=BOTH))
    assert DAY2 in str(outcome.job)
    (data.parent / "away").rename(data / "day2")
    assert {c.key for c in look(data, shards).returned} == {DAY2, KEY}


def test_a_group_that_is_no_longer_declared(data: Path, shards: Shards) -> None:
    look(data, shards)
    assert look(data, shards, "day1", groups={}).vanished == {}  # not all was looked at
    found = look(data, shards, groups={})
    assert (found.vanished_sessions, set(found.vanished)) == (["group/week"], {KEY})


def test_a_job_of_a_removed_group_is_set_aside(data: Path) -> None:
    dispatched(data, multi_session=True, groups=BOTH)
    report, _ = dispatched(data, multi_session=True)
    assert [Path(p).name for p in report.stale_files] == [f"job_{KEY}.json"]
