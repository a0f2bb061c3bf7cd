"""What becomes of recordings between two scans: changed, renamed, copied, gone; on real files."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dispatch_assets.changes import Scan
from dispatch_assets.errors import MassRemovalError, UnknownJobError
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import Scope, scan
from dispatch_assets.shards import Shards
from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.samples import generic, nwb

NAMES = ("a", "b", "c")
A, B = "a~~block0_stream0_recording1", "b~~block0_stream0_recording1"
Z = "z~~block0_stream0_recording1"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("written") / "data"
    for i, name in enumerate(NAMES):
        write(data, name, seed=i)
    return data


def write(data: Path, name: str, seed: int) -> None:
    generic.write_binary_folder(data / name / "x", seed=seed, seconds=(0.05,), n_channels=4)


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return copy(written, tmp_path / "data")


@pytest.fixture
def shards(data: Path, tmp_path: Path) -> Shards:
    known = Shards(str(tmp_path / "store"))
    look(data, known)
    return known


def look(data: Path, shards: Shards, scope: Scope | None = None) -> Scan:
    found = scan(str(data), DispatchParams(), shards, scope)
    found.save(shards, scope.entries if scope else ())
    return found


def test_renamed_session_is_recognised_by_content(data: Path, shards: Shards) -> None:
    (data / "b").rename(data / "z")
    found = look(data, shards)
    assert found.renamed == {B: Z}
    assert [(c.key, c.renamed_from) for c in found.new] == [(Z, B)]
    with pytest.raises(UnknownJobError, match=f"now called {Z}; the data are the same"):
        shards.find(B)
    assert look(data, shards).renamed == {}  # is told once


def test_renamed_session_that_is_seen_in_two_steps(data: Path, shards: Shards) -> None:
    (data / "b").rename(data / "z")
    assert look(data, shards, Scope(entries=("b",), sessions_before=("b",))).renamed == {}
    found = look(data, shards, Scope(entries=("z",)))
    assert found.renamed == {B: Z}
    assert [c.renamed_from for c in found.new] == [B]


def test_session_copied_under_another_name_and_then_removed(data: Path, shards: Shards) -> None:
    shutil.copytree(data / "b", data / "z")
    assert look(data, shards).renamed == {}  # both are there
    shutil.rmtree(data / "b")
    assert look(data, shards).renamed == {B: Z}


def test_other_content_is_no_renaming(data: Path, shards: Shards) -> None:
    shutil.rmtree(data / "b")
    write(data, "z", seed=9)
    found = look(data, shards)
    assert found.renamed == {}
    assert list(found.vanished) == [B]


def test_renamed_back(data: Path, shards: Shards) -> None:
    (data / "b").rename(data / "z")
    look(data, shards)
    (data / "z").rename(data / "b")
    found = look(data, shards)
    assert [c.key for c in found.returned] == [B]
    assert found.renamed == {Z: B}
    assert shards.find(B).session.name == "b"


def test_named_entries_only(data: Path, shards: Shards) -> None:
    write(data, "d", seed=4)
    write(data, "e", seed=5)
    found = look(data, shards, Scope(entries=("d",)))
    assert [i.session.name for i in found.inventories] == ["d"]
    assert shards.names() == ["a", "b", "c", "d"]
    assert found.vanished == {}


def test_entry_that_is_no_session_replaces_what_was_said_of_it(data: Path, shards: Shards) -> None:
    for name in ("notes.txt", "more.txt"):
        (data / name).write_text("x")
    look(data, shards)
    assert [e.session_name for e in shards.not_sessions()] == ["more.txt", "notes.txt"]
    (data / "notes.txt").unlink()
    look(data, shards, Scope(entries=("notes.txt",)))
    assert [e.session_name for e in shards.not_sessions()] == ["more.txt"]


def test_entry_that_came_and_went_is_no_error(data: Path, shards: Shards) -> None:
    found = look(data, shards, Scope(entries=("never", "../data", "a/x", "")))
    assert found.entries == []
    assert not found.vanished


def test_entry_with_the_name_of_another_session(tmp_path: Path) -> None:
    """A file is called after itself only until a second one has its name."""
    data, shards = tmp_path / "data", Shards(str(tmp_path / "store"))
    for seed, name in enumerate(("one", "two")):
        nwb.write_nwb(data / name / "sub.nwb", seconds=0.05, seed=seed)
        found = look(data, shards, Scope(entries=(name,)))
    assert [i.session.name for i in found.inventories] == ["two-sub"]
    assert sorted(i.session.name for i in shards.present()) == ["sub", "two-sub"]
    everything = look(data, shards)
    assert sorted(i.session.name for i in shards.present()) == ["one-sub", "two-sub"]
    assert everything.renamed
    assert all(new == f"one-{old}" for old, new in everything.renamed.items())


def test_copies_are_no_renaming(data: Path, shards: Shards) -> None:
    for name in ("y", "z"):
        shutil.copytree(data / "b", data / name)
    shutil.rmtree(data / "b")
    assert look(data, shards).renamed == {}


def test_empty_root_is_no_mass_removal_of_named_entries(data: Path, shards: Shards) -> None:
    data.rename(data.with_name("away"))
    data.mkdir()
    with pytest.raises(MassRemovalError, match="the data folder is empty"):
        look(data, shards, Scope(entries=("b",), sessions_before=("b",)))
    assert len(shards.present()) == 3


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000])
def test_damaged_tombstones_stop_no_inventory(
    data: Path, shards: Shards, tmp_path: Path, text: str
) -> None:
    shutil.rmtree(data / "b")
    look(data, shards)
    stones = tmp_path / "store" / "vanished" / "b.json"
    whole = stones.read_text()
    stones.write_text(text)
    found = look(data, shards)
    assert (found.vanished_sessions, list(found.vanished)) == (["b"], [B])  # is told once more
    assert stones.read_text().startswith(whole[:20])
    stones.write_text(text)
    write(data, "b", seed=1)
    look(data, shards)
    assert sorted(i.session.name for i in shards.present()) == ["a", "b", "c"]


def test_damaged_notes_of_what_is_no_session_stop_no_inventory(
    data: Path, shards: Shards, tmp_path: Path
) -> None:
    (data / "notes.txt").write_text("x")
    for text in ("{", '[{"status": "odd"}]'):
        (tmp_path / "store" / "not_sessions.json").write_text(text)
        look(data, shards, Scope(entries=("notes.txt",)))
        assert [e.session_name for e in shards.not_sessions()] == ["notes.txt"]
