"""What is said about sessions and recordings, from real stores."""

from __future__ import annotations

import json
import os
import shutil
import time

import jsonschema
import pytest

from dispatch_assets.errors import ParameterError
from dispatch_assets.models import dump_json
from dispatch_assets.schemas import schema_text
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.status.marks import RECORDING_MARKS, SESSION_MARKS
from dispatch_assets.status.models import NEEDS_A_PERSON, FleetStatus, RecordingState
from dispatch_assets_tests.status.lab import ALPHA, Fleet, states


def test_from_a_copy_to_units(fleet: Fleet) -> None:
    fleet.add("delta", probes=2)
    fleet.inventory()
    found = fleet.status()
    assert found.n_sessions == {"dispatched": 4}
    assert found.n_recordings == {"no job": 2, "dispatched": 3}
    assert {r.next_step for r in fleet.session("delta").recordings} == {"materialize sorting_jobs"}
    fleet.sort(ALPHA, "preprocessed", "sorting")
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == (RecordingState.PARTLY, "run units")
    assert [s.state for s in recording.steps] == ["done", "done", "none", "none", "none"]
    assert recording.step is not None
    assert recording.step.step == "sorting"
    assert recording.units is None
    fleet.sort(ALPHA, "units", "units_report", "units_nwb")
    recording = fleet.recording("alpha")
    assert (recording.state, recording.next_step) == ("done", "look at report")
    assert recording.units == {"good": 3, "mua": 2, "noise": 1}
    assert recording.results == str(fleet.results(ALPHA))
    assert recording.files == {
        "report": "units_report/report.html",
        "overview": "units_report/overview.png",
        "nwb": "units_nwb/units.nwb",
    }
    assert fleet.status().exit_status == 0


def test_changed_data_make_job_and_results_out_of_date(fleet: Fleet) -> None:
    fleet.sort(ALPHA)
    fleet.change("alpha")
    fleet.inventory()
    recording = fleet.recording("alpha")
    assert (recording.state, recording.job) == ("out of date", "out of date")
    assert recording.next_step == "materialize sorting_jobs"
    fleet.dispatch()
    recording = fleet.recording("alpha")
    assert (recording.state, recording.job) == ("out of date", "written")
    assert recording.next_step == "run preprocessed again"
    assert recording.last_error is not None
    assert recording.last_error.message == "made from other raw data."
    assert states(fleet) == ["out of date"] * 5
    assert fleet.recording("beta").state == "dispatched"
    assert not recording.needs_attention
    fleet.sort(ALPHA)
    assert fleet.recording("alpha").state == "done"


def test_other_parameters_and_earlier_results(fleet: Fleet) -> None:
    fleet.sort(ALPHA)
    changed = {"curation": {"bombcell_min_duration": 77.0}}
    before, fleet.sorting = fleet.sorting, parse_sorting_params(changed)[0]
    assert states(fleet) == ["done", "done", *["out of date"] * 3]
    why = [s.why for s in fleet.recording("alpha").steps]
    told = "made with other parameters than DISPATCH_SORTING sets now"
    assert why[2] == f"{told} (curation.bombcell_min_duration)."
    assert why[3] == "follows from `units`, which is out of date."
    fleet.sort(ALPHA, "units")
    assert [s.why for s in fleet.recording("alpha").steps][
        3
    ] == "made from an earlier result of `units`."
    fleet.sorting = before.model_copy(update={"seed": 5})
    assert fleet.recording("alpha").steps[0].why == "made with another seed (0)."


def test_a_job_written_anew_counts_if_it_differs(fleet: Fleet) -> None:
    fleet.sort(ALPHA)
    later = time.time() + 60
    fleet.dispatch()
    os.utime(fleet.jobs.path(ALPHA), (later, later))
    assert fleet.recording("alpha").state == "done"
    fleet.params = fleet.params.model_copy(update={"debug": True, "debug_duration": 0.05})
    fleet.inventory()
    fleet.dispatch()
    os.utime(fleet.jobs.path(ALPHA), (later, later))
    recording = fleet.recording("alpha")
    assert recording.state == "out of date"
    assert recording.last_error is not None
    assert recording.last_error.message.startswith("made from another job")


def test_what_vanished_is_kept_and_told(fleet: Fleet) -> None:
    fleet.sort(ALPHA)
    shutil.rmtree(fleet.data / "alpha")
    fleet.inventory()
    session = fleet.session("alpha")
    assert (session.state, session.needs_attention) == ("vanished", False)
    assert session.since > "2020"
    (recording,) = session.recordings
    assert (recording.state, recording.job) == ("vanished", "vanished")
    assert recording.units == {"good": 3, "mua": 2, "noise": 1}
    assert fleet.status().n_sessions == {"dispatched": 2, "vanished": 1}


def test_a_vanished_stream_of_a_session_that_is_there(fleet: Fleet) -> None:
    for file in (fleet.data / "beta").rglob("*.ap.bin"):
        file.unlink()
    fleet.inventory()
    kinds = {r.state: r for r in fleet.session("beta").recordings}
    assert set(kinds) == {"faulty", "vanished"}
    assert kinds[RecordingState.FAULTY].next_step == "copy again from the rig"


def test_settings_of_single_sessions(fleet: Fleet) -> None:
    own = {"alpha": '{"split_segments": false}', "beta": "{", "gamma": '{"exclude": "bad probe"}'}
    for name, text in own.items():
        (fleet.data / name / "dispatch.json").write_text(text)
    fleet.inventory()
    fleet.dispatch()
    told = {r.recording_name: str(r.state) for r in fleet.session("alpha").recordings}
    assert told == {
        "block0_imec0.ap_recording": "dispatched",
        "block0_imec0.ap_recording1": "vanished",
    }
    beta, gamma = fleet.session("beta"), fleet.session("gamma")
    assert (beta.state, beta.needs_attention) == ("quarantined", True)
    assert "dispatch.json" in beta.why
    assert beta.recordings[0].next_step == "mend its settings"
    assert (gamma.next_step, gamma.needs_attention) == ("nothing: excluded", False)
    assert "bad probe" in gamma.why
    # their data are there all the same: nobody has to bring them back
    assert [(r.next_step, r.last_error) for r in beta.recordings[1:]] == [
        ("mend its session", None)
    ]
    (excluded,) = gamma.recordings
    assert (excluded.state, excluded.next_step) == ("vanished", "nothing: excluded")
    assert excluded.last_error is not None
    assert "bad probe" in excluded.last_error.message


def test_json_is_that_of_the_schema(fleet: Fleet) -> None:
    fleet.add("delta", damaged=True)
    fleet.inventory()
    fleet.sort(ALPHA)
    text = dump_json(fleet.status().model_dump(mode="json"))
    jsonschema.validate(json.loads(text), json.loads(schema_text("status")))
    assert FleetStatus.model_validate_json(text).n_recordings == {
        "faulty": 1,
        "dispatched": 2,
        "done": 1,
    }


def test_some_sessions_only(fleet: Fleet) -> None:
    assert [s.session_name for s in fleet.status("beta", "alpha").sessions] == ["alpha", "beta"]
    with pytest.raises(ParameterError, match=r"no session is called 'alphq'.*'alpha'"):
        fleet.status("alphq")


def test_every_state_is_explained() -> None:
    assert all(m.about for m in [*RECORDING_MARKS.values(), *SESSION_MARKS.values()])
    assert {m.name for m in RECORDING_MARKS.values()} >= {str(s) for s in NEEDS_A_PERSON}
