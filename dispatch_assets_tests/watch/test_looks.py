from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_assets.errors import DataRootError
from dispatch_assets.watch import looks as module
from dispatch_assets.watch.looks import Look, look, looks


def write(file: Path, n_bytes: int = 10) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"x" * n_bytes)
    return file


def session(folder: Path) -> Path:
    write(folder / "probe" / "a.bin", 1000)
    write(folder / "probe" / "a.meta")
    write(folder / "notes.txt")
    return folder


def at(path: Path) -> Look:
    found = look(str(path))
    assert found is not None
    return found


def rewrite(folder: Path) -> None:
    """Write one file again, of the same size and date."""
    file = folder / "notes.txt"
    status = file.stat()
    file.write_bytes(b"y" * status.st_size)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, tuple[Callable[[Path], object], bool]] = {
    "nothing": (lambda s: None, False),
    "read": (lambda s: (s / "notes.txt").read_bytes(), False),
    "same size and date": (rewrite, False),  # the fingerprint of a full inventory sees it
    "grown": (lambda s: write(s / "probe" / "a.bin", 1001), True),
    "new file": (lambda s: write(s / "probe" / "b.bin", 0), True),
    "new empty folder": (lambda s: (s / "probe" / "more").mkdir(), True),
    "removed": (lambda s: (s / "notes.txt").unlink(), True),
    "renamed": (lambda s: (s / "notes.txt").rename(s / "note.txt"), True),
    "touched": (lambda s: os.utime(s / "notes.txt", (1, 1)), True),
    "hidden": (lambda s: write(s / ".notes.txt"), True),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_look_changes_with_names_sizes_and_dates(tmp_path: Path, change: str) -> None:
    act, differs = CHANGES[change]
    folder = session(tmp_path / "s")
    before = at(folder)
    act(folder)
    assert (at(folder).digest != before.digest) == differs


def test_a_look_stays_the_same_under_another_name(tmp_path: Path) -> None:
    folder = session(tmp_path / "s")
    before = at(folder)
    assert (before.n_files, before.size_bytes) == (3, 1020)
    assert at(folder.rename(tmp_path / "t")) == before
    file = write(tmp_path / "a.nwb")
    as_file = at(file)
    assert at(file.rename(tmp_path / "b.nwb")) == as_file
    assert look(str(file)) is None


def test_rsync_with_old_dates_changes_a_look(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    file = write(folder / "a.bin", 1000)
    os.utime(file, (1_000_000, 1_000_000))
    empty_look, temporary = at(folder), folder / ".b.bin.Q1wE2r"
    write(temporary, 500)
    half = at(folder)
    assert half.unfinished == str(temporary)
    assert half.digest != empty_look.digest
    os.utime(temporary, (1_000_000, 1_000_000))
    temporary.rename(folder / "b.bin")
    assert at(folder).unfinished == ""
    assert at(folder).digest not in (half.digest, empty_look.digest)


@pytest.mark.parametrize(
    ("name", "unfinished"),
    [
        (".b.bin.Q1wE2r", True),
        (".b.bin.abcdeF", True),
        ("b.bin.part", True),
        ("b.bin.filepart", True),
        (".a.bin.Q1wE2r", False),  # beside the whole file: left over
        ("a.bin.part", False),
        (".zmetadata", False),
        (".spyder.config", False),
        (".DS_Store", False),
        ("b.partial.bin", False),
    ],
)
def test_what_a_copying_program_will_rename(tmp_path: Path, name: str, unfinished: bool) -> None:
    write(tmp_path / "s" / "a.bin")
    write(tmp_path / "s" / name)
    assert bool(at(tmp_path / "s").unfinished) == unfinished


def test_entries_of_a_root(tmp_path: Path) -> None:
    session(tmp_path / "b")
    write(tmp_path / "a.nwb")
    write(tmp_path / ".c.nwb.Q1wE2r")
    assert list(looks(tmp_path)) == ["a.nwb", "b"]
    assert looks(tmp_path, ["b", "gone"]) == {"b": at(tmp_path / "b")}


def test_a_root_that_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(DataRootError, match="does not exist"):
        looks(tmp_path / "missing")
    with pytest.raises(DataRootError, match="is empty"):
        looks(tmp_path)
    with pytest.raises(DataRootError, match="cannot be listed"):
        looks(write(tmp_path / "file"))


def test_chunks_of_zarr_arrays_are_not_listed(tmp_path: Path) -> None:
    store = tmp_path / "s" / "a.zarr"
    write(store / ".zgroup")
    for name in (".zarray", *map(str, range(50))):
        write(store / "traces" / name)
    before = at(tmp_path / "s")
    assert before.n_files == 1
    os.utime(store / "traces", (1, 1))
    copying = at(tmp_path / "s").digest
    write(store / "traces" / "50")
    assert len({before.digest, copying, at(tmp_path / "s").digest}) == 3


def test_files_of_a_huge_folder_are_not_asked_for_their_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_LISTED", 5)
    for i in range(6):
        write(tmp_path / "s" / "video" / f"{i}.png")
    os.utime(tmp_path / "s" / "video", (1, 1))
    before = at(tmp_path / "s")
    assert before.n_files == 0
    write(tmp_path / "s" / "video" / "0.png", 11)
    assert at(tmp_path / "s") == before
    write(tmp_path / "s" / "video" / "6.png")
    assert at(tmp_path / "s") != before


def test_a_walk_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 3)
    for name in "abcdef":
        write(tmp_path / "s" / name / "1")
        write(tmp_path / "s" / name / "2")
    assert at(tmp_path / "s").n_files == 4
    deep = tmp_path / "deep"
    write(deep / "/".join("d" * module.MAX_DEPTH) / "seen")
    write(deep / "/".join("d" * (module.MAX_DEPTH + 1)) / "not")
    assert at(deep).n_files == 1


def test_links(tmp_path: Path) -> None:
    outside = session(tmp_path / "outside")
    root = tmp_path / "root"
    write(root / "s" / "a.bin")
    (root / "s" / "loop").symlink_to(root / "s")
    (root / "s" / "folder").symlink_to(outside)
    (root / "s" / "file").symlink_to(outside / "notes.txt")
    (root / "s" / "dangling").symlink_to(outside / "missing")
    (root / "t").symlink_to(outside)
    before = looks(root)
    assert before["s"].n_files == 5
    assert before["t"] == at(outside)
    write(outside / "more")
    assert looks(root)["s"] == before["s"]
    write(outside / "notes.txt", 99)
    assert looks(root)["s"] != before["s"]


def test_names_that_are_no_text(tmp_path: Path) -> None:
    folder = os.fsencode(tmp_path) + b"/s\xff"
    Path(os.fsdecode(folder)).mkdir()
    for name in (b"\xe9.bin", b"two\nlines", "emoji \N{RAT}".encode()):
        write(Path(os.fsdecode(folder + b"/" + name)))
    found = looks(tmp_path)
    assert [look.n_files for look in found.values()] == [3]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_closed_folder_is_a_reason(tmp_path: Path) -> None:
    session(tmp_path / "s")
    before = at(tmp_path / "s")
    (tmp_path / "s" / "probe").chmod(0)
    try:
        closed = at(tmp_path / "s")
    finally:
        (tmp_path / "s" / "probe").chmod(0o755)
    assert "probe cannot be listed (Permission denied)" in closed.problem
    assert closed.digest != before.digest


def test_a_folder_that_cannot_be_listed_is_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(tmp_path / "s")
    scandir = os.scandir

    def failing(path: str) -> object:
        if str(path).endswith("probe"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", failing)
    assert "probe cannot be listed (Permission denied)" in at(tmp_path / "s").problem


def test_what_vanishes_under_the_walk_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session(tmp_path / "s")
    before, scandir = at(tmp_path / "s"), os.scandir

    def vanishing(path: str) -> object:
        found = scandir(path)
        if str(path).endswith("/s"):
            shutil.rmtree(tmp_path / "s" / "probe")
        return found

    monkeypatch.setattr(os, "scandir", vanishing)
    seen = at(tmp_path / "s")
    assert not seen.problem
    assert seen.digest != before.digest
