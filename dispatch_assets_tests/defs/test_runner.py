"""``dispatch-assets materialize``: everything that is due, and nothing else."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import dagster as dg
import pytest

from dispatch_assets.cli import main
from dispatch_assets.defs import runner
from dispatch_assets.errors import DataRootError, ParameterError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.jobs import JobBuilder
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.stream_plans import PlannedJob
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPATCH_DATA", "DISPATCH_STORE", "DISPATCH_PARAMS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def place(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab whose instance the runner uses instead of one on disk, to be quick."""
    monkeypatch.setattr(runner, "instance_at", lambda _: nullcontext(lab.instance))
    return lab


def written(place: Lab, params: DispatchParams | None = None) -> list[str]:
    return list(runner.materialize(place.data, place.store, params).written)


def test_writes_what_is_due_and_only_that(place: Lab) -> None:
    first = runner.materialize(place.data, place.store)
    assert list(first.written) == KEYS
    assert first.exit_status == 0
    assert written(place) == []
    place.change(BETA[0])
    place.change(BETA[2])
    assert written(place) == [BETA[0], BETA[2]]
    Path(JobFiles(str(place.store)).path(ALPHA)).unlink()
    assert written(place) == [ALPHA]
    assert written(place, DispatchParams(debug=True)) == KEYS


def test_job_that_was_written_but_never_shown_is_written_again(place: Lab) -> None:
    runner.materialize(place.data, place.store)
    place.instance.wipe_assets([dg.AssetKey("sorting_jobs")])
    assert written(place) == KEYS


def test_stores_that_share_an_instance_do_not_vouch_for_each_other(
    place: Lab, tmp_path: Path
) -> None:
    clipped = DispatchParams(debug=True, debug_duration=0.01)
    runner.materialize(place.data, tmp_path / "a", clipped)
    runner.materialize(place.data, tmp_path / "b")
    assert list(runner.materialize(place.data, tmp_path / "a").written) == KEYS
    assert not JobFiles(str(tmp_path / "a")).read(ALPHA).debug


def test_faults_are_in_the_summary_and_set_the_exit_status(place: Lab) -> None:
    place.damage(BETA[1])
    summary = runner.materialize(place.data, place.store)
    assert list(summary.written) == [ALPHA, BETA[0], BETA[2]]
    assert summary.exit_status == 1
    assert [e.reason for e in summary.of_status("failed")] == ["missing_file"]


