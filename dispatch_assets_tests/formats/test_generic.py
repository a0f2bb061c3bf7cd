"""What SpikeInterface saved itself, and what its readers read: blocks, streams, probes, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.outcome import dispatched, loaded, names, planned, reasons, sizes
from dispatch_assets_tests.samples import SAVED, generic, openephys, payload
from dispatch_assets_tests.samples.openephys import Probe, probe_streams


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


def reader(kind: str, kwargs: Any, **info: Any) -> dict[str, Any]:
    info |= {"reader_type": kind, "reader_kwargs": kwargs}
    return {"input": "spikeinterface", "spikeinterface_info": info}


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


# other readers


@pytest.fixture(scope="module")
def intan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from probeinterface import write_probeinterface

    data = tmp_path_factory.mktemp("intan")
    generic.write_intan(data / "rec_240115_100000.rhd", seconds=0.1, n_amplifiers=8)
    for n_channels, n_shanks in ((8, 2), (3, 1)):
        probe = generic.linear_probe(n_channels, n_shanks)
        write_probeinterface(data / f"probe{n_channels}.json", probe)
    return data


AMPLIFIERS = "RHD2000 amplifier channel"
FILE = {"file_path": "rec_240115_100000.rhd"}


def test_streams_are_kept_by_name_with_a_probe_each(intan: Path) -> None:
    probes = {AMPLIFIERS: "probe8.json", "RHD2000 auxiliary input channel": "probe3.json"}
    keep = ["amplifier", "auxiliary"]
    report, jobs = dispatched(
        intan, **reader("intan", FILE, keep_stream_substrings=keep, probe_paths=probes)
    )
    assert [(job.stream, job.group, job.n_channels) for job in jobs.values()] == [
        (AMPLIFIERS, "0", 4),
        (AMPLIFIERS, "1", 4),
        ("RHD2000 auxiliary input channel", None, 3),
    ]
    assert list(reasons(report, "skipped").values()) == ["filtered_out"] * 3
    assert report.exit_status == 0
    for job in jobs.values():
        assert loaded(job, intan).has_probe()
        assert job.session_name == "session0"


def test_streams_are_skipped_by_name(intan: Path) -> None:
    skip = ["auxiliary", "supply", "board", "digital", "USB"]
    report = planned(
        intan, **reader("intan", FILE, skip_stream_substrings=skip, probe_paths="probe8.json")
    )
    assert {e.stream for e in report.entries if e.status == "job"} == {AMPLIFIERS}


def test_a_probe_per_session(intan: Path) -> None:
    info = reader(
        "intan",
        [FILE, FILE],
        keep_stream_substrings="amplifier",
        probe_paths=["probe8.json", {AMPLIFIERS: "probe8.json"}],
        session_names=["first", "second"],
    )
    report = planned(intan, multi_session=True, **info)
    assert [e.session_name for e in report.entries if e.status == "job"] == [
        *(["first"] * 2),
        *(["second"] * 2),
    ]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"probe_paths": "nowhere.json"}, "nowhere.json"),
        ({"probe_paths": "probe3.json"}, "probe3.json"),
        ({}, "no probe"),
    ],
)
def test_a_wrong_or_missing_probe_is_a_clear_failure(
    intan: Path, change: dict[str, Any], expected: str
) -> None:
    report = planned(intan, **reader("intan", FILE, keep_stream_substrings="amplifier", **change))
    (entry,) = [e for e in report.entries if e.status == "failed"]
    assert expected in entry.message
    assert "Traceback" not in entry.message


def test_a_reader_that_does_not_exist(intan: Path) -> None:
    report = planned(intan, **reader("intann", FILE))
    (entry,) = report.entries
    assert entry.status == "failed"
    assert "intan," in entry.message


@pytest.mark.parametrize("kwargs", [{"file_path": "x.rhd"}, {"file": "x"}, {**FILE, "zzz": 1}])
def test_arguments_that_a_reader_does_not_take(intan: Path, kwargs: dict[str, Any]) -> None:
    report = planned(intan, **reader("intan", kwargs))
    assert report.exit_status == 1
    assert all(e.status == "failed" and e.message for e in report.entries)


def test_one_wrong_path_leaves_the_other_sessions(intan: Path) -> None:
    kwargs = [{"file_path": "missing.rhd"}, FILE]
    about = reader(
        "intan", kwargs, keep_stream_substrings="amplifier", probe_paths=["probe8.json"] * 2
    )
    report = planned(intan, multi_session=True, **about)
    assert [e.session_name for e in report.entries if e.status == "job"] == ["session1"] * 2
    assert [e.session_name for e in report.entries if e.status == "failed"] == ["session0"]


def test_blocks_and_streams_of_a_reader(tmp_path: Path) -> None:
    probes = [Probe(f"Probe{i}", "NP2", i, SAVED) for i in (1, 2)]
    streams = [s for probe in probes for s in probe_streams(probe, sync=True)]
    openephys.write_session(
        tmp_path / "s", streams, experiments={1: (1, 2), 3: (1, 2)}, seconds=0.05
    )
    params = reader("openephysbinary", {"folder_path": "s"})
    report, jobs = dispatched(tmp_path, **params)
    expected = [
        f"block{block}_Record Node 101#Neuropix-PXI-100.Probe{i}_recording{n}"
        for block in (0, 1)
        for i in (1, 2)
        for n in (1, 2)
    ]
    assert list(jobs) == expected
    assert set(reasons(report, "skipped").values()) == {"sync_stream"}
    traces = [loaded(job, tmp_path).get_traces().tobytes() for job in jobs.values()]
    assert len(set(traces)) == len(expected)


def test_raw_binary_files(tmp_path: Path) -> None:
    about = generic.write_raw(tmp_path / "raw", seconds=(0.2, 0.1), n_channels=8, n_shanks=2)
    about["file_paths"] = [f"raw/{name}" for name in about["file_paths"]]
    report, jobs = dispatched(tmp_path, **reader("binary", about, probe_paths="raw/probe.json"))
    assert report.exit_status == 0
    assert list(jobs) == [f"block0_stream0_recording{n}_group{g}" for n in (1, 2) for g in (0, 1)]
    tmp_path.rename(tmp_path.with_name("moved"))
    for job in jobs.values():
        assert loaded(job, tmp_path.with_name("moved")).get_traces().any()
    tmp_path.with_name("moved").rename(tmp_path)


def test_neuroscope(tmp_path: Path) -> None:
    from probeinterface import write_probeinterface

    generic.write_neuroscope(tmp_path / "s", seconds=0.1, n_channels=8)
    write_probeinterface(tmp_path / "probe.json", generic.linear_probe(8))
    params = reader("neuroscope", {"file_path": "s/recording.xml"}, probe_paths="probe.json")
    _, jobs = dispatched(tmp_path, **params)
    (job,) = jobs.values()
    assert loaded(job, tmp_path).get_num_samples() == 2000
