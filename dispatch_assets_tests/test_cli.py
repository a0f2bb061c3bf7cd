"""The command line: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dispatch_assets.cli import main
from dispatch_assets_tests.samples import generic, spikeglx


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One SpikeGLX session with two segments, AP and LF bands, and nidq."""
    root = tmp_path_factory.mktemp("data")
    spikeglx.write_run(
        root / "M1_g0", "M1", {"imec0": "NP1"}, seconds=0.2, triggers=(0, 1), saved=range(8)
    )
    return root


@pytest.fixture(scope="module")
def two_sessions(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("two")
    for name in ("a", "b"):
        generic.write_binary_folder(root / name / "recording", n_channels=4)
    return root


def names(results: Path) -> list[str]:
    jobs = [json.loads(f.read_text()) for f in sorted(results.glob("job_*.json"))]
    return [job["recording_name"] for job in jobs]


def test_dispatch_writes_a_job_per_recording(data: Path, tmp_path: Path) -> None:
    assert main(["dispatch", str(data), "--results", str(tmp_path)]) == 0
    assert names(tmp_path) == ["block0_imec0.ap_recording1", "block0_imec0.ap_recording2"]
    inventory = json.loads((tmp_path / ".dispatch" / "inventory.json").read_text())
    assert {e["reason"] for e in inventory} >= {"lfp_band", "auxiliary_stream", "sync_stream"}


def test_plan_writes_nothing_and_says_the_same(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["plan", str(data), "--json"]) == 0
    entries = json.loads(capsys.readouterr().out)
    jobs = [e["recording_name"] for e in entries if e["status"] == "job"]
    assert jobs == ["block0_imec0.ap_recording1", "block0_imec0.ap_recording2"]
    assert main(["plan", str(data)]) == 0
    printed = capsys.readouterr()
    assert "2 jobs" in printed.out
    assert "LFP band; goes with the job of imec0.ap" in printed.out
    assert printed.err == ""  # no progress when nobody watches
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--no-split-segments"], ["block0_imec0.ap_recording"]),
        (["--params", '{"split_segments": false}'], ["block0_imec0.ap_recording"]),
        (["false", "true", "false", "30", "true", "spikeglx"], ["block0_imec0.ap_recording"]),
        (["true", "true", "true", "0.1", "false", "spikeglx", "", "false", "-1", ""], None),
        (["--params", '{"input": "spikeglx"}', "--input", "nwb"], None),
        (["--input", "spikeglx", "--min-recording-duration", "0.1"], None),
        (["--multi-session"], [f"M1_g0__block0_imec0.ap_recording{n}" for n in (1, 2)]),
    ],
)
def test_parameters_by_flag_by_position_and_as_json(
    data: Path, tmp_path: Path, arguments: list[str], expected: list[str] | None
) -> None:
    assert main(["dispatch", str(data), "--results", str(tmp_path), *arguments]) == 0
    assert names(tmp_path) == (expected or [f"block0_imec0.ap_recording{n}" for n in (1, 2)])


def test_params_may_be_an_aind_file(data: Path, tmp_path: Path) -> None:
    file = tmp_path / "params.json"
    file.write_text(json.dumps({"job_dispatch": {"debug": True, "debug_duration": 0.05}}))
    arguments = ["dispatch", str(data), "--results", str(tmp_path / "r"), "--params", str(file)]
    assert main(arguments) == 0
    job = json.loads(next((tmp_path / "r").glob("job_*1.json")).read_text())
    assert (job["debug"], job["n_samples"]) == (True, [1500])


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--input", "intan"], "there is no input format 'intan'"),
        (["--params", "{input: nwb}"], "params: is not valid JSON"),
        (["--params", '{"split_segment": true}'], "did you mean 'split_segments'"),
        (["--debug-duration", "0"], "debug_duration"),
        (["true", "--no-split-segments"], "split_segments: is given as a flag and by position"),
        (["perhaps"], "split_segments"),
        (["--sessions", "nobody"], "no session is called 'nobody'"),
        (["true"] * 11, "unknown arguments"),
    ],
)
def test_bad_parameters_end_with_status_2_and_a_sentence(
    data: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    told: str,
) -> None:
    assert main(["dispatch", str(data), "--results", str(tmp_path / "r"), *arguments]) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize("arguments", [["dispatch"], ["dispatch", "x"], ["plan"], ["schema", "x"]])
