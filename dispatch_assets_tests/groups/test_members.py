"""Groups: what keeps recordings apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dispatch_assets_tests.groups.lab import AP, BOTH, DAY1, DAY2, KEY, day, group_of
from dispatch_assets_tests.outcome import planned
from dispatch_assets_tests.samples import SAVED, generic, payload, spikeglx


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
        ([DAY1, DAY2.replace("imec0", "imec7")], f"Did you mean '{DAY2}'?"),
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