def test_job_that_cannot_be_built_is_in_the_summary(
    place: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    inventories = runner._inventories

    def damaged_meanwhile(*arguments: object) -> object:
        place.damage(BETA[1])
        return inventories(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(runner, "_inventories", damaged_meanwhile)
    summary = runner.materialize(place.data, place.store)
    assert list(summary.failed) == [BETA[1]]
    assert "continuous.dat" in summary.failed[BETA[1]]
    assert set(summary.written) == set(KEYS) - {BETA[1]}
    assert summary.exit_status == 1


def test_sessions_narrow_it_down(place: Lab) -> None:
    assert written(place, DispatchParams(sessions=["alpha"])) == [ALPHA]
    assert written(place) == BETA


def test_what_makes_no_sense_is_an_error_of_ours(place: Lab, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no session is called 'gamma'"):
        runner.materialize(place.data, place.store, DispatchParams(sessions=["gamma"]))
    with pytest.raises(DataRootError, match="does not exist"):
        runner.materialize(tmp_path / "nowhere", place.store)


def test_command_line_exit_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["materialize"]) == 2
    assert (
        "--data: is missing. Name the data root, or set DISPATCH_DATA." in capsys.readouterr().err
    )


def test_params_of_the_environment_hold_unless_a_flag_says_otherwise(
    place: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DISPATCH_PARAMS", '{"debug": true, "debug_duration": 0.05}')
    arguments = ["materialize", "--data", str(place.data), "--store", str(place.store)]
    assert main([*arguments, "--debug-duration", "0.02", "--sessions", "alpha"]) == 0
    job = JobFiles(str(place.store)).read(ALPHA)
    assert (job.debug, job.duration) == (True, 0.02)
    assert "1 job written, 0 up to date" in capsys.readouterr().out


def test_interrupted_halfway_it_goes_on_where_it_was(
    place: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build, arguments = JobBuilder.build, ["materialize", "--data", str(place.data)]

    def interrupted(self: JobBuilder, planned: PlannedJob) -> SortingJob:
        if planned.entry.job_key == BETA[1]:
            signal.raise_signal(signal.SIGINT)
        return build(self, planned)

    with monkeypatch.context() as patch:
        patch.setattr(JobBuilder, "build", interrupted)
        assert main([*arguments, "--store", str(place.store)]) == 130
    assert "interrupted" in capsys.readouterr().err
    assert place.materialized() == place.jobs.keys() == {ALPHA, BETA[0]}
    assert written(place) == [BETA[1], BETA[2]]


def test_as_a_program_twice(data: Path, tmp_path: Path) -> None:
    """As a user starts it: state stays in .dispatch, and nobody sees Dagster's own chatter."""
    environment = {**os.environ, "DISPATCH_DATA": str(data)}
    command = [
        sys.executable,
        "-c",
        "from dispatch_assets.cli import main; raise SystemExit(main())",
    ]

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*command, "materialize"],
            cwd=tmp_path,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )

    first, second = run(), run()
    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert "4 jobs written, 0 up to date, 3 left out as expected, 0 failed" in first.stdout
    assert "0 jobs written, 4 up to date" in second.stdout
    assert first.stderr.splitlines() == ["looking at the data root", "writing jobs 1 to 4 of 4"]
    assert JobFiles(str(tmp_path / ".dispatch" / "store")).keys() == set(KEYS)
    assert (tmp_path / ".dispatch" / "dagster_home" / "dagster.yaml").exists()


def test_what_is_not_recognised_is_named(place: Lab, capsys: pytest.CaptureFixture[str]) -> None:
    (place.data / "holiday").mkdir()
    assert main(["materialize", "--data", str(place.data), "--store", str(place.store)]) == 0
    out = capsys.readouterr().out
    assert "Not recognised" in out
    assert "  holiday\n    aind: no ecephys_compressed" in out
    assert "1 not recognised, 0 failed" in out
    assert "4 recordings in 2 sessions" in out


def test_remedy_for_mass_removal_is_a_flag_here(
    place: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["materialize", "--data", str(place.data), "--store", str(place.store)]
    assert main(command) == 0
    for session in ("alpha", "beta"):
        place.remove(session)
    assert main(command) == 1
    told = capsys.readouterr().err
    assert "run again with --allow-mass-removal." in told
    assert "allow_mass_removal" not in told
    assert main([*command, "--allow-mass-removal"]) == 1  # nothing to sort, but accepted
    assert "0 recordings in 0 sessions: 0 new, 0 changed, 0 returned, 4 vanished" in (
        capsys.readouterr().out
    )


def test_command_that_shows_the_result_names_every_setting(
    place: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = tmp_path / "my store"
    assert main(["materialize", "--data", str(place.data), "--store", str(store)]) == 0
    line = capsys.readouterr().out.splitlines()[-1].partition(": ")[2]
    *settings, make, dev = shlex.split(line)
    assert (make, dev) == ("make", "dev")
    assert settings == [
        f"DISPATCH_DATA={place.data}",
        f"DISPATCH_STORE={store}",
        f"DAGSTER_HOME={tmp_path / 'dagster_home'}",
    ]


@pytest.mark.parametrize("inside", ["", "deep/store"])
def test_a_store_among_the_sessions_is_refused(place: Lab, inside: str) -> None:
    store = place.data / inside
    before = sorted(place.data.rglob("*"))
    with pytest.raises(ParameterError, match="into which nothing is ever written"):
        runner.materialize(place.data, store)
    assert sorted(place.data.rglob("*")) == before


def test_the_way_to_the_ui_has_the_parameters(
    place: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["materialize", "--data", str(place.data), "--store", str(place.store)]
    assert main([*command, "--min-recording-duration", "0.001"]) == 0
    assert """DISPATCH_PARAMS='{"min_recording_duration": 0.001}'""" in capsys.readouterr().out
    assert main(command) == 0
    assert "DISPATCH_PARAMS" not in capsys.readouterr().out
