"""What SpikeInterface saved itself, and what its readers read: blocks, streams, probes, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.outcome import dispatched, loaded, names, planned, reasons, sizes
from dispatch_assets_tests.samples import generic, payload


class TestContract(InputFormatContract):
    input_format = "spikeinterface"
    decides = "a"
    jobs = {("block0", "stream0"): 1, ("block1", "stream0"): 4}
    left_out = {("", "c"): "not_a_recording"}
    raw = ("a/traces_cached_seg0.raw", "a/traces_cached_seg1.raw")
    raw_stream = ("block0", "stream0")

    def write(self, folder: Path) -> Path:
        about: dict[str, Any] = {"seconds": (SECONDS, SECONDS), "n_channels": 32}
        generic.write_binary_folder(folder / "a", **about)
        generic.write_zarr(folder / "b.zarr", n_shanks=4, **about)
        generic.write_sorting_folder(folder / "c")
        return folder

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface import load

        return load(session / {"block0": "a", "block1": "b.zarr"}[block])


SHORT: dict[str, Any] = {"seconds": (0.3,), "n_channels": 4}
SELF: dict[str, Any] = {
    "input": "spikeinterface",
    "spikeinterface_info": {"reader_type": "spikeinterface"},
}


# what SpikeInterface saved


@pytest.mark.parametrize("params", [{}, SELF])
def test_saved_folders_and_stores(tmp_path: Path, params: dict[str, Any]) -> None:
    generic.write_binary_folder(tmp_path / "s" / "one", **SHORT)
    generic.write_zarr(tmp_path / "s" / "two.zarr", seed=1, **SHORT)
    generic.write_sorting_folder(tmp_path / "s" / "sorting")
    (tmp_path / "s" / "folder").mkdir()
    report, jobs = dispatched(tmp_path, **params)
    assert list(jobs) == ["block0_stream0_recording1", "block1_stream0_recording1"]
    assert {job.session_name for job in jobs.values()} == {"session1" if params else "s"}
    assert reasons(report, "skipped") == {
        ("", "sorting", None): "not_a_recording",
        ("", "folder", None): "not_recognised",
    }
    assert report.exit_status == 0
    first, second = (loaded(job, tmp_path).get_traces() for job in jobs.values())
    assert (first != second).any()


def test_recordings_directly_in_the_data_folder_are_sessions(tmp_path: Path) -> None:
    generic.write_binary_folder(tmp_path / "one", **SHORT)
    generic.write_zarr(tmp_path / "two.zarr", **SHORT)
    _, jobs = dispatched(tmp_path, multi_session=True)
    assert list(jobs) == [f"{s}__block0_stream0_recording1" for s in ("one", "two")]


@pytest.mark.parametrize(
    ("kind", "params"),
    [
        ("absolute", {}),
        ("relative to the data", {}),
        ("relative to the file", {}),
        ("absolute", SELF),
        ("relative to the file", SELF),
    ],
)
def test_json_files(tmp_path: Path, kind: str, params: dict[str, Any]) -> None:
    data = tmp_path / "data"
    relative_to = {
        "absolute": None,
        "relative to the data": data,
        "relative to the file": data / "s",
    }[kind]
    generic.write_json_dump(
        data / "s" / "rec.json", data / "s" / "raw" / "rec", relative_to=relative_to, **SHORT
    )
    # JSON files count where there is no folder beside them; this one lies alone
    (data / "t").mkdir()
    (data / "s" / "rec.json").rename(data / "t" / "rec.json")
    if kind == "relative to the file":
        text = (data / "t" / "rec.json").read_text()
        (data / "t" / "rec.json").write_text(text.replace('"raw/rec"', '"../s/raw/rec"'))
    about = {"sessions": "t", "multi_session": True} if not params else {}
    root = data if not params else data / "t"
    _, jobs = dispatched(root, **params, **about)
    (job,) = jobs.values()
    assert sizes(loaded(job, root)) == [3000]
    assert loaded(job, root).get_traces().any()


def test_times_set_by_hand_are_reset_and_said_so(tmp_path: Path) -> None:
    generic.write_json_dump(
        tmp_path / "t" / "rec.json",
        tmp_path / "raw" / "rec",
        relative_to=tmp_path,
        times=True,
        **SHORT,
    )
    _, jobs = dispatched(tmp_path, sessions="t", multi_session=True)
    (job,) = jobs.values()
    assert (job.skip_times, job.timestamps.verdict) == (True, "reset")
    assert "set by hand" in job.warnings[0]
    assert loaded(job, tmp_path).get_num_samples() == 3000


@pytest.mark.parametrize("gap_ms", [0.0, 60_000.0])
def test_a_slice_of_a_recording_with_times(tmp_path: Path, gap_ms: float) -> None:
    from spikeinterface.core import load

    folder = generic.write_binary_folder(tmp_path / "raw" / "rec", **SHORT)
    times = payload.sync_times(9000, 30000.0, 7.0)
    np.save(folder / "times_cached_seg0.npy", payload.with_gap(times, gap_ms) if gap_ms else times)
    part = load(folder).frame_slice(start_frame=1000, end_frame=8000)
    (tmp_path / "t").mkdir()
    part.dump_to_json(tmp_path / "t" / "rec.json", relative_to=tmp_path)
    _, jobs = dispatched(tmp_path, sessions="t", multi_session=True)
    (job,) = jobs.values()
    assert job.timestamps.verdict == ("reset" if gap_ms else "kept")
    assert job.timestamps.segments[0].t_start_s == times[1000]
    assert [d.sample for d in job.timestamps.segments[0].discontinuities] == [3500] * bool(gap_ms)
    recording = loaded(job, tmp_path)  # SpikeInterface unmaps the times when this goes
    assert recording.get_times()[0] == times[1000]


def test_a_damaged_neighbour_does_not_rename_the_others(tmp_path: Path) -> None:
    for i, name in enumerate(("a", "b", "c")):
        generic.write_binary_folder(tmp_path / "s" / name, seed=i, **SHORT)
    good = {e.recording_name: e.fingerprint for e in planned(tmp_path).entries}
    for file in ("si_folder.json", "binary.json", "traces_cached_seg0.raw"):
        text = (tmp_path / "s" / "b" / file).read_bytes()
        (tmp_path / "s" / "b" / file).write_bytes(b"{")
        report = planned(tmp_path)
        assert names(report) == ["block0_stream0_recording1", "block2_stream0_recording1"]
        for e in report.entries:
            assert e.status != "job" or e.fingerprint == good[e.recording_name]
        assert len(reasons(report)) == 1
        (tmp_path / "s" / "b" / file).write_bytes(text)


def test_a_truncated_recording_fails(tmp_path: Path) -> None:
    folder = generic.write_binary_folder(tmp_path / "s" / "a", **SHORT)
    payload.cut_file(folder / "traces_cached_seg0.raw", 801)
    report = planned(tmp_path)
    assert set(reasons(report).values()) <= {"unreadable", "truncated"}
    assert len(reasons(report)) == 1


def test_a_store_with_a_missing_chunk_fails(tmp_path: Path) -> None:
    folder = generic.write_zarr(tmp_path / "s" / "a.zarr", **SHORT)
    (folder / "traces_seg0" / "0.0").unlink()
    assert reasons(planned(tmp_path)) == {("block0", "stream0", 0): "truncated"}


def test_json_that_points_to_a_damaged_recording(tmp_path: Path) -> None:
    from spikeinterface.core import load

    store = generic.write_zarr(tmp_path / "raw" / "x.zarr", **SHORT)
    (tmp_path / "t").mkdir()
    load(store).dump_to_json(tmp_path / "t" / "rec.json", relative_to=tmp_path)
    assert len(names(planned(tmp_path, sessions="t"))) == 1
    (store / "traces_seg0" / "0.0").unlink()
    report = planned(tmp_path, sessions="t")
    assert reasons(report) == {("block0", "stream0", 0): "truncated"}


def test_a_recording_without_a_probe_fails(tmp_path: Path) -> None:
    generic.write_binary_folder(tmp_path / "s" / "a", probe=False, **SHORT)
    report = planned(tmp_path)
    assert reasons(report) == {("block0", "stream0", 0): "no_probe"}
    assert report.exit_status == 1


def test_shanks_and_unsigned_samples(tmp_path: Path) -> None:
    generic.write_zarr(tmp_path / "s" / "a.zarr", n_shanks=2, dtype="uint16", **SHORT)
    _, jobs = dispatched(tmp_path)
    assert [job.group for job in jobs.values()] == ["0", "1"]
    assert {str(loaded(job, tmp_path).dtype) for job in jobs.values()} == {"uint16"}
