"""Session folders come from elsewhere: nothing in them is executed, nothing leads out of them."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.outcome import dispatched, loaded, names, planned
from dispatch_assets_tests.samples import SAVED, aind, generic, nwb
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

SMALL: dict[str, Any] = {"seconds": (0.1,), "n_channels": 4}
ONE = probe_streams(Probe(kind="NP2", saved=SAVED))
SELF: dict[str, Any] = {
    "input": "spikeinterface",
    "spikeinterface_info": {"reader_type": "spikeinterface"},
}
FUNCTION_THAT_UNPICKLES = "spikeinterface.core.core_tools.load_properties_from_folder"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    """Return the folder that every trap would make."""
    return tmp_path / "trap_has_run"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a recording as a binary folder, and as a Zarr store."""
    folder = tmp_path_factory.mktemp("saved")
    generic.write_binary_folder(folder / "recording", **SMALL)
    generic.write_zarr(folder / "recording.zarr", **SMALL)
    return folder


@pytest.fixture
def data(saved: Path, tmp_path: Path) -> Path:
    """Return a data folder with one good session."""
    copy(saved / "recording", tmp_path / "data" / "good" / "recording")
    return tmp_path / "data"


def refused(data: Path, marker: Path, **params: Any) -> list[str]:
    """Dispatch; check that no trap ran and the good session did; return what was refused."""
    report, jobs = dispatched(data, **({"multi_session": True} | params))
    assert not marker.exists()
    if not params:
        assert "good" in {job.session_name for job in jobs.values()}
    for job in jobs.values():
        loaded(job, data)
    assert not marker.exists()
    assert report.exit_status == 1
    return [e.message for e in report.entries if e.reason == "refused"]


def describe(name: str, **kwargs: Any) -> dict[str, Any]:
    """Return what SpikeInterface loads as a call of `name`."""
    from spikeinterface import __version__

    return {
        "class": name,
        "module": name.split(".")[0],
        "version": __version__,
        "kwargs": kwargs,
        "annotations": {},
        "properties": {},
        "relative_paths": False,
    }


def write_json(path: Path, described: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described))


def pickled_property(folder: Path, marker: Path) -> None:
    trap = generic.write_pickle_trap(folder / "x.pkl", marker)
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (4,), }"
    (folder / "brain_area.npy").write_bytes(head.ljust(127) + b"\n" + trap.read_bytes())
    trap.unlink()


# pickles


@pytest.mark.parametrize("name", ["x.pkl", "x.pickle", "session/x.pkl", "session/cached.pkl"])
def test_pickles_in_the_data_folder(data: Path, marker: Path, name: str) -> None:
    generic.write_pickle_trap(data / name, marker)
    if name == "session/cached.pkl":
        shutil.copytree(data / "good" / "recording", data / "session" / "other")
    report, _ = dispatched(data, multi_session=True)
    assert not marker.exists()
    assert any(name.split("/")[0] in e.session_name + e.message for e in report.entries)
    refused_, _ = dispatched(data / name.split("/")[0], **SELF)
    assert not marker.exists()
    assert refused_.exit_status in (0, 1)


@pytest.mark.parametrize("pickle", ["cached.pkl", "cached.pickle"])
def test_a_pickle_beside_the_description_of_a_folder(data: Path, marker: Path, pickle: str) -> None:
    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    (folder / "si_folder.json").rename(folder / "cached.json")
    generic.write_pickle_trap(folder / pickle, marker)
    dispatched(data, multi_session=True)
    assert not marker.exists()


def test_a_folder_that_pretends_to_be_something_else_too(data: Path, marker: Path) -> None:
    for i, name in enumerate(("spikeinterface_info.json", "waveforms", "sorter_output")):
        folder = copy(data / "good" / "recording", data / "bad" / str(i))
        generic.write_pickle_trap(folder / "recording.pickle", marker)
        generic.write_pickle_trap(folder / "recording.pkl", marker)
        if name.endswith(".json"):
            write_json(folder / name, {"object": "SortingAnalyzer"})
        else:
            (folder / name).mkdir()
        for file in ("spikeinterface_params.json", "spikeinterface_log.json"):
            generic.write_pickle_trap(folder / file, marker)
    _, jobs = dispatched(data, multi_session=True)
    assert not marker.exists()
    assert len(jobs) == 4


