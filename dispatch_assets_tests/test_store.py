"""JSON files that are there whole or not at all, on disk and behind URLs."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import fsspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.errors import NamingError, StoreError
from dispatch_assets.naming import job_file_name, job_key
from dispatch_assets.store import JsonFolder


@pytest.fixture(params=["disk", "file URL", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> JsonFolder:
    if request.param == "disk":
        return JsonFolder(tmp_path / "not" / "there yet")
    if request.param == "file URL":
        return JsonFolder(f"file://{tmp_path}/not/there")
    fsspec.filesystem("memory").store.clear()
    return JsonFolder("memory://bucket/prefix")


def test_what_is_written_is_read(folder: JsonFolder) -> None:
    assert folder.names() == []
    assert not folder.exists("b")
    folder.write("b", '{"x": [1, "é"]}\n')
    folder.write("a~2f", "[]")
    assert folder.read("b") == {"x": [1, "é"]}
    assert folder.names() == ["a~2f", "b"]
    assert folder.exists("b")
    folder.write("b", "2")
    assert folder.read("b") == 2
    assert folder.read_bytes("b") == b"2"


def test_missing_and_damaged_files_are_told(folder: JsonFolder) -> None:
    with pytest.raises(StoreError, match=r"x\.json: cannot be read"):
        folder.read("x")
    folder.write("x", "{")
    with pytest.raises(StoreError, match=r"x\.json: cannot be read .*Materialize"):
        folder.read("x")
    folder.write("x", "[" * 100_000)
    with pytest.raises(StoreError, match=r"x\.json: cannot be read .*Materialize"):
        folder.read("x")


@pytest.mark.parametrize("name", ["", ".", "..", ".hidden", "a/b", "../a", "a\\b", "a\0b"])
def test_names_that_lead_elsewhere_are_refused(folder: JsonFolder, name: str) -> None:
    for use in (
        folder.path,
        folder.read,
        folder.read_bytes,
        folder.exists,
        lambda n: folder.write(n, "1"),
    ):
        with pytest.raises(NamingError):
            use(name)


@given(st.text(min_size=1, max_size=30), st.text(min_size=1, max_size=30))
def test_every_job_has_a_file_of_its_own(session: str, recording: str) -> None:
    name = job_file_name(job_key(session, recording)).removesuffix(".json")
    assert JsonFolder("/x").path(name).parent == JsonFolder("/x").base


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = JsonFolder(tmp_path)
    folder.write("x", "1")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        folder.write("x", "2")
    assert folder.read("x") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]


def test_unfinished_and_foreign_files_are_not_listed(tmp_path: Path) -> None:
    folder = JsonFolder(tmp_path)
    folder.write("x", "1")
    (tmp_path / ".abc.tmp").write_text("half")
    (tmp_path / ".hidden.json").write_text("1")
    (tmp_path / "notes.txt").write_text("1")
    assert folder.names() == ["x"]


def test_readers_never_see_a_part(tmp_path: Path) -> None:
    folder = JsonFolder(tmp_path)
    texts = [f"[{'1,' * 20_000}{i}]" for i in range(2)]
    folder.write("x", texts[0])
    done = threading.Event()
    seen = []

    def read() -> None:
        while not done.is_set():
            value = folder.read("x")
            assert isinstance(value, list)
            seen.append(len(value))

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(20):
        folder.write("x", texts[i % 2])
    done.set()
    reader.join()
    assert set(seen) == {20_001}


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="cannot be written"):
        JsonFolder(tmp_path / "file").write("x", "1")
    with pytest.raises(StoreError, match="cannot be listed"):
        JsonFolder(tmp_path / "file").names()
