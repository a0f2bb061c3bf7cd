"""Session folders come from elsewhere: no pickle in them is loaded."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.outcome import dispatched
from dispatch_assets_tests.samples import aind, generic, nwb
from dispatch_assets_tests.security.lab import (
    ONE,
    SELF,
    describe,
    pickled_property,
    refused,
    write_json,
)


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
