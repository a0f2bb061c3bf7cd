"""Groups: how they are declared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.errors import ParameterError
from dispatch_assets.params import DispatchParams, parse_params
from dispatch_assets_tests.groups.lab import BOTH, DAY1, DAY2
from dispatch_assets_tests.outcome import planned


def test_declarations_come_as_json_files_too(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "groups.json"
    file.write_text(json.dumps(BOTH))
    assert parse_params({"groups": str(file)}) == DispatchParams(groups=BOTH)
    assert DispatchParams(groups=BOTH).hash() == DispatchParams().hash()


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
