"""Fingerprints: the same for the same content, whatever its dates and place; else another."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch_assets.errors import StreamError
from dispatch_assets.fingerprint import BLOCK_BYTES, N_BLOCKS, WHOLE_BYTES, fingerprint
from dispatch_assets_tests.formats.tampering import flip_byte


def write(path: Path, size: int, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(np.random.default_rng(seed).bytes(size))
    return path


def of(*paths: Path, root: Path | None = None) -> str:
    return fingerprint(paths, root or paths[0].parent)[0]


def test_copies_are_the_same_and_dates_do_not_count(tmp_path: Path) -> None:
    for name in ("a.bin", "b/c.meta"):
        write(tmp_path / "one" / name, 10_000)
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    for path in (tmp_path / "two").rglob("*"):
        os.utime(path, (1, 1))
    digests = {
        of(*sorted(p for p in (tmp_path / x).rglob("*") if p.is_file()), root=tmp_path / x)
        for x in ("one", "two")
    }
    assert len(digests) == 1


def test_order_and_repetition_do_not_count(tmp_path: Path) -> None:
    a, b = write(tmp_path / "a", 10), write(tmp_path / "b", 10, 1)
    assert of(a, b) == of(b, a) == of(a, b, a)


def test_names_and_sizes_count(tmp_path: Path) -> None:
    a = write(tmp_path / "a", 10)
    digests = {of(a), of(write(tmp_path / "b", 10)), of(write(tmp_path / "x" / "a", 10))}
    assert len(digests) == 2  # only the relative name counts
    assert of(a) != of(write(tmp_path / "y" / "a", 11))
    assert fingerprint([a], tmp_path)[1] == 10


@pytest.mark.parametrize("position", [0, BLOCK_BYTES - 1, -1, -BLOCK_BYTES])
def test_the_ends_of_a_big_file_count(tmp_path: Path, position: int) -> None:
    path = write(tmp_path / "big", WHOLE_BYTES + 12_345)
    before = of(path)
    flip_byte(path, position % path.stat().st_size)
    assert of(path) != before


def test_a_small_file_counts_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "small", WHOLE_BYTES)
    digests = {of(path)}
    for position in range(0, WHOLE_BYTES, WHOLE_BYTES // 10):
        flip_byte(path, position)
        digests.add(of(path))
        flip_byte(path, position)
    assert len(digests) == 12


def test_big_files_are_sampled_throughout_and_not_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "big"
    with path.open("wb") as f:
        f.truncate(2**40)  # a terabyte, sparse: reading it whole would never end
    before = of(path)
    step = (2**40 - BLOCK_BYTES) // (N_BLOCKS - 1)
    with path.open("r+b") as f:
        f.seek(7 * step + 10)
        f.write(b"x")
    assert of(path) != before


def store(folder: Path, n_chunks: int) -> Path:
    """Write what looks like a Zarr store with one array."""
    for i in range(n_chunks):
        write(folder / "traces" / f"{i}.0", 100, i)
    write(folder / "traces" / ".zarray", 50)
    write(folder / "properties" / "gain" / "0", 10)
    return folder


@pytest.mark.parametrize("chunk", ["0.0", "999.0"])
def test_the_ends_of_an_array_count(tmp_path: Path, chunk: str) -> None:
    folder = store(tmp_path / "x.zarr", 1000)
    before = of(folder)
    flip_byte(folder / "traces" / chunk, 50)
    assert of(folder) != before


def test_any_file_that_is_added_removed_or_cut_in_a_store_counts(tmp_path: Path) -> None:
    folder = store(tmp_path / "x.zarr", 300)
    digests = [of(folder)]
    (folder / "traces" / "137.0").unlink()
    digests.append(of(folder))
    write(folder / "traces" / "137.0", 99, 137)
    digests.append(of(folder))
    write(folder / "traces" / "300.0", 100)
    digests.append(of(folder))
    write(folder / "traces" / ".zarray", 50, seed=1)
    digests.append(of(folder))
    assert len(set(digests)) == 5


def test_a_folder_is_the_same_through_links(tmp_path: Path) -> None:
    folder = store(tmp_path / "here" / "x.zarr", 3)
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x.zarr").symlink_to(folder)
    shutil.copytree(folder, tmp_path / "parts" / "x.zarr")
    shutil.rmtree(tmp_path / "parts" / "x.zarr" / "traces")
    (tmp_path / "parts" / "x.zarr" / "traces").symlink_to(folder / "traces")
    assert of(folder) == of(tmp_path / "there" / "x.zarr") == of(tmp_path / "parts" / "x.zarr")


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    (tmp_path / "loop").mkdir()
    (tmp_path / "loop" / "again").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "missing", tmp_path / "loop"):
        with pytest.raises(StreamError, match=path.name) as caught:
            of(path)
        assert caught.value.reason == "unreadable"


@given(st.lists(st.tuples(st.sampled_from("ab"), st.binary(max_size=3)), max_size=3))
def test_different_files_have_different_fingerprints(
    tmp_path_factory: pytest.TempPathFactory, files: list[tuple[str, bytes]]
) -> None:
    folders = []
    for changed in (False, True):
        root = tmp_path_factory.mktemp("x")
        for i, (name, content) in enumerate(files):
            (root / f"{name}{i}").write_bytes(content + b"!" * (changed and i == 0))
        folders.append(of(*root.iterdir(), root=root) if files else "")
    assert (folders[0] == folders[1]) == (not files)
