"""Session folders come from elsewhere: what describes recordings in them is not trusted.

No class or function is called because a file names it, nothing leads out of the data folder, and
descriptions that are nested too deeply, circular or no numbers stop nothing else.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.outcome import dispatched, names, planned
from dispatch_assets_tests.samples import SAVED, aind, generic, spikeglx
from dispatch_assets_tests.security.lab import (
    ONE,
    SELF,
    describe,
    pickled_property,
    refused,
    write_json,
)

FUNCTION_THAT_UNPICKLES = "spikeinterface.core.core_tools.load_properties_from_folder"


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
    folder = copy(data / "good" / "recording", data / "bad" / "recording")
    np.save(folder / "properties" / "gain_to_uV.npy", np.full(4, np.nan))
    probes = {"imec0": "NP1"}
    spikeglx.write_run(data / "run", "r", probes, seconds=0.02, saved=SAVED, nidq=False)
    report, jobs = dispatched(data, multi_session=True)
    assert {j.session_name for j in jobs.values()} == {"good", "run"}
    (entry,) = (e for e in report.entries if e.status == "failed")
    assert "is nan, and has to be a finite number" in entry.message
