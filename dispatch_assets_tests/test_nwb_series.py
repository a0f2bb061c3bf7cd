"""ElectricalSeries of an NWB file, whose links may lead in circles."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest
from spikeinterface.extractors.nwbextractors import NwbRecordingExtractor

from dispatch_assets import nwb_series
from dispatch_assets.nwb_series import series_paths
from dispatch_assets_tests.outcome import names, planned
from dispatch_assets_tests.samples import generic, nwb


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return nwb.write_nwb(tmp_path / "data" / "s.nwb", seconds=0.05)


def as_spikeinterface_finds_them(file: Path) -> list[str]:
    return list(NwbRecordingExtractor.fetch_available_electrical_series_paths(file))


def test_series_are_those_that_spikeinterface_finds(file: Path) -> None:
    with h5py.File(file, "r+") as f:
        f["scratch/again"] = h5py.SoftLink("/acquisition/ElectricalSeriesAP")
        f["scratch/hard"] = f["acquisition/ElectricalSeriesAP"]
    found = series_paths(file)
    assert found == as_spikeinterface_finds_them(file)
    assert len(found) == 5


@pytest.mark.timeout(60)
def test_links_that_lead_back_up_are_followed_once(file: Path) -> None:
    found = series_paths(file)
    with h5py.File(file, "r+") as f:
        for name in ("a", "b", "c"):
            f[f"processing/{name}"] = h5py.SoftLink("/")
        f["acquisition/up"] = f["/"]
    assert [s for s in series_paths(file) if s in found] == found
    generic.write_binary_folder(file.parent / "good" / "x", seconds=(0.05,), n_channels=4)
    report = planned(file.parent, multi_session=True)
    assert len(names(report)) == 2


def test_links_that_multiply_come_to_an_end(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nwb_series, "MAX_GROUPS", 2_000)
    with h5py.File(file, "r+") as f:
        for level in range(30):
            for name in "ab":
                f[f"scratch/l{level}/{name}"] = h5py.SoftLink(f"/scratch/l{level + 1}")
        f.create_group("scratch/l30")
    with pytest.raises(ValueError, match="links lead to more than 2,000 groups"):
        series_paths(file)
    (entry,) = planned(file.parent).entries
    assert str(entry.reason) == "unreadable"
    assert "2,000 groups" in entry.message