def test_an_incomplete_command_line_ends_with_status_2(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as e:
        main(arguments)
    assert e.value.code == 2


def test_several_sessions_need_the_flag(
    two_sessions: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dispatch", str(two_sessions), "--results", str(tmp_path)]) == 1
    assert "--multi-session" in capsys.readouterr().err
    one = ["dispatch", str(two_sessions), "--results", str(tmp_path), "--sessions", "b"]
    assert main(one) == 0
    assert names(tmp_path) == ["block0_stream0_recording1"]


def test_a_missing_data_folder_is_told(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["plan", str(tmp_path / "nowhere")]) == 1
    assert (
        "nowhere: the data folder does not exist. Is the disk mounted?" in capsys.readouterr().err
    )


def test_nothing_to_sort_is_a_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    assert main(["plan", str(tmp_path)]) == 1
    assert "No recording can be sorted." in capsys.readouterr().err


def test_what_cannot_be_dispatched_sets_the_status_but_stops_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = tmp_path / "data" / "M1_g0"
    probes = {"imec0": "NP1", "imec1": "NP1"}
    spikeglx.write_run(
        run, "M1", probes, seconds=0.1, saved=range(8), bin_samples={"imec1.ap": 500}
    )
    assert main(["dispatch", str(tmp_path / "data"), "--results", str(tmp_path / "r")]) == 1
    assert names(tmp_path / "r") == ["block0_imec0.ap_recording1"]
    told = capsys.readouterr().err
    assert "[truncated]" in told
    assert "imec1.ap.bin" in told


def test_results_that_cannot_be_written_are_told(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["dispatch", str(data), "--results", str(tmp_path / "file" / "r")]) == 1
    assert "cannot be" in capsys.readouterr().err


def test_jobs_whose_recording_is_gone_are_set_aside(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = ["dispatch", str(data), "--results", str(tmp_path), "--no-split-segments"]
    assert main(whole) == 0
    (tmp_path / "job_of_somebody_else.json").write_text("{}")
    assert main(whole[:-1]) == 0
    assert "set aside" in capsys.readouterr().err
    left = {f.name for f in tmp_path.glob("job_*.json")}
    assert len(left) == 3
    assert "job_of_somebody_else.json" in left
    (stale,) = (tmp_path / ".dispatch" / "stale").iterdir()
    assert json.loads(stale.read_text())["recording_name"] == "block0_imec0.ap_recording"


def test_formats_says_which_file_decided(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["formats", str(data / "M1_g0")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.split()[1] == "yes"] == ["spikeglx"]
    assert len(lines) == 5
    assert ".meta" in next(line for line in lines if line.startswith("spikeglx"))


def test_formats_of_an_unknown_folder(tmp_path: Path) -> None:
    assert main(["formats", str(tmp_path)]) == 1


def test_schema_prints_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", "job"]) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "SortingJob"


def test_as_a_command(data: Path, tmp_path: Path) -> None:
    """The installed command, piped: plain text, no escape codes, no warnings of libraries."""
    command = [str(Path(sys.executable).with_name("dispatch-assets"))]
    done = subprocess.run(
        [*command, "dispatch", str(data), "--results", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "2 jobs" in done.stdout
    version = subprocess.run([*command, "--version"], capture_output=True, text=True, check=True)
    assert version.stdout.startswith("dispatch-assets ")
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2


@pytest.mark.parametrize("results", ["", "{data}/results", "{data}", "{file}"])
def test_results_go_into_a_folder_outside_of_the_data(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], results: str
) -> None:
    file = tmp_path / "file"
    file.write_text("in the way")
    before = sorted(data.iterdir())
    where = results.format(data=data, file=file)
    assert main(["dispatch", str(data), f"--results={where}"]) == 2
    assert "--results" in capsys.readouterr().err
    assert sorted(data.iterdir()) == before


def test_plan_says_that_dispatch_will_need_the_flag(
    two_sessions: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(two_sessions)]) == 0
    assert "--multi-session" in capsys.readouterr().out
    assert main(["plan", str(two_sessions), "--multi-session"]) == 0
    assert "--multi-session" not in capsys.readouterr().out


def test_an_empty_data_folder_is_said_to_be_empty(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", str(tmp_path)]) == 1
    assert "The data folder is empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "guess"),
    [
        (["plan", "x", "--mulit-session"], "--multi-session"),
        (["dispatch", "x", "--results", "y", "--min-recording-duratoin=3"], None),
        (["plann", "x"], "plan"),
        (["schema", "jobs"], "job"),
    ],
)
def test_typos_are_guessed(
    capsys: pytest.CaptureFixture[str], arguments: list[str], guess: str | None
) -> None:
    with pytest.raises(SystemExit) as e:
        main(arguments)
    assert e.value.code == 2
    meant = guess or "--min-recording-duration"
    assert f"did you mean '{meant}'?" in capsys.readouterr().err


def test_a_file_of_a_session_names_the_session_folder(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in (*data.rglob("*imec0.ap.meta"), *data.rglob("*t0.nidq.bin")):
        assert main(["plan", str(file)]) == 1
        told = capsys.readouterr().err
        assert f"is one file of a session. Give the session folder: {data / 'M1_g0'}." in told


def test_plan_says_that_clocks_come_later(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["plan", str(data)]) == 0
    assert "the clocks are checked when the jobs are written" in capsys.readouterr().out
    assert main(["plan", str(data), "--skip-timestamps-check"]) == 0
    assert "clocks" not in capsys.readouterr().out


def test_reader_that_has_seen_enough_is_no_error(data: Path) -> None:
    command = f"'{sys.executable}' -m dispatch_assets plan '{data}' --json | head -1"
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "[\n"
    assert done.stderr == ""
