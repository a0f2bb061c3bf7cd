"""What a plan would change, and why: as `plan --diff` prints it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_assets.cli import main
from dispatch_assets.difference import KINDS, JobDifference, before_in, compare
from dispatch_assets.dispatch import dispatch, plan
from dispatch_assets.errors import StoreError
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets_tests.formats.tampering import copy, flip_byte
from dispatch_assets_tests.samples import generic

MULTI = DispatchParams(multi_session=True)
A, B = "a~~block0_stream0_recording1", "b~~block0_stream0_recording1"

Kept = Callable[[Path, Path], None]


def keep_results(data: Path, place: Path) -> None:
    dispatch(data, place, MULTI)


def keep_store(data: Path, place: Path) -> None:
    shards = Shards(str(place))
    scan(str(data), MULTI, shards).save(shards)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written") / "data"
    for i, name in enumerate("ab"):
        generic.write_binary_folder(data / name / "x", seed=i, seconds=(0.05, 0.07), n_channels=4)
    return data


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return copy(written, tmp_path / "data")


@pytest.fixture(params=[keep_results, keep_store])
def place(request: pytest.FixtureRequest, data: Path, tmp_path: Path) -> Path:
    """A results folder, or a store."""
    keep: Kept = request.param
    keep(data, tmp_path / "place")
    return tmp_path / "place"


def difference(
    data: Path, place: Path, params: DispatchParams = MULTI
) -> dict[str, tuple[str, list[str]]]:
    report = plan(data, params)
    found = compare(before_in(str(place)), report.inventories, report.scanned)
    return {d.job_key: (d.change, d.reasons) for d in found}


def test_nothing_changes(data: Path, place: Path) -> None:
    found = difference(data, place)
    assert len(found) == 4
    assert all(change == ("unchanged", []) for change in found.values())


def test_other_samples_are_named(data: Path, place: Path) -> None:
    flip_byte(next((data / "b").rglob("traces_cached_seg0.raw")), 9)
    found = difference(data, place)
    change, why = found[B]
    assert change == "changed"
    assert [w for w in why if "traces_cached_seg0.raw: same size, other content" in w] == why
    assert found[A] == ("unchanged", [])


def test_longer_file_is_named_with_its_sizes(data: Path, place: Path) -> None:
    file = next((data / "b").rglob("traces_cached_seg0.raw"))
    size = file.stat().st_size
    with file.open("ab") as f:
        f.write(bytes(80))
    _, why = difference(data, place)[B]
    assert any(f"{size:,} bytes, now {size + 80:,}" in w for w in why)


def test_parameters_are_named(data: Path, place: Path) -> None:
    found = difference(data, place, DispatchParams(multi_session=True, debug=True))
    assert {c for c, _ in found.values()} == {"changed"}
    assert found[A][1] == ["debug was False, is True"]


def test_parameters_that_add_and_remove(data: Path, place: Path) -> None:
    found = difference(data, place, DispatchParams(multi_session=True, split_segments=False))
    told = ["split_segments was True, is False"]
    assert found["a~~block0_stream0_recording"] == ("added", told)
    assert found["a~~block0_stream0_recording1"] == ("removed", told)


def test_new_gone_and_renamed_sessions(data: Path, place: Path) -> None:
    generic.write_binary_folder(data / "c" / "x", seed=7, seconds=(0.05,), n_channels=4)
    (data / "b").rename(data / "z")
    found = difference(data, place)
    assert found["c~~block0_stream0_recording1"] == ("added", ["the session is new"])
    assert found["z~~block0_stream0_recording1"] == (
        "added",
        [f"same data as {B}: renamed or copied"],
    )
    assert found[B] == ("removed", ["the session is not in the data folder any more"])


def test_faulty_recording_says_why_it_goes(data: Path, place: Path) -> None:
    next((data / "b").rglob("traces_cached_seg0.raw")).write_bytes(b"")
    found = difference(data, place)
    change, why = found[B]
    assert change == "removed"
    assert why[0]


def test_one_session_of_several_is_compared_with_itself_only(data: Path, place: Path) -> None:
    found = difference(data, place, DispatchParams(multi_session=True, sessions=["a"]))
    assert all(key.startswith("a~~") for key in found)


def test_command_prints_every_kind(
    data: Path, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flip_byte(next((data / "b").rglob("traces_cached_seg1.raw")), 9)
    (data / "a").rename(data / "c")
    arguments = ["plan", str(data), "--multi-session", "--diff", str(place)]
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for kind in KINDS:
        assert f"\n{kind}:\n  " in f"\n{text}"
    assert "6 jobs: 2 added, 1 changed, 2 removed, 1 unchanged" in text
    assert main([*arguments, "--json"]) == 0
    listed = [JobDifference.model_validate(d) for d in json.loads(capsys.readouterr().out)]
    assert {d.change for d in listed} == set(KINDS)


def test_place_without_jobs(data: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="holds neither inventories nor jobs"):
        before_in(str(tmp_path))
