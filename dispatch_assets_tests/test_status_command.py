"""``dispatch-assets status`` from outside: what it prints and writes, and its exit status."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

from dispatch_assets.cli import main
from dispatch_assets.errors import RefusedError
from dispatch_assets.naming import job_key
from dispatch_assets.schemas import schema_text
from dispatch_assets_tests.status.lab import Fleet
from dispatch_assets_tests.test_architecture import WITHOUT_DAGSTER

ALPHA = job_key("alpha", "block0_imec0.ap_recording1")


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    for name in ("DISPATCH_DATA", "DISPATCH_STORE", "DISPATCH_RESULTS", "DAGSTER_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    made = Fleet(tmp_path)
    made.add("alpha")
    made.inventory()
    made.dispatch()
    return made


def test_exit_status_says_whether_somebody_is_needed(
    fleet: Fleet, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["status", "--store", str(fleet.store)]
    assert main(command) == 0
    assert "Nothing needs attention." in capsys.readouterr().out
    fleet.fail(ALPHA, "preprocessed", RefusedError("is all zero"))
    assert main(command) == 1
    assert "preprocessed: is all zero." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--store", "nowhere"], "there is no store in"),
        (["nobody"], "no session is called 'nobody'"),
        (["--html", "."], "is a folder"),
        (["--html", ""], "is a folder"),
    ],
)
def test_wrong_parameters_end_with_status_2(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], arguments: list[str], told: str
) -> None:
    assert main(["status", "--store", str(fleet.store), *arguments]) == 2
    assert told in capsys.readouterr().err


def test_places_come_from_the_environment(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["status"]) == 2  # there is no .dispatch/store here
    assert "DISPATCH_STORE" in capsys.readouterr().err
    monkeypatch.setenv("DISPATCH_STORE", str(fleet.store))
    monkeypatch.setenv("DISPATCH_RESULTS", str(fleet.root / "elsewhere"))
    fleet.sort(ALPHA)
    (fleet.store / "sorting").rename(fleet.root / "elsewhere")
    assert main(["status", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["results"] == str(fleet.root / "elsewhere")
    assert told["n_recordings"] == {"done": 1}
    monkeypatch.setenv("DISPATCH_SORTING", '{"seed": -1}')
    assert main(["status", "--json"]) == 2
    assert "seed" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["DISPATCH_WATCH", "DISPATCH_PARAMS"])
def test_how_sessions_are_found_must_make_sense_if_they_are_looked_at(
    fleet: Fleet,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv(name, '{"setle_s": 300}')
    command = ["status", "--json", "--store", str(fleet.store)]
    assert main([*command, "--data", str(fleet.data)]) == 2
    assert "setle_s" in capsys.readouterr().err
    assert main(command) == 0


def test_json_and_a_page_at_once(fleet: Fleet, capsys: pytest.CaptureFixture[str]) -> None:
    page = fleet.root / "new folder" / "status.html"
    arguments = ["status", "--store", str(fleet.store), "--data", str(fleet.data)]
    assert main([*arguments, "--json", "--html", str(page)]) == 0
    printed = capsys.readouterr()
    jsonschema.validate(json.loads(printed.out), json.loads(schema_text("status")))
    assert printed.err == f"wrote {page}\n"
    assert page.read_text().startswith("<!doctype html>")
    assert [f.name for f in page.parent.iterdir()] == ["status.html"]


def test_a_page_that_cannot_be_written_leaves_the_old_one(
    fleet: Fleet, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    page = fleet.root / "status.html"
    page.write_text("the old one")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("dispatch_assets.store.os.fsync", full)
    assert main(["status", "--store", str(fleet.store), "--html", str(page)]) == 1
    assert "No space left on device" in capsys.readouterr().err
    assert page.read_text() == "the old one"
    assert not list(fleet.root.glob(".*.tmp"))


def test_it_works_without_dagster(fleet: Fleet) -> None:
    code = WITHOUT_DAGSTER + "from dispatch_assets.cli import main; sys.exit(main(sys.argv[1:]))"
    command = ["status", "--store", str(fleet.store), "--data", str(fleet.data), "--all"]
    done = subprocess.run(
        [sys.executable, "-c", code, *command], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 recording: 1 dispatched" in done.stdout


def test_looking_imports_nothing_heavy(fleet: Fleet) -> None:
    code = """
import sys
from dispatch_assets.cli import main
status = main(["status", "--store", sys.argv[1], "--html", "status.html"])
heavy = {"spikeinterface", "dagster", "neo", "matplotlib", "pandas", "h5py"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else status)
"""
    command = [sys.executable, "-c", code, str(fleet.store)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=fleet.root)
    assert done.returncode == 0, done.stderr
