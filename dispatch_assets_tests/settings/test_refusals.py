"""Settings of single sessions: what is refused, and that it stops no other session."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.errors import SettingsError
from dispatch_assets.params import DispatchParams, RecordingParams
from dispatch_assets.session_settings import parse_settings
from dispatch_assets.settings_files import MAX_BYTES
from dispatch_assets_tests.outcome import planned
from dispatch_assets_tests.samples import generic
from dispatch_assets_tests.settings.lab import say, told

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


def test_every_parameter_is_of_one_session_or_refused_with_a_reason() -> None:
    for name, field in DispatchParams.model_fields.items():
        values = {name: field.get_default(call_default_factory=True)}
        if name in RecordingParams.model_fields:
            parse_settings(values, "x")
        else:
            with pytest.raises(SettingsError, match=f"{name} cannot be set for one session: "):
                parse_settings(values, "x")
