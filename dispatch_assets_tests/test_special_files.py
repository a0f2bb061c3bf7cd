"""A pipe, a socket or a device among a session's files: nobody waits for it, siblings go on."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_assets.errors import StreamError
from dispatch_assets.params import DispatchParams
from dispatch_assets.special_files import refuse_special_files
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.outcome import names, planned
from dispatch_assets_tests.samples import SAVED, generic, nwb, spikeglx


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path has at most 107 letters
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


MAKERS: dict[str, Callable[[Path], None]] = {
    "pipe": os.mkfifo,
    "socket": make_socket,
    "link to a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_special_files_are_found_wherever_they_are(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    folder = tmp_path / "session" / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "file").touch()
    (folder / "link").symlink_to("file")
    (folder / "loop").symlink_to("..")
    (folder / "broken").symlink_to("nowhere")
    refuse_special_files(tmp_path / "session")
    make(folder / "odd")
    for place in (tmp_path / "session", folder / "odd"):
        with pytest.raises(StreamError, match=r"a/b/odd: is a pipe, a socket or a device"):
            refuse_special_files(place)


def test_a_session_that_is_not_there_is_its_readers_matter(tmp_path: Path) -> None:
    refuse_special_files(tmp_path / "none")
    refuse_special_files(tmp_path / "a\0b")


@pytest.mark.timeout(60)
def test_a_pipe_in_a_session_stops_nobody(tmp_path: Path) -> None:
    data = tmp_path / "data"
    good = generic.write_binary_folder(data / "good" / "x", seconds=(0.05,), n_channels=4)
    run = spikeglx.write_run(data / "run", "r", {"imec0": "NP2"}, seconds=0.02, saved=SAVED)
    meta = next(run.rglob("*nidq.meta"))
    meta.unlink()
    os.mkfifo(meta)
    store = nwb.write_nwb(data / "x.nwb.zarr", backend="zarr", seconds=0.02)
    os.mkfifo(store / "acquisition" / "pipe")
    copy(good, data / "other" / "x")
    os.mkfifo(data / "other" / "x" / "properties" / "brain_area.npy")
    os.mkfifo(data / "y.nwb")
    report = planned(data, multi_session=True)
    assert len(names(report)) == 1
    failed = {e.session_name: e for e in report.entries if e.status == "failed"}
    assert {name: str(e.reason) for name, e in failed.items()} == dict.fromkeys(
        ("run", "x", "other"), "refused"
    )
    assert all("Move it out of the session" in e.message for e in failed.values())


@pytest.mark.timeout(60)
def test_nobody_waits_for_a_session_with_a_pipe_to_settle(tmp_path: Path) -> None:
    folder = generic.write_binary_folder(tmp_path / "data" / "s" / "x", seconds=(0.05,))
    watched = WatchedRoot(tmp_path / "data", DispatchParams())
    assert watched.why_unsettled("s", watched.looks()["s"]) is None
    (folder / "properties" / "gain_to_uV.npy").unlink()
    os.mkfifo(folder / "properties" / "gain_to_uV.npy")
    why = watched.why_unsettled("s", watched.looks()["s"])
    assert why is not None
    assert "gain_to_uV.npy: is a pipe" in why
