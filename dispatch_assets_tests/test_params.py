"""Parameters: one model, whichever way they are given."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.errors import ParameterError
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params

valid = st.fixed_dictionaries(
    {},
    optional={
        "input": st.sampled_from(["auto", "aind", "nwb", "spikeglx", "openephys"]),
        "split_segments": st.booleans(),
        "split_groups": st.booleans(),
        "debug": st.booleans(),
        "debug_duration": st.floats(0.001, 1e6),
        "skip_timestamps_check": st.booleans(),
        "multi_session": st.booleans(),
        "min_recording_duration": st.one_of(st.just(-1.0), st.floats(0, 1e6)),
        "nwb_files": st.lists(st.text("ab./", min_size=1), max_size=3),
        "sessions": st.lists(st.text("ab", min_size=1), max_size=3),
    },
)


@given(valid)
def test_parameters_survive_json_and_satisfy_their_schema(values: dict[str, Any]) -> None:
    params = parse_params(values)
    data = json.loads(params.model_dump_json())
    assert parse_params(data) == params
    jsonschema.validate(data, DispatchParams.model_json_schema())
    jsonschema.validate(values, DispatchParams.model_json_schema())


def test_the_defaults_are_those_of_the_aind_pipeline() -> None:
    params = DispatchParams()
    assert params.split_segments
    assert params.split_groups
    assert not any((params.debug, params.skip_timestamps_check, params.multi_session))
    assert (params.debug_duration, params.min_recording_duration) == (30.0, -1.0)
    assert params.input == "auto"


def test_an_aind_params_file_is_used_as_it_is() -> None:
    params = parse_params(
        {
            "pipeline_version": "1.3.1",
            "job_dispatch": {"split_segments": True, "debug_duration": 30, "input": "aind"},
            "preprocessing": {"filter_type": "highpass"},
        }
    )
    assert params == DispatchParams(input="aind")


@pytest.mark.parametrize(
    ("given", "field", "expected"),
    [
        ({"split_segments": "false"}, "split_segments", False),
        ({"debug": "yes"}, "debug", True),
        ({"min_recording_duration": "0.7"}, "min_recording_duration", 0.7),
        ({"nwb_files": "a.nwb, b.nwb,"}, "nwb_files", ["a.nwb", "b.nwb"]),
        ({"nwb_files": ["a.nwb"]}, "nwb_files", ["a.nwb"]),
        ({"nwb_files": None}, "nwb_files", []),
        ({"concatenate": True}, "split_segments", False),
        ({"concatenate": "false"}, "split_segments", True),
    ],
)
def test_strings_and_older_spellings_mean_what_they_say(
    given: dict[str, Any], field: str, expected: object
) -> None:
    assert getattr(parse_params(given), field) == expected


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"split_segment": True}, "did you mean 'split_segments'"),
        ({"zzz": 1}, "zzz: unknown parameter"),
        ({"debug_duration": 0}, "debug_duration: Input should be greater than 0"),
        ({"debug_duration": float("nan")}, "debug_duration"),
        ({"min_recording_duration": -2}, "must be -1 (off) or at least 0"),
        ({"split_groups": "perhaps"}, "split_groups"),
        ({"concatenate": "perhaps"}, "concatenate"),
        ({"input": "spikeinterface"}, "needs spikeinterface_info with a reader_type"),
        ({"job_dispatch": 3}, "must be a JSON object"),
        ({"spikeinterface_info": {"reader_typ": "x"}}, "did you mean 'reader_type'"),
        (
            {"spikeinterface_info": {"reader_type": "intan"}},
            "reader_kwargs is needed for reader_type 'intan'",
        ),
        (
            {
                "spikeinterface_info": {
                    "reader_type": "spikeinterface",
                    "keep_stream_substrings": "a",
                    "skip_stream_substrings": "b",
                }
            },
            "not both",
        ),
        (
            {
                "spikeinterface_info": {
                    "reader_type": "binary",
                    "reader_kwargs": [{}, {}],
                    "session_names": ["one"],
                }
            },
            "session_names has 1 value for 2 sessions",
        ),
    ],
)
def test_what_makes_no_sense_is_told_in_one_line(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ParameterError) as e:
        parse_params(values)
    assert told in str(e.value)
    assert "\n" not in str(e.value)


def test_json_arguments_are_text_or_files(tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text('{"debug": true}')
    assert load_json_argument(str(file), "params") == load_json_argument('{"debug": true}', "x")


@pytest.mark.parametrize("text", ["{input: spikeglx}", "no such file", "[1,", "\0"])
def test_what_is_neither_json_nor_a_file_is_refused(text: str) -> None:
    with pytest.raises(ParameterError, match="params: "):
        load_json_argument(text, "params")


def test_the_hash_ignores_which_sessions_are_looked_at_and_nothing_else() -> None:
    base = DispatchParams()
    assert base.hash() == DispatchParams(sessions=["a"]).hash()
    assert base.hash() != DispatchParams(split_groups=False).hash()
    assert base.hash() != DispatchParams(input="nwb").hash()


def test_complaints_about_endless_parameters_are_short() -> None:
    nested: Any = 1
    for _ in range(5_000):
        nested = [nested]
    for values, what in (
        ({"sessions": [0] * 100_000}, "and 99,980 more"),
        ({"x" * 10**6: 1}, "unknown parameter"),
        ({"concatenate": "x" * 10**6}, "is not true or false"),
        ({"input": nested}, "nested more than 20 levels deep"),
    ):
        with pytest.raises(ParameterError) as said:
            parse_params(values)
        assert what in said.value.what
        assert len(str(said.value)) < 10_000
    kwargs: Any = {"a": 1}
    for _ in range(300):  # pydantic reads it, and cannot write it
        kwargs = {"a": kwargs}
    info = {"reader_type": "intan", "reader_kwargs": kwargs}
    with pytest.raises(ParameterError, match="nested more than 20 levels deep"):
        parse_params({"input": "spikeinterface", "spikeinterface_info": info})
