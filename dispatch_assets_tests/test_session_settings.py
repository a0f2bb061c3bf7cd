"""Settings of single sessions: what they change, whom they concern, and what is refused."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_assets.batch import build
from dispatch_assets.discovery import discover
from dispatch_assets.dispatch import Report
from dispatch_assets.errors import ParameterError, SettingsError
from dispatch_assets.models import Inventory, Session, SortingJob, dump_json
from dispatch_assets.params import DispatchParams, RecordingParams
from dispatch_assets.planning import plan_session
from dispatch_assets.scan import scan
from dispatch_assets.session_settings import SessionSettings, parse_settings, settings_of
from dispatch_assets.session_streams import is_named
from dispatch_assets.settings_files import MAX_BYTES, SettingsFiles
from dispatch_assets.shards import Shards
from dispatch_assets_tests.outcome import dispatched, loaded, loaded_lfp, planned
from dispatch_assets_tests.samples import SAVED, generic, nwb, openephys, spikeglx

AMPLIFIERS = "RHD2000 amplifier channel"
INTAN = {
    "input": "spikeinterface",
    "spikeinterface_info": {"reader_type": "intan", "reader_kwargs": {"file_path": "a.rhd"}},
    "streams": {"keep": ["amplifier"]},
    "probe_paths": "probe.json",
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions ``one`` and ``two`` of two segments each, SpikeGLX ``run``, Intan ``odd``."""
    from probeinterface import write_probeinterface

    data = tmp_path_factory.mktemp("written") / "data"
    for seed, name in enumerate(("one", "two")):
        generic.write_binary_folder(
            data / name / "recording", n_channels=4, seconds=(0.1, 0.3), seed=seed
        )
    probes = {"imec0": "NP1", "imec1": "NP1"}
    spikeglx.write_run(data / "run", "run", probes, seconds=0.1, saved=SAVED)
    generic.write_intan(data / "odd" / "a.rhd", seconds=0.1, n_amplifiers=8)
    write_probeinterface(data / "odd" / "probe.json", generic.linear_probe(8))
    return data


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))


def say(folder: Path, values: object, name: str = "dispatch.json") -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(values if isinstance(values, str) else json.dumps(values))
    return file


def inventories(data: Path, **params: Any) -> dict[str, Inventory]:
    parsed = DispatchParams(**params)
    sessions = discover(data, parsed).sessions
    return {s.name: plan_session(s, parsed).inventory for s in sessions}


def told(report: Report, session: str) -> list[tuple[str, str, str]]:
    entries = [e for e in report.entries if e.session_name == session]
    return [(e.status, e.stream, str(e.reason or "")) for e in entries]


def jobs(data: Path, **params: Any) -> dict[str, SortingJob]:
    return {j.job_key: j for j in dispatched(data, multi_session=True, **params)[1].values()}


# what they change


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


def test_another_probe_is_another_job(data: Path) -> None:
    from probeinterface import write_probeinterface

    say(data / "odd", INTAN)
    before = inventories(data)["odd"]
    write_probeinterface(data / "odd" / "probe.json", generic.linear_probe(8, 2))
    after = inventories(data)["odd"]
    assert after.parameters_hash != before.parameters_hash
    assert [e.group for e in after.jobs] == ["0", "1"]
    assert [e.fingerprint for e in before.jobs] * 2 == [e.fingerprint for e in after.jobs]


