"""SpikeGLX: gates and triggers, missing and truncated files, probes of every age."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from dispatch_assets.si_readers import find_reader
from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.outcome import (
    dispatched,
    loaded,
    loaded_lfp,
    names,
    planned,
    reasons,
    sizes,
)
from dispatch_assets_tests.samples import SAVED, payload, spikeglx
from dispatch_assets_tests.samples.neuropixels import sites

FOUR_SHANKS = {"imec0": "NP1", "imec1": "NP2_4shank", "obx0": "OneBox"}


class TestContract(InputFormatContract):
    input_format = "spikeglx"
    decides = "run_g0_t0.nidq.meta"
    jobs = {("block0", "imec0.ap"): 1, ("block0", "imec1.ap"): 4}
    left_out = {
        ("block0", "imec0.lf"): "lfp_band",
        ("block0", "nidq"): "auxiliary_stream",
        ("block0", "obx0"): "auxiliary_stream",
        ("block0", "imec0.ap-SYNC"): "sync_stream",
        ("block0", "imec0.lf-SYNC"): "sync_stream",
        ("block0", "imec1.ap-SYNC"): "sync_stream",
    }
    raw = ("*/run_g0_t0.imec0.ap.bin", "*/run_g0_t1.imec0.ap.bin")
    raw_stream = ("block0", "imec0.ap")

    def write(self, folder: Path) -> Path:
        about: dict[str, Any] = {"seconds": SECONDS, "triggers": (0, 1), "saved": SAVED}
        return spikeglx.write_run(folder, "run", FOUR_SHANKS, **about)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface.extractors import read_spikeglx

        return read_spikeglx(session, stream_name=stream)


SHORT: dict[str, Any] = {"seconds": 0.1, "saved": SAVED}
NP1 = {"imec0": "NP1"}


def test_triggers_of_all_probes_count_alike(tmp_path: Path) -> None:
    skip = {("imec1", 1), ("imec0.lf", 2)}
    probes = {"imec0": "NP1", "imec1": "NP1"}
    spikeglx.write_run(tmp_path / "r", "r", probes, triggers=(0, 1, 2), skip=skip, **SHORT)
    report, jobs = dispatched(tmp_path)
    first = [f"block0_imec0.ap_recording{i}" for i in (1, 2, 3)]
    assert list(jobs) == [*first, "block0_imec1.ap_recording1", "block0_imec1.ap_recording3"]
    assert report.exit_status == 0
    # the third trigger has no LFP: that job has none, and nobody else's is put there
    assert [job.recording_lfp_dict is not None for job in jobs.values()] == [
        *(True, True, False),
        *(True, True),
    ]
    for name, file in (("block0_imec1.ap_recording3", "r_g0_t2.imec1.ap.bin"),):
        traces = np.fromfile(next(tmp_path.rglob(file)), np.int16).reshape(3000, -1)
        np.testing.assert_array_equal(loaded(jobs[name], tmp_path).get_traces(), traces[:, :-1])


def test_one_job_has_all_triggers_if_segments_stay_together(tmp_path: Path) -> None:
    spikeglx.write_run(
        tmp_path / "r", "r", NP1, triggers=(0, 1, 2), skip={("imec0.lf", 1)}, **SHORT
    )
    _, jobs = dispatched(tmp_path, split_segments=False)
    (job,) = jobs.values()
    assert job.recording_name == "block0_imec0.ap_recording"
    assert sizes(loaded(job, tmp_path)) == [3000] * 3
    assert job.recording_lfp_dict is None
    assert "LFP" in job.warnings[0]


def test_gates_follow_one_another(tmp_path: Path) -> None:
    for gate, triggers in ((0, (0, 1)), (1, (0,))):
        spikeglx.write_run(tmp_path / "r", "r", NP1, gate=gate, triggers=triggers, **SHORT)
    _, jobs = dispatched(tmp_path)
    assert list(jobs) == [f"block0_imec0.ap_recording{i}" for i in (1, 2, 3)]
    expected = ("g0_t0", "g0_t1", "g1_t0")
    for job, name in zip(jobs.values(), expected, strict=True):
        (file,) = tmp_path.rglob(f"r_{name}.imec0.ap.bin")
        traces = np.fromfile(file, np.int16).reshape(3000, -1)
        np.testing.assert_array_equal(loaded(job, tmp_path).get_traces(), traces[:, :-1])
        assert loaded_lfp(job, tmp_path).get_start_time(0) == loaded(job, tmp_path).get_start_time()


def test_catgt_names(tmp_path: Path) -> None:
    spikeglx.write_run(tmp_path / "r", "r", NP1, triggers=("cat",), flat=True, **SHORT)
    assert names(planned(tmp_path)) == ["block0_imec0.ap_recording1"]


def test_a_truncated_bin_fails_alone(tmp_path: Path) -> None:
    probes = {"imec0": "NP1", "imec1": "NP2"}
    run = spikeglx.write_run(tmp_path / "r", "r", probes, triggers=(0, 1), **SHORT)
    (file,) = run.rglob("r_g0_t1.imec0.ap.bin")
    payload.cut_file(file, 62)
    report = planned(tmp_path)
    assert reasons(report) == {("block0", "imec0.ap", 1): "truncated"}
    assert len(names(report)) == 3
    assert report.exit_status == 1
    together = planned(tmp_path, split_segments=False)
    assert names(together) == ["block0_imec1.ap_recording"]
    assert reasons(together) == {("block0", "imec0.ap", None): "truncated"}


def test_half_a_sample_is_noticed_without_a_promised_size(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", NP1, lf=False, **SHORT)
    (meta,) = run.rglob("*.ap.meta")
    lines = [x for x in meta.read_text().splitlines() if not x.startswith("fileSizeBytes")]
    meta.write_text("\n".join(lines) + "\nfileSizeBytes=\n")
    payload.cut_file(meta.with_suffix(".bin"), 1)
    assert reasons(planned(tmp_path)) == {("block0", "imec0.ap", 0): "truncated"}


def test_a_damaged_lfp_leaves_the_ap(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", NP1, **SHORT)
    (file,) = run.rglob("*.lf.bin")
    payload.cut_file(file, 2)
    report, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.recording_lfp_dict is None
    assert "LFP" in job.warnings[0]
    assert reasons(report) == {("block0", "imec0.lf", 0): "truncated"}


def test_a_bin_without_meta_and_a_meta_without_bin(tmp_path: Path) -> None:
    probes = {"imec0": "NP1", "imec1": "NP2", "imec2": "NP2"}
    run = spikeglx.write_run(tmp_path / "r", "r", probes, **SHORT)
    next(run.rglob("*imec0.ap.bin")).unlink()
    next(run.rglob("*imec1.ap.meta")).unlink()
    report = planned(tmp_path)
    assert names(report) == ["block0_imec2.ap_recording1"]
    failed = {stream: reason for (_, stream, _), reason in reasons(report).items()}
    assert failed == {"imec0.ap": "missing_file", "r_g0_t0.imec1.ap": "missing_file"}


def test_a_probe_folder_of_its_own_bins_is_searched_for_orphans(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", {"imec0": "NP2", "imec1": "NP2"}, **SHORT)
    for meta in (run / "r_g0_imec1").glob("*.meta"):
        meta.unlink()
    assert reasons(planned(tmp_path)) == {("block0", "r_g0_t0.imec1.ap", None): "missing_file"}


def test_compressed_data_get_a_remedy(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", NP1, lf=False, **SHORT)
    (file,) = run.rglob("*.ap.bin")
    file.rename(file.with_suffix(".cbin"))
    (entry,) = [e for e in planned(tmp_path).entries if e.status == "failed"]
    assert "reader_type 'compressedbinaryibl'" in entry.message
    assert find_reader("compressedbinaryibl").name == "compressedbinaryibl"


def test_one_broken_meta_leaves_the_other_probes(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", {"imec0": "NP1", "imec1": "NP2"}, **SHORT)
    next(run.rglob("*imec0.ap.meta")).write_text("garbage\n")
    report = planned(tmp_path)
    assert names(report) == ["block0_imec1.ap_recording1"]
    assert reasons(report) == {("block0", "imec0.ap", 0): "unreadable"}


def test_a_broken_meta_beside_a_good_one_in_the_same_folder(tmp_path: Path) -> None:
    probes = {"imec0": "NP1", "imec1": "NP2"}
    run = spikeglx.write_run(tmp_path / "r", "r", probes, flat=True, **SHORT)
    next(run.rglob("*imec0.lf.meta")).write_text("garbage\n")
    report, jobs = dispatched(tmp_path)
    assert list(jobs) == ["block0_imec0.ap_recording1", "block0_imec1.ap_recording1"]
    assert reasons(report) == {("block0", "imec0.lf", 0): "unreadable"}


def test_the_same_file_twice_is_refused(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", {"imec0": "NP2"}, **SHORT)
    shutil.copytree(run / "r_g0_imec0", run / "backup_g0_imec0")
    report = planned(tmp_path)
    assert not names(report)
    assert {e.reason for e in report.entries if e.status == "failed"} == {"duplicate_name"}


def test_phase_3a(tmp_path: Path) -> None:
    spikeglx.write_run(tmp_path / "r", "r", {"imec": "phase3A"}, nidq=False, **SHORT)
    _, jobs = dispatched(tmp_path)
    (job,) = jobs.values()
    assert job.recording_name == "block0_imec.ap_recording1"
    assert job.recording_lfp_dict is not None
    np.testing.assert_array_equal(
        loaded(job, tmp_path).get_channel_locations(), sites("phase3A").xy_um[list(SAVED)]
    )


def test_streams_are_ordered_by_number(tmp_path: Path) -> None:
    probes = {f"imec{i}": "NP2" for i in (10, 2, 0)}
    spikeglx.write_run(tmp_path / "r", "r", probes, nidq=False, **SHORT)
    assert names(planned(tmp_path)) == [f"block0_imec{i}.ap_recording1" for i in (0, 2, 10)]


def test_nothing_but_inputs_is_no_failure_but_no_success(tmp_path: Path) -> None:
    spikeglx.write_run(tmp_path / "r", "r", {"obx0": "OneBox"}, **SHORT)
    report = planned(tmp_path)
    assert not reasons(report)
    assert report.exit_status == 1


def test_a_data_folder_of_run_folders_and_a_run_folder_itself(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "lab" / "r_g0", "r", NP1, **SHORT)
    for root in (tmp_path / "lab", run, run / "r_g0_imec0"):
        assert names(planned(root)) == ["block0_imec0.ap_recording1"]


def test_a_meta_file_that_lacks_an_entry_is_told_in_words(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", NP1, lf=False, **SHORT)
    (meta,) = run.rglob("*.ap.meta")
    lines = [x for x in meta.read_text().splitlines() if not x.startswith("nSavedChans")]
    meta.write_text("\n".join(lines) + "\n")
    (entry,) = [e for e in planned(tmp_path).entries if e.status == "failed"]
    assert entry.message.startswith(
        f"{meta}: cannot be read: it lacks 'nSavedChans'. Copy it again"
    )
    assert "KeyError" not in entry.message


def test_an_lfp_band_says_what_became_of_its_ap_band(tmp_path: Path) -> None:
    run = spikeglx.write_run(tmp_path / "r", "r", {"imec0": "NP1", "imec1": "NP1"}, **SHORT)
    payload.cut_file(next(run.rglob("*imec0.ap.bin")), 62)
    payload.cut_file(next(run.rglob("*imec1.lf.bin")), 62)
    report, _ = dispatched(tmp_path)
    lfp = [e for e in report.entries if e.stream.endswith(".lf")]
    assert [(e.stream, e.status, e.reason) for e in lfp] == [
        ("imec0.lf", "skipped", "lfp_band"),
        ("imec1.lf", "failed", "truncated"),
    ]
    assert lfp[0].message == "LFP band; left out with imec0.ap, which is no job"


def test_an_lfp_band_whose_ap_band_is_left_out_does_not_go_with_its_job(tmp_path: Path) -> None:
    session = tmp_path / "data" / "s"
    spikeglx.write_run(session, "r", {"imec0": "NP1"}, seconds=0.02, saved=range(4), nidq=False)
    (session / "dispatch.json").write_text('{"streams": {"skip": ["imec0.ap"]}}')
    report, _ = dispatched(tmp_path / "data")
    told = {e.stream: e.message for e in report.entries}
    assert told["imec0.lf"] == "LFP band; left out with imec0.ap, which is no job"
