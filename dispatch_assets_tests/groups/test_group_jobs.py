"""Groups: the one job that sorts several recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from dispatch_assets_tests.groups.lab import BOTH, DAY1, DAY2, KEY, group_of, grouped
from dispatch_assets_tests.outcome import dispatched, loaded, planned
from dispatch_assets_tests.samples import generic


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