def test_a_probe_for_a_session_that_has_none(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    data = tmp_path / "data"
    generic.write_binary_folder(data / "bare" / "recording", n_channels=4, probe=False)
    nwb.write_nwb(data / "bare.nwb", (nwb.NwbProbe(n_channels=4),), locations=False, seconds=0.1)
    assert {e.reason for e in planned(data).entries if e.status == "failed"} == {"no_probe"}
    place = data.parent / "settings"
    say(place, {"probe_paths": "four.json"}, "bare.json")
    say(place, {"probe_paths": {"acquisition-ElectricalSeriesAP": "four.json"}}, "bare.nwb.json")
    write_probeinterface(place / "four.json", generic.linear_probe(4, 2))
    made = jobs(data, settings_folder=str(place))
    assert [(j.input_format, j.group) for j in made.values()] == [
        ("spikeinterface", "0"),
        ("spikeinterface", "1"),
        ("nwb", "0"),
        ("nwb", "1"),
    ]
    for job in made.values():
        recording = loaded(job, data)
        expected = generic.linear_probe(4, 2).contact_positions[int(str(job.group)) * 2 :][:2]
        np.testing.assert_array_equal(recording.get_channel_locations(), expected)
        assert (job.probe_dict is not None) == (job.input_format == "nwb")


def test_a_probe_for_one_of_the_sessions_that_the_parameters_describe(
    data: Path, tmp_path: Path
) -> None:
    shutil.copytree(data / "odd", data / "even")
    kwargs = [{"file_path": f"{name}/a.rhd"} for name in ("odd", "even")]
    info = {"reader_type": "intan", "reader_kwargs": kwargs, "keep_stream_substrings": ["ampl"]}
    place = tmp_path / "settings"
    say(place, {"probe_paths": "probe.json"}, "session1.json")
    shutil.copy(data / "odd" / "probe.json", place)
    params = {"input": "spikeinterface", "spikeinterface_info": info}
    report = planned(data, settings_folder=str(place), **params)
    found = {(e.session_name, e.status, str(e.reason)) for e in report.entries}
    assert {f for f in found if f[1] != "skipped"} == {
        ("session0", "failed", "no_probe"),
        ("session1", "job", "None"),
    }


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


def test_jobs_follow_from_the_settings_of_the_inventory(data: Path, tmp_path: Path) -> None:
    say(data / "one", {"split_segments": False, "skip_timestamps_check": True})
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    inventory = shards.read("one")
    keys = [str(e.job_key) for i in shards.present() for e in i.jobs]
    made = {o.key: o.job for o in build(keys, shards, params)}
    assert all(isinstance(job, SortingJob) for job in made.values()), made
    (job,) = (j for j in made.values() if isinstance(j, SortingJob) and j.session_name == "one")
    assert job.n_samples == [3000, 9000]
    assert job.parameters_hash == inventory.parameters_hash != params.hash()


def test_changed_settings_concern_that_session_only(data: Path, tmp_path: Path) -> None:
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    before = {i.session.name: i.parameters_hash for i in shards.present()}
    say(data / "two", {"skip_timestamps_check": True})
    found = scan(str(data), params, shards)
    found.save(shards)
    after = {i.session.name: i.parameters_hash for i in shards.present()}
    assert {n for n in after if after[n] != before[n]} == {"two"}
    assert (found.new, found.changed, found.vanished) == ([], [], {})


def test_shards_of_before_there_were_settings_still_load(data: Path) -> None:
    inventory = inventories(data)["one"].model_dump(mode="json")
    del inventory["parameters"], inventory["session"]["settings"]
    assert Inventory.model_validate(inventory).session.settings is None


# leaving out


def test_a_session_is_excluded_with_the_persons_reason(data: Path, tmp_path: Path) -> None:
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    file = say(data / "one", {"exclude": "animal lost the implant"})
    found = scan(str(data), params, shards)
    found.save(shards)
    (entry,) = shards.read("one").entries
    assert (entry.status, entry.reason) == ("skipped", "excluded")
    assert entry.message == f"animal lost the implant (says {file})"
    assert len(found.vanished) == 2
    assert found.vanished_sessions == []
    (outcome,) = build([next(iter(found.vanished))], shards, params)
    assert "animal lost the implant" in str(outcome.job)
    assert planned(data).exit_status == 0
    file.unlink()
    assert len(scan(str(data), params, shards).returned) == 2


def test_an_entry_that_is_no_session_is_excluded_too(data: Path) -> None:
    (data / "odd" / "structure.oebin").touch()
    assert told(planned(data), "odd") == [("failed", "", "unreadable")]
    say(data / "odd", {"exclude": "left over"})
    assert told(planned(data), "odd") == [("skipped", "", "excluded")]


def test_streams_are_excluded_kept_and_skipped(data: Path) -> None:
    before = inventories(data)["run"]
    say(data / "run", {"exclude_streams": {"imec1": "probe broke"}})
    after = inventories(data)["run"]
    skipped = [e for e in after.entries if e.status == "skipped"]
    assert {e.stream for e in skipped if e.reason == "excluded"} >= {"imec1.ap", "imec1.lf"}
    assert all(e.message.startswith("probe broke") for e in skipped if e.stream[:5] == "imec1")
    assert "excluded" not in {e.reason for e in skipped if "imec1" not in e.stream}
    assert after.jobs == [e for e in before.jobs if e.stream == "imec0.ap"]
    assert after.parameters_hash == before.parameters_hash  # imec0 is what it was
    for choice in ({"keep": ["imec0"]}, {"skip": ["imec1"]}, {"keep": ["ap"], "skip": ["c1"]}):
        say(data / "run", {"streams": choice})
        kept = inventories(data)["run"]
        assert kept.jobs == after.jobs
        assert "imec1.ap" in {e.stream for e in kept.entries if e.reason == "filtered_out"}


def test_a_stream_that_is_not_there_is_told_and_stops_no_other(data: Path) -> None:
    say(data / "run", {"exclude_streams": {"imec3.ap": "probe broke"}})
    entries = inventories(data)["run"].entries
    (failed,) = [e for e in entries if e.status == "failed"]
    assert (failed.stream, failed.reason) == ("imec3.ap", "bad_settings")
    assert "did you mean 'imec" in failed.message
    assert len([e for e in entries if e.status == "job"]) == 2


@pytest.mark.parametrize(
    ("name", "stream", "named"),
    [
        ("imec1", "imec1.ap", True),
        ("imec1", "imec10.ap", False),
        ("imec1", "imec10.imec1", True),
        ("ProbeA", "Record Node 101#Neuropix-PXI-100.ProbeA-AP", True),
        ("Probe", "Record Node 101#Neuropix-PXI-100.ProbeA-AP", False),
        ("imec1.ap", "imec1.ap", True),
        (".", "imec1.ap", True),
    ],
)
def test_names_of_streams_are_whole_words(name: str, stream: str, named: bool) -> None:
    assert is_named(name, stream) == named


# the settings folder


def test_the_settings_folder_goes_by_session_and_by_file(tmp_path: Path) -> None:
    data, place = tmp_path / "data", tmp_path / "settings"
    for name in ("a", "b"):
        nwb.write_nwb(data / f"{name}.nwb", seconds=0.1)
    say(place, {"exclude": "one"}, "a.json")
    say(place, {"exclude": "two"}, "b.nwb.json")
    say(place, {"exclude": "three"}, "bb.json")
    report = planned(data, settings_folder=str(place))
    assert told(report, "a") == told(report, "b") == [("skipped", "", "excluded")]
    (stray,) = [e for e in report.entries if e.session_name == "bb.json"]
    assert (stray.status, "did you mean 'b'?" in stray.message) == ("skipped", True)


def test_the_settings_folder_wins_and_says_so(data: Path, tmp_path: Path) -> None:
    own = say(data / "one", {"exclude": "no"})
    file = say(tmp_path / "settings", {"split_segments": False}, "one.json")
    made = jobs(data, settings_folder=str(tmp_path / "settings"))
    (job,) = [j for j in made.values() if j.session_name == "one"]
    assert f"its settings are those in {file}; {own} is not read" in job.warnings


def test_several_sessions_in_one_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    for name in ("a", "b"):
        nwb.write_nwb(data / "mouse" / f"{name}.nwb", seconds=0.1)
    say(data / "mouse", {"exclude": "all of them"})
    report = planned(data)
    assert told(report, "a") == told(report, "b") == [("skipped", "", "excluded")]


def test_a_settings_folder_that_is_missing_stops_everything(data: Path) -> None:
    with pytest.raises(ParameterError, match="settings_folder 'nowhere'"):
        planned(data, settings_folder="nowhere")


def test_a_settings_folder_in_the_data_folder_is_no_session(data: Path) -> None:
    say(data / "settings", {"exclude": "x"}, "two.json")
    report = planned(data, settings_folder="settings")
    assert told(report, "settings") == []
    assert told(report, "two") == [("skipped", "", "excluded")]


def test_settings_beside_sessions_concern_none(data: Path) -> None:
    say(data, {"split_segments": False})
    (entry,) = [e for e in planned(data).entries if e.session_name == "dispatch.json"]
    assert (entry.status, entry.reason) == ("failed", "bad_settings")
    assert "Move the file" in entry.message
    assert {s.name for s in discover(data, DispatchParams()).sessions} == {"one", "run", "two"}


# what is refused

BAD: dict[str, tuple[object, str]] = {
    "no JSON": ("{", "is not valid JSON"),
    "a list": ([], "must hold a JSON object"),
    "NaN": ('{"min_recording_duration": NaN}', "NaN is no JSON number"),
    "infinity": ('{"min_recording_duration": 1e999}', "too large a number"),
    "twice": ('{"exclude": "a", "exclude": "b"}', "stands there twice"),
    "deep": ("[" * 100_000, "nested more than 20 levels deep"),
    "deeper than allowed": ("{" + '"a":{' * 30 + "}" * 31, "nested more than 20 levels deep"),
    "large": (f'{{"exclude": "{"x" * MAX_BYTES}"}}', "is larger than"),
    "half a character": ('{"exclude": "\\ud800"}', "no file can be called"),
    "NUL": ('{"probe_paths": "a\\u0000b"}', "no file can be called"),
    "typo": ({"split_segment": False}, "did you mean 'split_segments'?"),
    "typo within": ({"streams": {"kep": ["a"]}}, "streams.kep: unknown parameter"),
    "wrong type": ({"split_segments": "perhaps"}, "split_segments"),
    "of all sessions": ({"multi_session": True}, "cannot be set for one session"),
    "no reason": ({"exclude": True}, "give the reason"),
    "empty reason": ({"exclude_streams": {"imec1": " "}}, "exclude_streams.imec1"),
    "format": ({"input": "spikeglxx"}, "no input format 'spikeglxx'"),
    "reader without input": (
        {"spikeinterface_info": {"reader_type": "spikeglx", "reader_kwargs": {"folder_path": "."}}},
        "spikeinterface_info needs input 'spikeinterface'",
    ),
    "file for an object": (
        {"input": "spikeinterface", "spikeinterface_info": "/etc/passwd"},
        "must be a JSON object",
    ),
    "several": (
        {
            "input": "spikeinterface",
            "spikeinterface_info": {"reader_type": "intan", "reader_kwargs": [{}]},
        },
        "one session, not several",
    ),
    "pickles": (
        {
            "input": "spikeinterface",
            "spikeinterface_info": {
                "reader_type": "binaryfolder",
                "reader_kwargs": {"folder_path": "."},
            },
        },
        "looks for pickles first",
    ),
    "installs": (
        {
            "input": "spikeinterface",
            "spikeinterface_info": {
                "reader_type": "maxwell",
                "reader_kwargs": {"file_path": "a", "install_maxwell_plugin": True},
            },
        },
        "install_maxwell_plugin cannot be set",
    ),
    "probe missing": ({"probe_paths": "none.json"}, "is not in"),
    "probe elsewhere": ({"probe_paths": "../../secret.json"}, "leads out of"),
    "probe by a link": ({"probe_paths": "link.json"}, "leads out of"),
    "probe too long": ({"probe_paths": "x" * 5000}, "is not in"),
    "probes in a list": ({"probe_paths": ["a"]}, "probe_paths"),
    "folder for a probe": ({"probe_paths": "recording"}, "is no file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_settings_quarantine_their_session_only(data: Path, case: str) -> None:
    values, complaint = BAD[case]
    (data.parent / "secret.json").write_text("{}")
    (data / "one" / "link.json").symlink_to(data.parent / "secret.json")
    file = say(data / "one", values)
    report = planned(data)
    (entry,) = [e for e in report.entries if e.session_name == "one"]
    assert (entry.status, entry.reason) == ("failed", "bad_settings")
    assert complaint in entry.message
    assert str(file) in entry.message
    assert "Correct the file, or remove it" in entry.message
    assert {s for s, *_ in told(report, "two")} == {"job"}


@pytest.mark.parametrize(
    "kwargs",
    [
        {"file_path": "../one/recording/traces_cached_seg0.raw"},
        {"file_path": "/etc/passwd"},
        {"file_path": ["a.rhd", "/etc/passwd"]},
        {"file_path": "https://example.org/a.rhd"},
        {"file_path": "a.rhd", "stream_name": "/etc/passwd"},
        {"file_path": "a.rhd", "other": {"name": "../../x"}},
        {"file_path": "elsewhere/a.rhd"},
    ],
)
def test_arguments_of_a_reader_stay_in_the_session(data: Path, kwargs: dict[str, Any]) -> None:
    away = data.parent / "away"
    away.mkdir()
    (away / "a.rhd").write_bytes(b"")
    (data / "odd" / "elsewhere").symlink_to(away)
    info = {"reader_type": "intan", "reader_kwargs": kwargs}
    say(data / "odd", {"input": "spikeinterface", "spikeinterface_info": info})
    assert told(planned(data), "odd") == [("failed", "", "bad_settings")]


def test_json_of_spikeinterface_may_not_lead_out_of_the_data(tmp_path: Path) -> None:
    """`--input spikeinterface` may; a file among the data may not."""
    data = tmp_path / "data"
    generic.write_json_dump(data / "s" / "a.json", tmp_path / "away", n_channels=4)
    info = {"reader_type": "spikeinterface"}
    say(data / "s", {"input": "spikeinterface", "spikeinterface_info": info})
    assert [str(e.reason) for e in planned(data).entries] == ["refused"]


def test_a_reader_that_does_not_exist(data: Path) -> None:
    info = {"reader_type": "intann", "reader_kwargs": {"file_path": "a.rhd"}}
    say(data / "odd", {"input": "spikeinterface", "spikeinterface_info": info})
    assert told(planned(data), "odd") == [("failed", "", "bad_settings")]


@pytest.mark.parametrize("kind", ["outside", "dangling", "circle", "folder", "pipe", "binary"])
def test_what_is_no_plain_file_of_the_session(data: Path, kind: str) -> None:
    file, elsewhere = data / "one" / "dispatch.json", data.parent / "elsewhere.json"
    elsewhere.write_text("{}")
    if kind == "folder":
        file.mkdir()
    elif kind == "pipe":
        os.mkfifo(file)
    elif kind == "binary":
        file.write_bytes(b'{"exclude": "\xff"}')
    else:
        targets = {"outside": elsewhere, "dangling": Path("nowhere"), "circle": file}
        file.symlink_to(targets[kind])
    assert told(planned(data), "one") == [("failed", "", "bad_settings")]
    assert {s for s, *_ in told(planned(data), "two")} == {"job"}


def test_a_link_within_the_session_is_followed(data: Path) -> None:
    say(data / "one", {"exclude": "x"}, "mine.json")
    (data / "one" / "dispatch.json").symlink_to("mine.json")
    assert told(planned(data), "one") == [("skipped", "", "excluded")]


def test_broken_settings_keep_a_session_that_lives_on_them(data: Path, tmp_path: Path) -> None:
    say(data / "odd", INTAN)
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    say(data / "odd", "{")
    found = scan(str(data), params, shards)
    assert found.vanished_sessions == []
    assert [e.reason for i in found.inventories for e in i.failures] == ["bad_settings"]


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


# arbitrary settings

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10)
anything = st.recursive(
    scalars, lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=5), v, max_size=3)
)
NAMES = sorted({*SessionSettings.model_fields, *DispatchParams.model_fields, "typo"})
plausible = st.dictionaries(
    st.sampled_from(NAMES),
    anything
    | st.sampled_from(["spikeinterface", "a.rhd", "../x", "/", "~", "probe.json", 0.1, {"a": "b"}])
    | st.fixed_dictionaries(
        {
            "reader_type": st.sampled_from(["intan", "zarr", "spikeinterface", "x"]),
            "reader_kwargs": st.dictionaries(
                st.sampled_from(["file_path", "folder_path", "stream_name"]), anything, max_size=2
            ),
        }
    ),
    max_size=4,
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.one_of(plausible.map(json.dumps), anything.map(json.dumps), st.binary(max_size=50)))
def test_no_file_whatsoever_raises(tmp_path: Path, text: str | bytes) -> None:
    folder = tmp_path / "s"
    folder.mkdir(exist_ok=True)
    (folder / "a.rhd").touch()
    file = folder / "dispatch.json"
    file.write_bytes(text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text)
    found = discover(folder.parent, DispatchParams())
    inventories_ = [plan_session(s, DispatchParams()).inventory for s in found.sessions]
    for inventory in inventories_:
        text = dump_json(inventory.model_dump(mode="json"))
        assert Inventory.model_validate_json(text).entries == inventory.entries
    entries = [*found.others, *(e for i in inventories_ for e in i.entries)]
    assert entries
    assert all(e.message and e.status != "job" for e in entries)