def test_pickled_properties(data: Path, marker: Path) -> None:
    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    pickled_property(folder / "properties", marker)
    with contextlib.suppress(TypeError, ValueError):
        np.load(folder / "properties" / "brain_area.npy", allow_pickle=True)
    marker.rmdir()  # the trap is real
    (message,) = refused(data, marker)
    assert "brain_area.npy" in message


def test_pickled_properties_that_a_json_file_points_to(data: Path, marker: Path) -> None:
    folder = copy(data / "good" / "recording", data / "bad" / "raw" / "recording")
    pickled_property(folder / "properties", marker)
    inner = describe(
        "spikeinterface.core.binaryfolder.BinaryFolderRecording", folder_path=str(folder)
    )
    outer = describe(
        "spikeinterface.core.frameslicerecording.FrameSliceRecording",
        recording=inner,
        start_frame=0,
        end_frame=100,
    )
    for i, described in enumerate((inner, outer)):
        write_json(data / f"json{i}" / "recording.json", described)
    assert sum("brain_area.npy" in m for m in refused(data, marker)) == 3


@pytest.mark.parametrize("key", ["filters", "compressor"])
@pytest.mark.parametrize("consolidated", [True, False])
def test_pickles_in_zarr(
    data: Path, saved: Path, marker: Path, key: str, consolidated: bool
) -> None:
    import zarr

    store = copy(saved / "recording.zarr", data / "bad" / "recording.zarr")
    array = store / "properties" / "gain_to_uV"
    meta = json.loads((array / ".zarray").read_text())
    meta |= {"filters": None, "compressor": None, "dtype": "|O"}
    codec = {"id": "pickle", "protocol": 5}
    meta[key] = [codec] if key == "filters" else codec
    write_json(array / ".zarray", meta)
    generic.write_pickle_trap(array / "0", marker)
    if consolidated:  # and nothing to be seen in the array's own file
        plain = (array / ".zarray").read_text()
        zarr.consolidate_metadata(str(store))
        (array / ".zarray").write_text(plain.replace("pickle", "zlib"))
    (message,) = refused(data, marker)
    assert "gain_to_uV" in message


def test_pickles_in_aind_and_nwb_zarr(data: Path, marker: Path) -> None:
    session = aind.write_session(data / "ecephys_1", ONE, seconds=0.02)
    (compressed,) = session.rglob("*.zarr")
    file = nwb.write_nwb(
        data / "x.nwb.zarr",
        series=[nwb.NwbSeries("A"), nwb.NwbSeries("B")],
        backend="zarr",
        seconds=0.02,
    )
    for array in (compressed / "channel_ids", file / "acquisition" / "A" / "data"):
        meta = json.loads((array / ".zarray").read_text())
        meta |= {"filters": [{"id": "pickle", "protocol": 5}], "compressor": None, "dtype": "|O"}
        write_json(array / ".zarray", meta)
        generic.write_pickle_trap(next(array.glob("[0-9]*")), marker)
    report, _ = dispatched(data, multi_session=True)
    assert not marker.exists()
    failed = [e for e in report.entries if e.status == "failed"]
    assert {e.session_name for e in failed} == {"ecephys_1", "x"}
    assert all("pickled" in e.message for e in failed)


# classes


def test_foreign_classes(data: Path, marker: Path) -> None:
    generic.write_foreign_json(data / "bad0" / "recording.json", marker)
    trap = describe("os.mkdir", path=str(marker))
    slice_ = "spikeinterface.core.frameslicerecording.FrameSliceRecording"
    nested = describe(slice_, recording=trap, start_frame=0, end_frame=1)
    deeper = describe(slice_, recording=nested, start_frame=0, end_frame=1)
    listed = describe("spikeinterface.core.AppendSegmentRecording", recording_list=[trap])
    keyed = describe("spikeinterface.core.AppendSegmentRecording", recording_list={"a": trap})
    for i, described in enumerate((nested, deeper, listed, keyed)):
        write_json(data / f"bad{i + 1}" / "recording.json", described)
    messages = refused(data, marker)
    assert len(messages) == 5
    assert all("os.mkdir" in m for m in messages)


