"""A recording's JSON: what a consumer loads, wherever the data went, in two versions."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeinterface.core import append_recordings
from spikeinterface.core import load as load_folder

from dispatch_assets.errors import UntrustedDataError
from dispatch_assets.recording_json import (
    check_trusted,
    has_times_set_by_hand,
    recording_to_dict,
    relative_path,
)
from dispatch_assets_tests.formats.contract_jobs import longest_list
from dispatch_assets_tests.samples import generic

DERIVED = {
    "channels": lambda r: r.select_channels(r.channel_ids[:4]),
    "slice": lambda r: r.frame_slice(start_frame=10, end_frame=5000),
    "segments": lambda r: append_recordings([r]),
}
SLICE = "spikeinterface.core.frameslicerecording.FrameSliceRecording"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    return generic.write_binary_folder(
        root / "s" / "recording", seconds=(0.3, 0.2), n_channels=8, n_shanks=2
    )


def load(described: dict[str, Any], data: Path) -> Any:
    import spikeinterface

    return spikeinterface.load(json.loads(json.dumps(described)), base_folder=data)


def test_a_chain_of_slices_comes_back_equal(folder: Path) -> None:
    whole = load_folder(folder)
    first = whole.select_segments([0]).frame_slice(start_frame=100, end_frame=4000)
    joined = append_recordings([first, whole.select_segments([1])])
    part = joined.select_channels(joined.channel_ids[4:])
    again = load(recording_to_dict(part, folder.parents[1]), folder.parents[1])
    assert again.get_num_segments() == 2
    for segment in range(2):
        np.testing.assert_array_equal(
            again.get_traces(segment_index=segment), part.get_traces(segment_index=segment)
        )
    np.testing.assert_array_equal(again.get_channel_locations(), part.get_channel_locations())
    np.testing.assert_array_equal(again.get_channel_groups(), part.get_channel_groups())
    np.testing.assert_array_equal(again.get_channel_gains(), part.get_channel_gains())


def test_slices_are_spelled_as_0_104_reads_them(folder: Path) -> None:
    from spikeinterface.core import load as load_folder

    part = load_folder(folder).select_segments([0]).frame_slice(start_frame=0, end_frame=9)
    part = part.select_channels(part.channel_ids[:2])
    described = recording_to_dict(part, folder.parents[1])
    assert "parent_recording" in described["kwargs"]
    inner = described["kwargs"]["parent_recording"]
    assert "parent_recording" in inner["kwargs"]
    assert "recording" not in inner["kwargs"]
    assert described["properties"]["location"] == part.get_channel_locations().tolist()


def test_the_probe_stands_there_once(folder: Path) -> None:
    from spikeinterface.core import load as load_folder

    whole = load_folder(folder).select_segments([0])
    text = json.dumps(
        recording_to_dict(whole.select_channels(whole.channel_ids), folder.parents[1])
    )
    assert text.count("contact_positions") == 1


def test_a_vector_of_times_stays_out(folder: Path) -> None:
    from spikeinterface.core import load as load_folder

    recording = load_folder(folder).select_segments([1])
    assert not has_times_set_by_hand(recording)
    recording.set_times(np.arange(6000) / 30000.0 + 77.0)
    assert has_times_set_by_hand(recording)
    described = recording_to_dict(recording, folder.parents[1])
    assert longest_list(described) < 100
    assert load(described, folder.parents[1]).get_times()[0] == 77.0


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("data/s/x.bin", "s/x.bin"),
        ("data", "."),
        ("data/s/../t/x.bin", "t/x.bin"),
        ("elsewhere/x.bin", "../elsewhere/x.bin"),
        ("data/link/x.bin", "link/x.bin"),
        ("also_data/s/x.bin", "s/x.bin"),
        ("database/x.bin", "../database/x.bin"),
    ],
)
def test_relative_paths(tmp_path: Path, path: str, expected: str) -> None:
    (tmp_path / "data" / "s").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "data" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "also_data").symlink_to(tmp_path / "data")
    assert relative_path(tmp_path / path, tmp_path / "data") == expected


def test_spikeinterfaces_own_recordings_are_trusted(folder: Path) -> None:
    from spikeinterface.core import load as load_folder

    part = load_folder(folder).select_segments([0]).frame_slice(start_frame=0, end_frame=9)
    check_trusted(recording_to_dict(part, folder.parents[1]), "x.json")


@pytest.mark.parametrize(
    "name",
    [
        "os.mkdir",
        "spikeinterface",
        "spikeinterface.core.",
        "spikeinterface.core.load",
        "spikeinterface.core.core_tools.load_properties_from_folder",
        "spikeinterface.core.base.pickle.loads",
        "spikeinterface.core.nowhere.Recording",
        "spikeinterface.core.NumpySorting",
        "spikeinterface.core.zarrextractors.read_zarr",
        "spikeinterface.cores.Recording",
        "spikeinterface.sorters.run_sorter",
        "",
    ],
)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_everything_else_is_not(name: str, depth: int) -> None:
    described: dict[str, Any] = {"class": name, "kwargs": {}}
    for i in range(depth):
        inner = [described] if i % 2 else {"x": described}
        described = {"class": SLICE, "kwargs": {"recording": inner}}
    with pytest.raises(UntrustedDataError, match="recording class"):
        check_trusted(described, "x.json")


@pytest.mark.parametrize("path", ["x.pkl", "a/b.pickle"])
def test_pickles_are_not_trusted(path: str) -> None:
    with pytest.raises(UntrustedDataError, match="pickle"):
        check_trusted({"class": SLICE, "kwargs": {"file_path": [path]}}, "x.json")


@pytest.mark.parametrize("derive", DERIVED.values(), ids=DERIVED)
def test_times_set_by_hand_stay_out_of_whatever_is_made_from_it(
    folder: Path, derive: Callable[[Any], Any]
) -> None:
    recording = load_folder(folder).select_segments([1])
    recording.set_times(np.arange(6000) / 30000.0 + 77.0)

    derived = derive(recording)

    assert has_times_set_by_hand(derived)
    described = recording_to_dict(derived, folder.parents[1])
    assert longest_list(described) < 100
    assert load(described, folder.parents[1]).get_num_samples(0) == derived.get_num_samples(0)


def test_numbers_that_json_has_not_are_refused(folder: Path) -> None:
    recording = load_folder(folder)
    recording.set_channel_gains(np.nan)
    with pytest.raises(ValueError, match="gain_to_uV is nan, and has to be a finite number"):
        recording_to_dict(recording, folder.parent)