@settings(max_examples=200)
@given(anything)
def test_parsing_says_what_is_wrong_or_gives_settings(values: object) -> None:
    try:
        parsed = parse_settings(values, "x.json")
    except SettingsError as e:
        said = str(e)
        assert said.startswith("x.json: ")
    else:
        assert parse_settings(parsed.model_dump(mode="json", exclude_unset=True), "x") == parsed


def test_every_parameter_is_of_one_session_or_refused_with_a_reason() -> None:
    for name, field in DispatchParams.model_fields.items():
        values = {name: field.get_default(call_default_factory=True)}
        if name in RecordingParams.model_fields:
            parse_settings(values, "x")
        else:
            with pytest.raises(SettingsError, match=f"{name} cannot be set for one session: "):
                parse_settings(values, "x")


def test_names_of_sessions_are_found_however_they_are_composed(tmp_path: Path) -> None:
    place = tmp_path / "settings"
    say(place, {"exclude": "x"}, "Mu\u0308ller.json")
    files = SettingsFiles(str(place), tmp_path)
    session = Session(
        name="M\u00fcller", path=str(tmp_path), data_folder=str(tmp_path), input_format="nwb"
    )
    found = files.of_session(session)
    assert found is not None
    assert settings_of(found).exclude == "x"
    assert files.unused(["M\u00fcller"]) == {}