@pytest.mark.parametrize("name", ["si_folder.json", "cached.json", "binary.json"])
def test_foreign_classes_in_a_folder(data: Path, marker: Path, name: str) -> None:
    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    write_json(folder / name, describe("os.mkdir", path=str(marker)))
    (message,) = refused(data, marker)
    assert "os.mkdir" in message


def test_functions_of_spikeinterface_are_no_recordings(data: Path, marker: Path) -> None:
    (data / "bad").mkdir()
    (data / "props").mkdir()
    pickled_property(data / "props", marker)
    trap = describe(FUNCTION_THAT_UNPICKLES, folder=str(data / "props"), extractor=None)
    write_json(data / "bad" / "recording.json", trap)
    (message,) = refused(data, marker)
    assert FUNCTION_THAT_UNPICKLES in message


# places


def test_json_that_leads_out_of_the_data_folder(data: Path, tmp_path: Path, marker: Path) -> None:
    outside = copy(data / "good" / "recording", tmp_path / "outside")
    folder = "spikeinterface.core.binaryfolder.BinaryFolderRecording"
    places = ((str(outside), False), ("../../outside", True), ("s3://bucket/x.zarr", False))
    for i, (path, relative) in enumerate(places):
        described = describe(folder, folder_path=path) | {"relative_paths": relative}
        write_json(data / f"bad{i}" / "recording.json", described)
    link = describe(
        "spikeinterface.core.binaryrecordingextractor.BinaryRecordingExtractor",
        file_paths=["link.raw"],
        sampling_frequency=30000.0,
        dtype="int16",
        num_channels=4,
    )
    write_json(data / "bad3" / "recording.json", link | {"relative_paths": True})
    (data / "bad3" / "link.raw").symlink_to(outside / "traces_cached_seg0.raw")
    messages = refused(data, marker)
    assert len(messages) == 4
    assert all("outside of" in m for m in messages)
    # a person may say that the file is trusted
    _, jobs = dispatched(data / "bad0", **SELF)
    assert len(jobs) == 1


def test_a_folder_whose_traces_lie_elsewhere(data: Path, tmp_path: Path, marker: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(8000))
    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    described = json.loads((folder / "binary.json").read_text())
    described["kwargs"]["file_paths"] = ["../../../secret"]
    write_json(folder / "binary.json", described)
    (message,) = refused(data, marker)
    assert "secret" in message


def test_json_that_is_nested_too_deeply(data: Path, saved: Path) -> None:
    (data / "deep.json").write_text("[" * 200_000)
    session = aind.write_session(data / "ecephys_1", ONE, seconds=0.02)
    (session / "data_description.json").write_text('{"name":' * 200_000)
    store = copy(saved / "recording.zarr", data / "s" / "x.zarr")
    (store / ".zattrs").write_text("[" * 200_000)
    (data / "t").mkdir()
    (data / "t" / "recording.json").write_text('{"class": "x", "kwargs":' + "[" * 200_000)
    report = planned(data, multi_session=True)
    assert {e.session_name for e in report.entries if e.status == "job"} >= {"good", "ecephys_1"}
    assert len(names(report)) in (2, 3)


def test_links_that_go_round_in_circles(data: Path, saved: Path) -> None:
    (data / "loop").symlink_to(data)
    (data / "self").symlink_to("self")
    (data / "broken").symlink_to("nowhere")
    store = copy(saved / "recording.zarr", data / "s" / "x.zarr")
    (store / "again").symlink_to(store)
    report = planned(data, multi_session=True)
    assert "good" in {e.session_name for e in report.entries if e.status == "job"}


def test_numbers_that_are_none_stop_one_recording(data: Path) -> None:
    from dispatch_assets_tests.samples import spikeglx

    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    np.save(folder / "properties" / "gain_to_uV.npy", np.full(4, np.nan))
    probes = {"imec0": "NP1"}
    spikeglx.write_run(data / "run", "r", probes, seconds=0.02, saved=SAVED, nidq=False)
    report, jobs = dispatched(data, multi_session=True)
    assert {j.session_name for j in jobs.values()} == {"good", "run"}
    (entry,) = (e for e in report.entries if e.status == "failed")
    assert "is nan, and has to be a finite number" in entry.message
