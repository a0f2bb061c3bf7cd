"""NWB: both backends, files in folders, several probes and shanks, explicit timestamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.outcome import dispatched, loaded, names, planned, reasons
from dispatch_assets_tests.samples import nwb, payload
from dispatch_assets_tests.samples.nwb import NwbProbe, NwbSeries

PROBES = (NwbProbe("ProbeA", 16), NwbProbe("ProbeB", 16, 4))
SERIES = (
    NwbSeries("A"),
    NwbSeries("B", ("ProbeB",), times=True),
    NwbSeries("LFP-A", rate=2500.0),
    NwbSeries("LFP-B", ("ProbeB",), 1250.0, where="processing"),
)


class TestContract(InputFormatContract):
    input_format = "nwb"
    jobs = {("block0", "acquisition-A"): 1, ("block0", "acquisition-B"): 4}
    left_out = {
        ("block0", "acquisition-LFP-A"): "lfp_band",
        ("block0", "processing-ecephys-LFP-LFP-B"): "auxiliary_stream",
    }
    raw = ("",)

    def write(self, folder: Path) -> Path:
        return nwb.write_nwb(Path(f"{folder}.nwb"), PROBES, SERIES, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface.extractors import read_nwb_recording

        return read_nwb_recording(session, electrical_series_path=stream.replace("-", "/", 1))


class TestZarrContract(TestContract):
    raw = ("acquisition/A/data/0.0",)
    raw_stream = None

    def write(self, folder: Path) -> Path:
        path = Path(f"{folder}.nwb.zarr")
        return nwb.write_nwb(path, PROBES, SERIES, seconds=SECONDS, backend="zarr")


SHORT: dict[str, Any] = {"seconds": 0.1}
BACKENDS: tuple[Literal["hdf5", "zarr"], ...] = ("hdf5", "zarr")
SUFFIX = {"hdf5": ".nwb", "zarr": ".nwb.zarr"}


def write(path: Path, *series: NwbSeries, **about: Any) -> Path:
    return nwb.write_nwb(path, PROBES, series or (NwbSeries("A"),), **SHORT, **about)


@pytest.mark.parametrize(
    "files",
    [
        ("a.nwb", "b.nwb"),
        ("a.nwb.zarr", "b.zarr"),
        ("sub-1/a.nwb", "sub-2/b.nwb"),
        ("sub-1/ses-1/a.nwb", "sub-1/ses-2/b.nwb"),
        ("folder/a.nwb", "b.nwb"),
        ("000026/sub-1/a.nwb", "000026/sub-1/b.nwb"),
    ],
)
def test_files_are_found_wherever_they_are(tmp_path: Path, files: tuple[str, str]) -> None:
    for file in files:
        write(tmp_path / file, backend="zarr" if file.endswith("zarr") else "hdf5")
    (tmp_path / "notes.txt").write_text("nothing to see")
    _, jobs = dispatched(tmp_path, multi_session=True)
    assert sorted(jobs) == [f"{s}__block0_acquisition-A_recording1" for s in "ab"]
    for job in jobs.values():
        assert job.input_folder is None
        assert loaded(job, tmp_path).get_traces().any()


def test_two_files_of_one_stem_are_two_sessions(tmp_path: Path) -> None:
    for folder in ("sub-1", "sub-2"):
        write(tmp_path / folder / "ephys.nwb", seed=int(folder[-1]))
    report, jobs = dispatched(tmp_path, multi_session=True)
    assert len(jobs) == 2
    assert {e.session_name for e in report.entries} == {"sub-1-ephys", "sub-2-ephys"}
    first, second = (loaded(job, tmp_path).get_traces() for job in jobs.values())
    assert (first != second).any()


def test_the_same_stem_with_both_endings(tmp_path: Path) -> None:
    write(tmp_path / "x.nwb")
    write(tmp_path / "x.nwb.zarr", backend="zarr")
    _, jobs = dispatched(tmp_path, multi_session=True)
    assert len(jobs) == 2


@pytest.mark.parametrize(
    "files", ["a.nwb, b c.nwb", ["a.nwb", "b c.nwb"], " a.nwb ,,b c.nwb,", ("a.nwb", "b c.nwb")]
)
def test_named_files(tmp_path: Path, files: Any) -> None:
    for name in ("a", "b c", "unwanted"):
        write(tmp_path / f"{name}.nwb")
    report = planned(tmp_path, nwb_files=files, multi_session=True)
    assert [e.session_name for e in report.entries] == ["a", "b c"]


def test_a_named_file_that_is_missing_is_a_wrong_parameter(tmp_path: Path) -> None:
    write(tmp_path / "a.nwb")
    with pytest.raises(ParameterError, match=r"b\.nwb"):
        planned(tmp_path, nwb_files="a.nwb,b.nwb")


def test_a_named_file_outside_of_the_data_folder(tmp_path: Path) -> None:
    path = write(tmp_path / "elsewhere" / "a.nwb")
    (tmp_path / "data").mkdir()
    _, jobs = dispatched(tmp_path / "data", nwb_files=[str(path)])
    (job,) = jobs.values()
    assert loaded(job, tmp_path / "data").get_traces().any()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_gap_in_the_timestamps_is_seen(tmp_path: Path, backend: Any) -> None:
    series = NwbSeries("A", times=lambda times: payload.with_gap(times, 60_000.0))
    write(tmp_path / f"x{SUFFIX[backend]}", series, backend=backend)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert (job.skip_times, job.timestamps.verdict) == (True, "reset")
    (clock,) = job.timestamps.segments
    assert clock.max_step_ms == pytest.approx(60_000.0)
    assert [d.sample for d in clock.discontinuities] == [1500]
    assert job.duration == 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_duration_is_a_number(tmp_path: Path, backend: Any) -> None:
    path = tmp_path / f"x{SUFFIX[backend]}"
    write(path, NwbSeries("A"), NwbSeries("T", times=True), backend=backend)
    _, jobs = dispatched(tmp_path)
    assert [job.duration for job in jobs.values()] == [0.1, 0.1]
    starts = [job.timestamps.segments[0].t_start_s for job in jobs.values()]
    assert starts == [nwb.FIRST_TIME_S] * 2
    assert [job.timestamps.verdict for job in jobs.values()] == ["regular", "kept"]


@pytest.mark.parametrize("backend", BACKENDS)
def test_probes_are_devices_and_groups_are_shanks(tmp_path: Path, backend: Any) -> None:
    series = (NwbSeries("Both", ("ProbeA", "ProbeB")), NwbSeries("B", ("ProbeB",)))
    write(tmp_path / f"x{SUFFIX[backend]}", *series, backend=backend)
    _, jobs = dispatched(tmp_path)
    groups = {(job.stream, job.group, job.n_channels) for job in jobs.values()}
    shanks = [(f"ProbeB_shank{i}", 4) for i in range(4)]
    assert groups == {
        ("acquisition-Both", "ProbeA", 16),
        *(("acquisition-Both", *s) for s in shanks),
        *(("acquisition-B", *s) for s in shanks),
    }
    _, whole = dispatched(tmp_path, split_groups=False)
    assert [job.probe_names for job in whole.values()] == [["ProbeB"], ["ProbeA", "ProbeB"]]
    probe_dict = whole["block0_acquisition-B_recording1"].probe_dict
    assert probe_dict is not None
    assert probe_dict["annotations"]["name"] == "ProbeB"  # type: ignore[index, call-overload]
    for job in jobs.values():
        positions = loaded(job, tmp_path).get_channel_locations()
        shank = int((job.group or "0")[-1]) if job.group != "ProbeA" else 0
        assert (positions[:, 0] // nwb.SHANK_PITCH_UM == shank).all()


def test_lfp_containers_and_processed_series_are_left_out(tmp_path: Path) -> None:
    series = (
        NwbSeries("A"),
        NwbSeries("ElectricalSeriesLFP", rate=2500.0, where="LFP"),
        NwbSeries("Sorted", where="processing"),
    )
    write(tmp_path / "x.nwb", *series)
    report, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.recording_lfp_dict is None
    assert reasons(report, "skipped") == {
        ("block0", "acquisition-LFP-ElectricalSeriesLFP", None): "lfp_band",
        ("block0", "processing-ecephys-LFP-Sorted", None): "auxiliary_stream",
    }


def test_electrodes_without_positions(tmp_path: Path) -> None:
    nwb.write_nwb(tmp_path / "x.nwb", PROBES, [NwbSeries("A")], locations=False, **SHORT)
    report = planned(tmp_path)
    assert reasons(report) == {("block0", "acquisition-A", 0): "no_probe"}
    assert "rel_x" in report.entries[0].message


def test_positions_in_three_dimensions(tmp_path: Path) -> None:
    nwb.write_nwb(tmp_path / "x.nwb", PROBES, [NwbSeries("A")], rel_z=True, **SHORT)
    assert names(planned(tmp_path)) == ["block0_acquisition-A_recording1"]


@pytest.mark.parametrize("keep", [0.9, 0.5, 0.01])
def test_a_truncated_file_fails_alone(tmp_path: Path, keep: float) -> None:
    write(tmp_path / "good.nwb")
    path = write(tmp_path / "cut.nwb")
    payload.cut_file(path, int(path.stat().st_size * (1 - keep)))
    report = planned(tmp_path, multi_session=True)
    assert names(report) == ["good__block0_acquisition-A_recording1"]
    (entry,) = [e for e in report.entries if e.session_name == "cut"]
    assert (entry.status, entry.reason) == ("failed", "truncated")


def test_a_missing_chunk_of_a_zarr_file(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.nwb.zarr", NwbSeries("A"), NwbSeries("T", times=True), backend="zarr"
    )
    (path / "acquisition" / "A" / "data" / "0.0").unlink()
    next((path / "acquisition" / "T" / "timestamps").glob("[0-9]*")).unlink()
    report = planned(tmp_path)
    assert reasons(report) == {
        ("block0", "acquisition-A", 0): "truncated",
        ("block0", "acquisition-T", 0): "truncated",
    }


def link(path: Path, target: Path) -> None:
    """Make the data of series A lie in another file."""
    import h5py

    with h5py.File(path, "r+") as file:
        del file["acquisition/A/data"]
        file["acquisition/A/data"] = h5py.ExternalLink(str(target), "acquisition/A/data")


def test_a_link_that_leaves_the_data_folder_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "data" / "x.nwb", NwbSeries("A"), NwbSeries("B", ("ProbeB",)))
    link(path, write(tmp_path / "elsewhere" / "y.nwb", seed=1))
    report = planned(tmp_path / "data", split_groups=False)
    assert names(report) == ["block0_acquisition-B_recording1"]
    assert reasons(report) == {("block0", "acquisition-A", None): "refused"}


def test_data_in_a_foreign_raw_file_are_refused(tmp_path: Path) -> None:
    import h5py

    (tmp_path / "secret").write_bytes(bytes(96000))
    path = write(tmp_path / "data" / "x.nwb")
    with h5py.File(path, "r+") as file:
        group = file["acquisition/A"]
        attributes = dict(group["data"].attrs)
        del group["data"]
        outside = [(str(tmp_path / "secret"), 0, 96000)]
        group.create_dataset("data", (3000, 16), "int16", external=outside)
        group["data"].attrs.update(attributes)
    report = planned(tmp_path / "data")
    assert reasons(report) == {("block0", "acquisition-A", None): "refused"}


def test_a_link_within_the_data_folder_is_followed_and_identified(tmp_path: Path) -> None:
    path = write(tmp_path / "x.nwb")
    target = write(tmp_path / "raw" / "y.nwb", seed=1)
    link(path, Path("raw/y.nwb"))
    _, jobs = dispatched(tmp_path, sessions="x", multi_session=True)
    (before,) = jobs.values()
    assert loaded(before, tmp_path).get_traces().any()
    write(target, seed=2)
    _, jobs = dispatched(tmp_path, sessions="x", multi_session=True)
    (after,) = jobs.values()
    assert after.fingerprint != before.fingerprint


def test_a_file_without_recordings(tmp_path: Path) -> None:
    nwb.write_nwb(tmp_path / "x.nwb", PROBES, [], **SHORT)
    report = planned(tmp_path)
    assert report.exit_status == 1
    assert "no ElectricalSeries" in report.entries[0].message


def test_clipped_for_debugging(tmp_path: Path) -> None:
    write(tmp_path / "x.nwb", NwbSeries("A", times=True))
    _, jobs = dispatched(tmp_path, debug=True, debug_duration=0.05)
    (job,) = jobs.values()
    assert loaded(job, tmp_path).get_num_samples() == pytest.approx(1500, abs=1)


def test_a_file_that_was_cut_is_truncated(tmp_path: Path) -> None:
    file = nwb.write_nwb(tmp_path / "x.nwb", seconds=0.1)
    payload.cut_file(file, 1000)
    size = file.stat().st_size
    (entry,) = planned(tmp_path).entries
    assert (entry.status, entry.reason) == ("failed", "truncated")
    told = f"{file}: {size:,} bytes on disk, {size + 1000:,} according to its header."
    assert entry.message.startswith(told)