def test_a_probe_for_both_bands_of_an_open_ephys_stream(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    data = tmp_path / "data"
    streams = openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED[:4]))
    openephys.write_session(data / "s", streams, settings=False, seconds=0.1)
    (failed,) = [e for e in inventories(data)["s"].entries if e.status == "failed"]
    assert failed.reason == "no_probe"
    assert "dispatch.json" in failed.message
    write_probeinterface(data / "s" / "probe.json", generic.linear_probe(4, 2))
    say(data / "s", {"probe_paths": {"ProbeA-AP": "probe.json"}})
    made = jobs(data)
    assert [j.group for j in made.values()] == ["0", "1"]
    for job in made.values():
        lfp = loaded_lfp(job, data)
        np.testing.assert_array_equal(
            lfp.get_channel_locations(), loaded(job, data).get_channel_locations()
        )


def test_open_ephys_probe_named_by_a_part_of_its_stream(tmp_path: Path) -> None:
    data = tmp_path / "data"
    streams = [
        *openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED)),
        *openephys.probe_streams(openephys.Probe("ProbeB", "NP1", 2, saved=SAVED)),
    ]
    openephys.write_session(data / "s", streams, experiments={1: (1,)}, seconds=0.1)
    say(data / "s", {"exclude_streams": {"ProbeB": "noisy"}})
    found = [e.stream for e in inventories(data)["s"].jobs]
    assert found == ["Record Node 101#Neuropix-PXI-100.ProbeA-AP"]
