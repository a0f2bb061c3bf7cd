"""What is said about failures, and about stores with damaged files."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import pytest

from dispatch_assets.errors import ParameterError, RefusedError, SorterError
from dispatch_assets.naming import job_key
from dispatch_assets.sorting.attempt import attempt_folder
from dispatch_assets.sorting.results import Refusal
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets_tests.status.lab import ALPHA, Fleet, states


def test_faulty_streams_are_told_beside_good_ones(fleet: Fleet) -> None:
    fleet.add("delta", probes=2, damaged=True)
    fleet.inventory()
    session = fleet.session("delta")
    faulty, good = session.recordings
    assert (faulty.state, faulty.job, faulty.next_step) == (
        "faulty",
        "faulty",
        "copy again from the rig",
    )
    assert faulty.last_error is not None
    assert "imec0.ap.bin" in faulty.last_error.message
    assert (good.state, good.needs_attention) == ("no job", False)
    assert session.needs_attention
    assert fleet.status().sessions[0].session_name == "delta"
    assert fleet.status().exit_status == 1


def test_failures_say_when_and_why(fleet: Fleet) -> None:
    fleet.fail(
        ALPHA, "preprocessed", RefusedError("is all zero", "x.bin", "Look at it", "all_zero")
    )
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("refused", "exclude, or adapt params")
    assert recording.last_error is not None
    assert recording.last_error.message == "x.bin: is all zero. Look at it."
    assert recording.last_error.at > "2020"
    assert recording.last_error.where == "preprocessed"
    fleet.sort(ALPHA, "preprocessed")
    assert fleet.recording("alpha").last_error is None
    fleet.fail(ALPHA, "sorting", SorterError("gave up", "kilosort4", "Try another", "Traceback"))
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("failed", "mend, run sorting")
    assert fleet.status().n_need_attention == 1


def test_an_attempt_at_work_and_one_that_was_killed(fleet: Fleet) -> None:
    with attempt_folder(fleet.results(ALPHA), "preprocessed", "a1") as folder:
        recording = fleet.recording("alpha")
        assert (recording.state, recording.next_step) == ("running", "wait for preprocessed")
        assert not recording.needs_attention
        left = folder.parent / ".preprocessed-a2"
        shutil.copytree(folder, left)  # as a killed process leaves it: nobody holds its lock
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("killed", "run preprocessed again")
    assert recording.last_error is not None
    assert "n_jobs" in recording.last_error.message
    fleet.sort(ALPHA, "preprocessed")
    assert fleet.recording("alpha").state == "partly sorted"
    assert not left.exists()


def test_a_failure_is_about_the_job_as_it_was(fleet: Fleet) -> None:
    fleet.fail(ALPHA, "preprocessed", RefusedError("is all zero", reason=Refusal.ALL_ZERO))
    later = time.time() + 60
    os.utime(fleet.jobs.path(ALPHA), (later, later))
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("out of date", "run preprocessed again")
    assert not recording.needs_attention


def test_a_job_that_could_not_be_built_says_why_until_it_can(fleet: Fleet) -> None:
    fleet.jobs.record_failure(ALPHA, "imec0.ap.bin: is truncated. Copy it again.")
    fleet.change("alpha")
    fleet.inventory()
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("faulty", "mend, run sorting_jobs")
    assert recording.last_error is not None
    assert recording.last_error.message == "imec0.ap.bin: is truncated. Copy it again."
    fleet.dispatch()
    assert fleet.recording("alpha").state == "dispatched"


DAMAGE = {
    "truncated": b'{"schema_version": 1, "session',
    "another": b'{"something": "else"}',
    "a list": b"[]",
    "empty": b"",
    "zeros": bytes(300),
    "no text": b"\xff\xfe\x00",
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_files_are_rows_of_their_own(fleet: Fleet, damage: bytes) -> None:
    keys = [job_key(s, "block0_imec0.ap_recording1") for s in ("alpha", "beta", "gamma")]
    fleet.sort(keys[2])
    shutil.rmtree(fleet.data / "beta")
    fleet.add("delta")
    fleet.inventory()
    (fleet.store / "session_inventory" / "alpha.json").write_bytes(damage)
    (fleet.store / "vanished" / "beta.json").write_bytes(damage)
    if damage != b"[]":
        (fleet.store / "not_sessions.json").write_bytes(damage)
    (fleet.results(keys[2]) / "units" / "result.json").write_bytes(damage)
    (fleet.results(keys[2]) / "units_nwb.failed.json").write_bytes(damage)
    fleet.dispatch("delta")
    Path(fleet.jobs.path(job_key("delta", "block0_imec0.ap_recording1"))).write_bytes(damage)
    found = {s.session_name: s for s in fleet.status().sessions}
    assert set(found) == {"alpha", "beta", "gamma", "delta"}
    alpha = found["alpha"]
    assert (alpha.state, alpha.next_step) == ("quarantined", "materialize session_inventory")
    assert alpha.last_error is not None
    assert "alpha.json" in alpha.last_error.message
    (delta,) = found["delta"].recordings
    assert (delta.state, delta.job) == ("damaged", "damaged")
    (gamma,) = found["gamma"].recordings
    assert (gamma.state, gamma.next_step) == ("damaged", "run units again")
    assert [s.state for s in gamma.steps][2:] == ["damaged", "out of date", "failed"]
    told = {p.where for p in fleet.status().problems}
    assert "vanished/beta.json" in told
    assert ("not_sessions.json" in told) == (damage != b"[]")
    assert fleet.status().exit_status == 1


def test_files_in_the_way_of_results(fleet: Fleet) -> None:
    fleet.sort(ALPHA, "preprocessed")
    shutil.rmtree(fleet.results(ALPHA) / "preprocessed")
    (fleet.results(ALPHA) / "preprocessed").mkdir()
    assert states(fleet)[0] == "damaged"
    (fleet.store / "sorting" / "somebody.txt").write_text("else's")
    shutil.rmtree(fleet.results(ALPHA))
    fleet.results(ALPHA).write_text("no folder")
    assert states(fleet) == ["none"] * 5


@pytest.mark.parametrize("place", ["../../../secret", "/etc/passwd", "a/../../b"])
def test_results_name_no_files_elsewhere(fleet: Fleet, place: str) -> None:
    fleet.sort(ALPHA)
    file = fleet.results(ALPHA) / "units_report" / "result.json"
    result = json.loads(file.read_text())
    file.write_text(json.dumps({**result, "files": {"report": place}}))
    recording = fleet.recording("alpha")
    assert set(recording.files) == {"overview", "nwb"}
    assert recording.state == "done"


def test_a_store_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"there is no store in .*DISPATCH_STORE"):
        fleet_status(str(tmp_path / "nowhere"))
    empty = fleet_status(str(tmp_path))
    assert (empty.sessions, empty.exit_status) == ([], 0)
