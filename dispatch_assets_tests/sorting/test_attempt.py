"""Attempts at a step: published whole or not at all, whoever is killed and when."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from dispatch_assets.errors import NamingError, StepError, StoreError
from dispatch_assets.sorting import attempt as attempts
from dispatch_assets.sorting.attempt import (
    attempt_folder,
    last_failure,
    publish,
    published,
    record_failure,
)
from dispatch_assets.sorting.results import RESULT_FILE
from dispatch_assets_tests.sorting.attempt_lab import (
    STEP,
    failure,
    leftovers,
    make,
    payload,
    result,
)

# one process


def test_what_is_published_is_whole_and_alone(tmp_path: Path) -> None:
    target = make(tmp_path, "a1")
    assert target == tmp_path / STEP
    assert sorted(p.name for p in target.iterdir()) == ["deep", RESULT_FILE]
    assert published(tmp_path, STEP).attempt == "a1"
    assert leftovers(tmp_path) == []


def test_nothing_stays_of_an_attempt_that_raised(tmp_path: Path) -> None:
    make(tmp_path, "a1")
    with pytest.raises(FileNotFoundError), attempt_folder(tmp_path, STEP, "a2") as folder:
        (folder / "no such folder" / "half").write_text("half")
    assert leftovers(tmp_path) == []
    assert published(tmp_path, STEP).attempt == "a1"


def test_a_replacement_keeps_the_old_result_until_it_is_whole(tmp_path: Path) -> None:
    make(tmp_path, "a1")
    with attempt_folder(tmp_path, STEP, "a2") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "payload").write_text("a2")
        assert payload(tmp_path) == "a1"
        assert published(tmp_path, STEP).attempt == "a1"
        publish(folder, result("a2"))
    assert payload(tmp_path) == "a2"
    assert published(tmp_path, STEP).attempt == "a2"
    assert leftovers(tmp_path) == []


def test_the_old_result_comes_back_if_the_new_one_cannot_be_put_in_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a1")
    rename = Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == f".{STEP}-a2":
            raise OSError(28, "No space left on device")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(StoreError, match="No space left"):
        make(tmp_path, "a2")
    assert payload(tmp_path) == "a1"
    assert leftovers(tmp_path) == []


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "..", "a b", "a.old"])
def test_names_that_cannot_be_folders(tmp_path: Path, name: str) -> None:
    with pytest.raises(NamingError), attempt_folder(tmp_path, STEP, name):
        pass


def test_no_result_and_a_damaged_one(tmp_path: Path) -> None:
    with pytest.raises(StepError, match="Run the step `units` first"):
        published(tmp_path, STEP)
    make(tmp_path, "a1")
    (tmp_path / STEP / RESULT_FILE).write_text("{")
    with pytest.raises(StoreError, match="Run the step `units` again"):
        published(tmp_path, STEP)


def test_results_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError), attempt_folder(tmp_path / "file", STEP, "a1"):
        pass


def test_a_failure_is_on_record_until_a_success(tmp_path: Path) -> None:
    make(tmp_path, "a1")
    record_failure(tmp_path, failure("a2"))
    last = last_failure(tmp_path, STEP)
    assert last is not None
    assert last.attempt == "a2"
    assert published(tmp_path, STEP).attempt == "a1"
    make(tmp_path, "a3")
    assert last_failure(tmp_path, STEP) is None


# several at once


def test_two_attempts_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    with (
        attempt_folder(tmp_path, STEP, "a1") as one,
        attempt_folder(tmp_path, STEP, "a2") as two,
    ):
        (one / "payload").write_text("1")
        (two / "payload").write_text("2")
        publish(two, result("a2"))
        assert (one / "payload").read_text() == "1"
        publish(one, result("a1"))
    assert published(tmp_path, STEP).attempt == "a1"
    assert (tmp_path / STEP / "payload").read_text() == "1"
    assert leftovers(tmp_path) == []


def test_an_attempt_does_not_clear_away_one_that_is_being_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = attempts._sync_tree

    def sync_while_another_begins(folder: Path) -> None:
        sync(folder)
        with attempt_folder(tmp_path, STEP, "other"):
            pass

    with attempt_folder(tmp_path, STEP, "a1") as folder:
        (folder / "payload").write_text("1")
        monkeypatch.setattr(attempts, "_sync_tree", sync_while_another_begins)
        publish(folder, result("a1"))
    assert (tmp_path / STEP / "payload").read_text() == "1"


def test_steps_whose_names_begin_alike_leave_each_other_alone(tmp_path: Path) -> None:
    with attempt_folder(tmp_path, "units_report", "a1") as report:
        make(tmp_path, "a1")
        publish(report, result("a1", "units_report"))
    assert published(tmp_path, "units_report").step == "units_report"
    assert published(tmp_path, STEP).step == STEP


def test_readers_never_miss_a_result_that_is_being_replaced(tmp_path: Path) -> None:
    make(tmp_path, "a0")
    missed: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            try:
                published(tmp_path, STEP)
            except (StepError, StoreError) as e:
                missed.append(e)

    reader = threading.Thread(target=read)
    reader.start()
    for i in range(60):
        make(tmp_path, f"a{i + 1}")
    done.set()
    reader.join()
    assert missed == []
    assert published(tmp_path, STEP).attempt == "a60"


# killed with -9
