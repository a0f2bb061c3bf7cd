"""Containers that sorters run in: whether one can be had, and that none outlives its step."""

from __future__ import annotations

import importlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from dispatch_assets.errors import ParameterError, SorterError
from dispatch_assets.sorting.attempt import is_at_work
from dispatch_assets.sorting.params import SpikesortingParams
from dispatch_assets.sorting.step import SORTING, Log

_PROGRAMS = {  # program and Python package that a kind of container needs
    "docker": ("Docker", "docker"),
    "singularity": ("Singularity", "spython"),
}
_TAKES_LONG_S = 60


class _Container(Protocol):
    """What is needed of ``docker.models.containers.Container``."""

    status: str

    def start(self) -> None: ...
    def reload(self) -> None: ...
    def exec_run(self, command: list[str]) -> object: ...
    def remove(self, *, force: bool) -> None: ...


def check_container(params: SpikesortingParams) -> None:
    """Find out whether a sorter can be run in a container of the kind asked for.

    Raises
    ------
    ParameterError
        If something is missing; the message says what to do.
    """
    from spikeinterface.sorters import utils
    from spikeinterface.sorters.runsorter import SORTER_DOCKER_MAP

    program, package = _PROGRAMS[params.container]
    where = f"spikesorting.container {params.container!r}"
    has_program = utils.has_docker if program == "Docker" else _has_singularity
    if not has_program():
        raise ParameterError(f"{program} is not installed on this machine", where)
    has_package = utils.has_docker_python if program == "Docker" else utils.has_spython
    if not has_package():
        raise ParameterError("needs a Python package", where, f"pip install {package}")
    if not params.container_image and params.sorter not in SORTER_DOCKER_MAP:
        what = f"there is no known image for {params.sorter!r}"
        raise ParameterError(what, where, "Name one in spikesorting.container_image")
    if program == "Docker":
        _check_docker_answers(where)


def _has_singularity() -> bool:
    # SpikeInterface is content with Apptainer, which spython runs by its former name only
    return shutil.which("singularity") is not None


def _check_docker_answers(where: str) -> None:
    docker = importlib.import_module("docker")  # has no types
    try:
        docker.from_env(timeout=_TAKES_LONG_S).ping()
    except (docker.errors.DockerException, OSError) as e:
        what = f"Docker gives no answer ({e})"
        remedy = "Is its service running, and may this user use it?"
        raise ParameterError(what, where, remedy) from e


@contextmanager
def none_left(kind: str, scratch: Path, log: Log) -> Iterator[None]:
    """Stop the container that works in a folder if the block ends by an error or an interrupt.

    SpikeInterface stops only those whose sorter has ended: of a run that is cancelled, the sorter
    would work on, for hours, and write into a folder that is gone. What a killed attempt at the
    same recording has left running is stopped at the beginning. (In Singularity the sorter ends
    with the killed process; the instance stays, idle.)

    Parameters
    ----------
    kind
        ``docker``, ``singularity``, or ``none``: there is nothing to stop then.
    scratch
        Folder of an attempt that the container may write to: ``<results>/.<step>-<attempt>/...``.
    log
        Is told if a container cannot be stopped while the block's own error is on its way.

    Raises
    ------
    SorterError
        If what a killed attempt has left running cannot be stopped.
    """
    if kind == "none":
        yield
        return
    scratch = scratch.resolve()
    _stop(kind, scratch)
    try:
        yield
    except BaseException:
        try:
            _stop(kind, scratch)
        except SorterError as e:
            log(str(e))
        raise


def _stop(kind: str, scratch: Path) -> None:
    stop = _stop_docker if kind == "docker" else _stop_singularity
    try:
        stop(scratch)
    except Exception as e:  # the packages' own, a program's, the system's
        how = "docker ps" if kind == "docker" else "singularity instance list"
        what = f"a container that may still be running cannot be stopped ({e})"
        raise SorterError(what, scratch, f"`{how}` shows it") from e


def _stop_docker(scratch: Path) -> None:
    docker = importlib.import_module("docker")
    client = docker.from_env(timeout=_TAKES_LONG_S)
    for container in client.containers.list(all=True, ignore_removed=True):
        folders = [Path(mount.get("Source", "")) for mount in container.attrs["Mounts"]]
        for folder in folders:
            if _is_to_stop(folder, scratch):
                _remove(container, folder)
                if folder != scratch:  # could not be cleared away while it was root's
                    shutil.rmtree(folder.parent, ignore_errors=True)


def _remove(container: _Container, folder: Path) -> None:
    """Stop and remove a container; what its root has written is given to this user."""
    try:
        if folder.exists():  # else Docker would make it
            container.start()
            container.reload()
            if container.status == "running":  # not if its image only runs a short program
                owner = f"{os.getuid()}:{os.getgid()}"
                # -1: all processes of the container but its first and this one
                work = ["sh", "-c", 'kill -9 -1; chown -R "$0" "$1"', owner, str(folder)]
                container.exec_run(work)
    finally:
        container.remove(force=True)


def _stop_singularity(scratch: Path) -> None:
    for instance in json.loads(_singularity("list", "--json"))["instances"]:
        if scratch in _mount_points(instance["pid"]):
            _singularity("stop", "--force", instance["instance"])


def _mount_points(pid: int) -> list[Path]:
    """Return where a process sees mounts: an instance sees folders under their own path."""
    try:
        mounts = os.fsdecode(Path(f"/proc/{pid}/mountinfo").read_bytes()).splitlines()
    except FileNotFoundError:  # it has ended
        return []
    # see proc(5): the fifth field, with blanks and the like as octal numbers
    return [
        Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), mount.split()[4]))
        for mount in mounts
    ]


def _singularity(*arguments: str) -> str:
    command = ["singularity", "--quiet", "instance", *arguments]
    done = subprocess.run(
        command, capture_output=True, check=False, text=True, timeout=_TAKES_LONG_S
    )
    if done.returncode:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
    return done.stdout


def _is_to_stop(folder: Path, scratch: Path) -> bool:
    """Return whether a container that writes to `folder` is this attempt's or a dead one's."""
    if folder == scratch:
        return True
    attempt, own = folder.parent, scratch.parent
    is_an_attempt_s = attempt.name.startswith(f".{SORTING}-") and folder.name == scratch.name
    return is_an_attempt_s and attempt.parent == own.parent and not is_at_work(attempt)
