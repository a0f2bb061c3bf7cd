"""Settings of single sessions: what they change, and whom they concern."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.discovery import discover
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets_tests.outcome import loaded, planned
from dispatch_assets_tests.samples import SAVED, spikeglx
from dispatch_assets_tests.settings.lab import INTAN, inventories, jobs, say, told

AMPLIFIERS = "RHD2000 amplifier channel"


def test_only_the_session_itself_gets_its_parameters(data: Path) -> None:
    before = inventories(data)
    say(data / "one", {"split_segments": False})
    after = inventories(data)
    assert [e.recording_name for e in after["one"].jobs] == ["block0_stream0_recording"]
    assert after["one"].parameters_hash != before["one"].parameters_hash
    assert after["one"].parameters == {"split_segments": False}
    assert before.keys() == after.keys()  # odd is no session yet
    assert {n: i for n, i in after.items() if n != "one"} == {
        n: i for n, i in before.items() if n != "one"
    }


def test_a_minimum_of_its_own(data: Path) -> None:
    say(data / "one", {"min_recording_duration": 0.2})
    report = planned(data)
    assert told(report, "one") == [("skipped", "stream0", "too_short"), ("job", "stream0", "")]
    assert {s for s, *_ in told(report, "two")} == {"job"}


def test_settings_that_say_nothing_change_nothing(data: Path) -> None:
    before = inventories(data, split_groups=False)
    say(data / "one", {"split_groups": False, "exclude_streams": {}})
    after = inventories(data, split_groups=False)
    assert after["one"].parameters_hash == before["one"].parameters_hash
    assert after["one"].entries == before["one"].entries
    assert before["two"].parameters_hash == DispatchParams(split_groups=False).hash()


def test_a_format_that_nothing_would_recognise(data: Path) -> None:
    assert told(planned(data), "odd") == [("skipped", "", "not_recognised")]
    say(data / "odd", INTAN)
    made = jobs(data)
    job = made["odd~~block0_RHD2000~20amplifier~20channel_recording1"]
    assert job.n_channels == 8
    assert loaded(job, data).has_probe()
    assert {s for s, *_ in told(planned(data), "odd")} == {"job", "skipped"}
    assert len(made) == 1 + 4 + 2


def test_a_folder_that_is_the_session_itself(data: Path) -> None:
    say(data / "odd", INTAN)
    report = planned(data / "odd")
    assert [e.stream for e in report.entries if e.status == "job"] == [AMPLIFIERS]


def test_settings_are_no_data(data: Path) -> None:
    for folder in (data / "one", data / "two" / "recording", data / "odd"):
        before = inventories(data)
        say(folder, {"min_recording_duration": 0})
        after = inventories(data)
        assert after.keys() == before.keys()
        for name, inventory in after.items():
            assert [e.fingerprint for e in inventory.entries] == [
                e.fingerprint for e in before[name].entries
            ]
            assert {(e.stream, e.reason) for e in inventory.entries} == {
                (e.stream, e.reason) for e in before[name].entries
            }


def test_a_reader_that_is_given_the_whole_folder_does_not_count_them(tmp_path: Path) -> None:
    session = tmp_path / "data" / "s"
    spikeglx.write_run(session, "s", {"imec0": "NP1"}, seconds=0.1, saved=SAVED)
    info = {"reader_type": "spikeglx", "reader_kwargs": {"folder_path": "."}}
    say(session, {"input": "spikeinterface", "spikeinterface_info": info})
    before = inventories(tmp_path / "data")["s"]
    assert before.jobs
    say(session, {"input": "spikeinterface", "spikeinterface_info": info, "split_groups": False})
    after = inventories(tmp_path / "data")["s"]
    assert [e.fingerprint for e in after.jobs] == [e.fingerprint for e in before.jobs]
    assert after.parameters_hash != before.parameters_hash


def test_one_attempt_to_open_a_file_for_each_session(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    say(data / "odd", INTAN)
    opened: list[str] = []
    original = os.open

    def counting(path: Any, *rest: Any, **more: Any) -> int:
        opened.append(str(path))
        return original(path, *rest, **more)

    monkeypatch.setattr(os, "open", counting)
    params = DispatchParams()
    for session in discover(data, params).sessions:
        plan_session(session, params)
    expected = [data, *(data / n for n in ("odd", "one", "run", "two"))]
    mine = [p for p in opened if p.endswith("/dispatch.json")]
    assert mine == [f"{folder}/dispatch.json" for folder in expected]
