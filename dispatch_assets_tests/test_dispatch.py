"""The whole way once: job files, an inventory, and what earlier runs left behind."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.dispatch import Report, as_failed, dispatch
from dispatch_assets.errors import AmbiguousSessionsError, DispatchError, StreamError
from dispatch_assets.jobs import JobBuilder
from dispatch_assets.models import InventoryEntry, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.stream_plans import PlannedJob
from dispatch_assets_tests.formats.tampering import copy, reverse_directories, snapshot
from dispatch_assets_tests.samples import generic, payload

SMALL: dict[str, Any] = {"seconds": (0.05,), "n_channels": 4}
MULTI = DispatchParams(multi_session=True)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write two sessions; one of them has two recordings."""
    data = tmp_path_factory.mktemp("written") / "data"
    for i, name in enumerate(("a/x", "a/y", "b/x")):
        generic.write_binary_folder(data / name, seed=i, **SMALL)
    return data


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    """Return a copy of the sessions."""
    return copy(written, tmp_path / "data")


def jobs_in(results: Path) -> list[str]:
    return sorted(p.name for p in results.glob("*.json"))


A = ["job_a~~block0_stream0_recording1.json", "job_a~~block1_stream0_recording1.json"]
B = ["job_b~~block0_stream0_recording1.json"]


def test_results_are_jobs_and_an_inventory(data: Path, tmp_path: Path) -> None:
    seen: list[str] = []
    report = dispatch(data, tmp_path / "deep" / "results", MULTI, seen.append)
    assert seen == ["a", "b"]
    assert jobs_in(tmp_path / "deep" / "results") == A + B
    inventory = json.loads(
        (tmp_path / "deep" / "results" / ".dispatch" / "inventory.json").read_text()
    )
    assert [InventoryEntry.model_validate(e) for e in inventory] == list(report.entries)
    for path in report.job_files.values():
        SortingJob.model_validate_json(Path(path).read_text())
    # consumers take every JSON with "job" in its name for one
    assert len(list((tmp_path / "deep" / "results").glob("*job*"))) == 3


def test_the_same_data_give_the_same_bytes(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dispatch(data, tmp_path / "one", MULTI)
    reverse_directories(monkeypatch)
    dispatch(data, tmp_path / "two", MULTI)
    monkeypatch.undo()
    names = [p.relative_to(tmp_path / "one") for p in (tmp_path / "one").rglob("*.json")]
    assert len(names) > 1
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_several_sessions_must_be_wanted(data: Path, tmp_path: Path) -> None:
    with pytest.raises(AmbiguousSessionsError, match="2 sessions"):
        dispatch(data, tmp_path / "results", DispatchParams())
    assert not (tmp_path / "results").exists()
    report = dispatch(data, tmp_path / "results", DispatchParams(sessions=["b"]))
    assert [e.recording_name for e in report.entries] == ["block0_stream0_recording1"]


def test_a_job_whose_recording_is_gone_is_set_aside(data: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    dispatch(data, results, MULTI)
    (data / "a" / "y").rename(tmp_path / "y")
    report = dispatch(data, results, MULTI)
    assert jobs_in(results) == [A[0], *B]
    assert report.stale_files == (str(results / ".dispatch" / "stale" / A[1]),)
    assert (results / ".dispatch" / "stale" / A[1]).exists()
    (tmp_path / "y").rename(data / "a" / "y")
    assert dispatch(data, results, MULTI).stale_files == ()
    assert jobs_in(results) == A + B


def test_jobs_of_a_session_that_is_gone_are_set_aside(data: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    dispatch(data, results, MULTI)
    (data / "b").rename(tmp_path / "b")
    dispatch(data, results, MULTI)
    assert jobs_in(results) == A


@pytest.mark.parametrize("other", ["session", "folder", "format"])
def test_what_was_not_asked_about_stays(data: Path, tmp_path: Path, other: str) -> None:
    results = tmp_path / "results"
    dispatch(data, results, MULTI)
    if other == "session":
        dispatch(data, results, DispatchParams(sessions=["b"]))
    elif other == "folder":
        copy(data / "b", tmp_path / "more" / "c")
        dispatch(tmp_path / "more", results, DispatchParams())
    else:
        dispatch(data, results, DispatchParams(input="openephys"))
    assert set(jobs_in(results)) >= {*A, *B}


def test_foreign_files_stay(data: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    results.mkdir()
    foreign = {"job_1.json": '{"session_name": "a"}', "job_x.json": "{", "job_y.json": "[1]"}
    for name, text in foreign.items():
        (results / name).write_text(text)
    dispatch(data, results, MULTI)
    assert {n: (results / n).read_text() for n in foreign} == foreign


def test_a_job_that_cannot_be_built_is_a_failed_entry(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = JobBuilder.build

    def fail(self: JobBuilder, planned: PlannedJob) -> SortingJob:
        if planned.entry.block == "block1":
            raise StreamError("is gone", "x.dat", "Look for it", "missing_file")
        return build(self, planned)

    monkeypatch.setattr(JobBuilder, "build", fail)
    report = dispatch(data, tmp_path / "results", MULTI)
    assert jobs_in(tmp_path / "results") == [A[0], *B]
    (failed,) = [e for e in report.entries if e.status == "failed"]
    assert (failed.reason, failed.job_key, failed.block) == ("missing_file", None, "block1")
    assert report.exit_status == 1


def test_data_that_changed_since_they_were_planned(data: Path, tmp_path: Path) -> None:
    # garbage that only reading the traces and the times reveals
    import numpy as np

    store = generic.write_zarr(data / "c" / "x.zarr", **SMALL)
    (store / "traces_seg0" / "0.0").write_bytes(b"garbage")
    np.save(data / "b" / "x" / "times_cached_seg0.npy", np.zeros(3))
    report = dispatch(data, tmp_path / "results", MULTI)
    assert set(jobs_in(tmp_path / "results")) >= set(A)
    assert {e.session_name for e in report.entries if e.status == "failed"} >= {"c"}


def test_any_error_of_ours_can_stand_for_a_job(data: Path) -> None:
    entry = InventoryEntry(status="job", session_name="a", input_format="x", job_key="k")
    assert as_failed(entry, DispatchError("is broken")).reason == "unreadable"
    assert as_failed(entry, DispatchError("is broken")).message == "is broken."


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((), 1), (("job",), 0), (("job", "skipped"), 0), (("job", "failed"), 1), (("skipped",), 1)],
)
def test_exit_status(statuses: tuple[Any, ...], expected: int) -> None:
    entries = tuple(InventoryEntry(status=s, session_name="a", input_format="x") for s in statuses)
    assert Report(entries, {}).exit_status == expected


def test_all_zeros_are_told_but_dispatched(data: Path, tmp_path: Path) -> None:
    payload.write_int16(data / "b" / "x" / "traces_cached_seg0.raw", 1500, 4, "zeros")
    report = dispatch(data, tmp_path / "results", DispatchParams(sessions=["b"]))
    (warning,) = report.warnings["block0_stream0_recording1"]
    assert "zero everywhere" in warning
    assert report.exit_status == 0


def test_planning_and_dispatching_leave_the_data_alone(data: Path, tmp_path: Path) -> None:
    before = snapshot(data)
    dispatch(data, tmp_path / "results", MULTI)
    assert snapshot(data) == before
