"""What every parser of text makes of any text: a value, or an error of ours that says why."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dispatch_assets.errors import DispatchError, ParameterError, StoreError, UntrustedDataError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.params import DispatchParams, load_json_argument, parse_params
from dispatch_assets.recording_json import check_trusted
from dispatch_assets.shards import Shards
from dispatch_assets.sorting.params import SortingParams, parse_sorting_params
from dispatch_assets.watch.cursor import dump_cursor, kept, parse_cursor
from dispatch_assets.watch.seen import Seen
from dispatch_assets_tests.fuzz.corpus import Arena, write_arenas
from dispatch_assets_tests.fuzz.examination import MAX_MESSAGE
from dispatch_assets_tests.fuzz.texts import PARAMETERS, SORTING, texts

any_text = st.text(st.characters(codec=None), max_size=30)  # halves of characters as well
scalar = st.none() | st.booleans() | st.integers() | st.floats() | any_text
anything = st.recursive(
    scalar, lambda x: st.lists(x, max_size=4) | st.dictionaries(any_text, x, max_size=4)
)
any_bytes = st.one_of(
    st.binary(max_size=60),
    anything.map(lambda value: json.dumps(value).encode()),
    st.sampled_from([b"[" * 200_000, b'{"a":' * 200_000, b"9" * 5_000, b'"' + b"x" * 1_000_000]),
)
few = settings(
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def like(base: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Return objects with keys of `base`, as they are there or with any value."""
    optional: dict[str, st.SearchStrategy[Any]] = {
        key: st.just(value)
        | anything
        | (like(value) if isinstance(value, dict) and value else st.nothing())
        for key, value in base.items()
    }
    return st.fixed_dictionaries({}, optional=optional)


def assert_said(error: DispatchError) -> None:
    assert 0 < len(str(error)) <= MAX_MESSAGE


@few
@given(like(PARAMETERS) | st.dictionaries(any_text, anything, max_size=5))
def test_parameters(values: dict[str, Any]) -> None:
    try:
        params = parse_params(values)
    except ParameterError as e:
        assert_said(e)
    else:
        assert isinstance(params, DispatchParams)
        assert params.hash() == parse_params(params.model_dump()).hash()


@few
@given(like(SORTING) | st.dictionaries(any_text, anything, max_size=5))
def test_parameters_of_sorting(values: dict[str, Any]) -> None:
    try:
        params, _ = parse_sorting_params(values)
    except ParameterError as e:
        assert_said(e)
    else:
        assert isinstance(params, SortingParams)


@few
@given(any_text | any_bytes.map(lambda b: b.decode("utf-8", "surrogateescape")))
def test_json_on_the_command_line(text: str) -> None:
    try:
        load_json_argument(text, "params")
    except ParameterError as e:
        assert_said(e)


@pytest.mark.parametrize("depth", [3, 400, 5_000])
def test_parameters_that_are_nested(depth: int) -> None:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    for values in ({"input": value}, {"sessions": value}, {"spikeinterface_info": {"x": value}}):
        with pytest.raises(ParameterError):
            parse_params(values)


@few
@given(anything)
def test_descriptions_of_recordings(described: object) -> None:
    with contextlib.suppress(UntrustedDataError):
        check_trusted(described, "x.json")


@given(st.text(max_size=40), st.dictionaries(any_text, anything, max_size=3))
@few
def test_only_recordings_of_spikeinterface_are_named(name: str, kwargs: dict[str, Any]) -> None:
    """Whatever stands around it."""
    trap = {"class": f"os.{name}", "module": "os", "kwargs": kwargs}
    with pytest.raises(UntrustedDataError, match="no recording class of SpikeInterface's own"):
        check_trusted({"a": [{"b": [trap]}]}, "x.json")


cursor = next(t.content for t in texts() if t.kind.startswith("cursor"))


@few
@given(
    like(json.loads(cursor)).map(json.dumps)
    | any_text
    | any_bytes.map(lambda b: b.decode("latin-1"))
)
def test_cursors(text: str) -> None:
    pending = kept(parse_cursor(text))
    assert parse_cursor(dump_cursor(pending)) == pending


# what lies in a store


@pytest.fixture(scope="module")
def arena(tmp_path_factory: pytest.TempPathFactory) -> Arena:
    folder = tmp_path_factory.mktemp("arenas")
    (store,) = write_arenas(folder, ["store"])
    return store


@few
@given(content=any_bytes)
def test_files_of_a_store(arena: Arena, content: bytes) -> None:
    before = {t.kind: t for t in arena.targets}
    for target in before.values():
        assert target.path is not None
        target.path.write_bytes(content)
    shards, files = Shards(str(arena.store)), JobFiles(str(arena.store))
    key = next(k for k in arena.jobs if k not in arena.healthy)
    try:
        assert shards.read_or_none("victim") is None
        assert shards.tombstones_or_none("victim") is None
        assert shards.not_sessions_or_none() in (None, [])
        assert [i.session.name for i in shards.present()] == ["healthy"]
        assert Seen.read(str(arena.store), arena.data).entries == {}
        assert not files.is_made_from(key, "x", "y")
        for read in (shards.read, shards.tombstones, lambda _: files.read(key)):
            with pytest.raises(StoreError) as said:
                read("victim")
            assert_said(said.value)
    finally:
        for target in before.values():
            Path(str(target.path)).write_bytes(target.content)
