"""Sorters in containers, with a stand-in for Docker: what it is asked, and what comes back.

The stand-in has the calls of the Python package ``docker`` that SpikeInterface makes. Its
containers are processes of this machine: they see the same files, and have a sorter that this
process lacks.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeinterface.sorters as si_sorters

from dispatch_assets.sorting.chain import StepFailed
from dispatch_assets.sorting.step import PREPROCESSED, SORTING
from dispatch_assets_tests.sorting.lab import Known, run
from dispatch_assets_tests.sorting.threshold import Threshold, below, sorters, sorting_context

DOCKER = '''
import json, os, subprocess, sys
from pathlib import Path

PLAYS_PYTHON = """
import runpy, sys
import spikeinterface.sorters as s
from dispatch_assets_tests.sorting.threshold import sorters
s.sorter_dict.update(sorters())
runpy.run_path(sys.argv[1], run_name="__main__")
"""

class errors:
    class ImageNotFound(Exception):
        pass

class Container:
    def __init__(self, image, **options):
        self.told = {"image": image, "commands": [], **options}

    def start(self):
        self.told["started"] = True

    def exec_run(self, command):
        self.told["commands"].append(command)
        if command[0] == "python" and command[1] != "-c":
            command = [sys.executable, "-c", PLAYS_PYTHON, *command[1:]]
        elif command[0] == "python":
            command = [sys.executable, *command[1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return type("Done", (), {"output": done.stdout})

    def stop(self):
        self.told["stopped"] = True

    def remove(self, force):
        Path(os.environ["TOLD"]).write_text(json.dumps(self.told))

class from_env:
    def __init__(self, **_):
        self.images = self.containers = self

    def get(self, image):
        if image == "lab/missing":
            raise errors.ImageNotFound
        return image

    def pull(self, image):
        raise RuntimeError(f"pull access denied for {image}")

    def create(self, image, **options):
        return Container(image, **options)
'''


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the stand-in in Docker's place, and return the file of what it was told."""
    stand_in, program = tmp_path / "python" / "docker.py", tmp_path / "bin" / "docker"
    for file, text in ((stand_in, DOCKER), (program, "#!/bin/sh\n")):
        file.parent.mkdir()
        file.write_text(text)
        file.chmod(0o755)
    monkeypatch.syspath_prepend(str(stand_in.parent))
    monkeypatch.delitem(sys.modules, "docker", raising=False)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    monkeypatch.setenv("TOLD", str(tmp_path / "told.json"))
    monkeypatch.setitem(si_sorters.sorter_dict, "threshold", sorters()["threshold"])
    monkeypatch.setattr(Threshold, "is_installed", lambda: False)
    return tmp_path / "told.json"


def in_docker(known: Known, results: Path, image: str = "lab/threshold", **params: object) -> Any:
    return sorting_context(
        known,
        results,
        sorter="threshold",
        sorter_params=params,
        container="docker",
        container_image=image,
    )


def test_what_a_sorter_in_a_container_finds_comes_back(
    two_segments: Known, tmp_path: Path, told: Path
) -> None:
    results = tmp_path / "results"
    context = in_docker(two_segments, results)
    (result,) = run(context, SORTING)
    for segment in (0, 1):
        spikes = context.sorted().get_unit_spike_train(0, segment)
        raw = context.preprocessed().get_traces(segment)
        np.testing.assert_array_equal(spikes, below(raw, 60.0))
    assert result.facts["container"] == "docker"
    assert result.facts["sorter_version"] == "1.2.3"
    as_run = json.loads((results / SORTING / "sorter_params.json").read_text())
    assert as_run["container_image"] == "lab/threshold"
    assert {p.name for p in results.iterdir()} == {PREPROCESSED, SORTING, ".lock"}

    asked = json.loads(told.read_text())
    assert asked["image"] == "lab/threshold"
    assert asked["started"]
    assert asked["stopped"]
    modes = {Path(folder): how["mode"] for folder, how in asked["volumes"].items()}
    (writable,) = (folder for folder, mode in modes.items() if mode == "rw")
    assert writable.is_relative_to(results)
    assert modes[results / PREPROCESSED] == "ro"


def test_a_sorter_that_fails_in_a_container_says_why(known: Known, tmp_path: Path) -> None:
    context = in_docker(known, tmp_path / "results", mishap="raises")
    with pytest.raises(StepFailed) as raised:
        run(context, SORTING)
    failure = raised.value.failure
    assert "failed (ValueError: all traces are flat)" in failure.message
    assert "_run_from_folder" in failure.trace
    left = {p.name for p in (tmp_path / "results").iterdir()}
    assert left == {PREPROCESSED, f"{SORTING}.failed.json", ".lock"}


def test_an_image_that_cannot_be_had_is_said(known: Known, tmp_path: Path) -> None:
    context = in_docker(known, tmp_path / "results", image="lab/missing")
    with pytest.raises(StepFailed, match="pull access denied for lab/missing"):
        run(context, SORTING)
