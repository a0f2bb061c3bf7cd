"""Stand-ins for Docker and Singularity, which note what they are asked.

That of Docker has the calls of the Python package ``docker`` that are made here and by
SpikeInterface. Its containers are files that say what became of them; what they run are processes
of this machine: they see the same files, and have a sorter that the test's own process lacks.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

_DOCKER = '''
import json, os, subprocess, sys
from pathlib import Path

FOLDER = Path(os.environ["CONTAINERS"])
PLAYS_PYTHON = """
import runpy, sys
import spikeinterface.sorters as s
from dispatch_assets_tests.sorting.threshold import sorters
s.sorter_dict.update(sorters())
runpy.run_path(sys.argv[1], run_name="__main__")
"""

class errors:
    class DockerException(Exception):
        pass
    class ImageNotFound(DockerException):
        pass

class Container:
    def __init__(self, file, **said):
        self.file = file
        self.told = said or json.loads(file.read_text())
        self.note()
    def note(self, **more):
        self.told.update(more)
        self.file.write_text(json.dumps(self.told))
    @property
    def status(self):
        return self.told["status"]
    @property
    def attrs(self):
        return {"Mounts": [{"Type": "bind", "Source": source} for source in self.told["volumes"]]}
    def start(self):
        self.note(status="exited" if self.told["image"] == "lab/ends" else "running")
    def reload(self):
        pass
    def exec_run(self, command):
        if self.status != "running":
            raise errors.DockerException("is not running")
        self.note(commands=[*self.told["commands"], command])
        if command[0] not in ("python", "chown"):
            return None
        if command[0] == "python" and command[1] != "-c":
            if self.told["image"] == "lab/interrupted":
                raise KeyboardInterrupt
            command = [sys.executable, "-c", PLAYS_PYTHON, *command[1:]]
        elif command[0] == "python":
            command = [sys.executable, *command[1:]]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return type("Done", (), {"output": done.stdout})
    def stop(self):
        self.note(status="exited")
    def remove(self, force):
        self.note(status="removed")

class from_env:
    def __init__(self, **_):
        self.images = self.containers = self
    def ping(self):
        if "NO_ENGINE" in os.environ:
            raise errors.DockerException("connection refused")
    def get(self, image):
        if image == "lab/missing":
            raise errors.ImageNotFound
        return image
    def pull(self, image):
        raise RuntimeError(f"pull access denied for {image}")
    def create(self, image, volumes, **_):
        file = FOLDER / f"{len(list(FOLDER.iterdir()))}.json"
        return Container(file, image=image, volumes=volumes, status="created", commands=[])
    def list(self, all, ignore_removed):
        if "NO_LIST" in os.environ:
            raise errors.DockerException("connection lost")
        there = [Container(file) for file in sorted(FOLDER.iterdir())]
        return [c for c in there if c.status != "removed"]
'''
_SINGULARITY = """#!/bin/sh
echo "$@" >> "{told}"
echo '{{"instances": {instances}}}'
"""


class Containers:
    """The containers there are, as files of a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, *folders: Path, status: str = "running", image: str = "lab/threshold") -> None:
        """Let there be a container that folders are mounted in."""
        told = {"image": image, "volumes": [str(f) for f in folders], "commands": []}
        file = self._folder / f"{len(self.all())}.json"
        file.write_text(json.dumps({**told, "status": status}))

    def all(self) -> list[dict[str, Any]]:
        """Return what became of each, in the order in which they were made."""
        return [json.loads(file.read_text()) for file in sorted(self._folder.iterdir())]


def stand_in_for_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Containers:
    """Put a stand-in in Docker's place."""
    containers = folder / "containers"
    containers.mkdir()
    _program(folder / "bin" / "docker", "#!/bin/sh\n", monkeypatch)
    package = folder / "python" / "docker.py"
    package.parent.mkdir()
    package.write_text(_DOCKER)
    monkeypatch.syspath_prepend(str(package.parent))
    monkeypatch.delitem(sys.modules, "docker", raising=False)
    monkeypatch.setenv("CONTAINERS", str(containers))
    return Containers(containers)


def stand_in_for_singularity(
    folder: Path, monkeypatch: pytest.MonkeyPatch, instances: dict[str, int]
) -> Path:
    """Put a stand-in in Singularity's place, and return the file of what it is asked.

    `instances` are the process numbers of those that run, by name.
    """
    told = folder / "asked of singularity"
    there = json.dumps([{"instance": name, "pid": pid} for name, pid in instances.items()])
    text = _SINGULARITY.format(told=told, instances=there)
    _program(folder / "bin" / "singularity", text, monkeypatch)
    return told


def _program(file: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    monkeypatch.setenv("PATH", f"{file.parent}:{os.environ['PATH']}")
