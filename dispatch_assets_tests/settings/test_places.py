"""Settings of single sessions: where their files lie, and which of two counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.discovery import discover
from dispatch_assets.errors import ParameterError
from dispatch_assets.models import Session
from dispatch_assets.params import DispatchParams
from dispatch_assets.session_settings import settings_of
from dispatch_assets.settings_files import SettingsFiles
from dispatch_assets_tests.outcome import planned
from dispatch_assets_tests.samples import nwb
from dispatch_assets_tests.settings.lab import jobs, say, told


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


def test_a_link_within_the_session_is_followed(data: Path) -> None:
    say(data / "one", {"exclude": "x"}, "mine.json")
    (data / "one" / "dispatch.json").symlink_to("mine.json")
    assert told(planned(data), "one") == [("skipped", "", "excluded")]


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
