"""Whether sessions of every format are complete, and what else is waited for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dispatch_assets.params import DispatchParams
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.formats.sample_session import Library, SampleSession, contracts
from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.watch.lab import BIN, WRITERS, cut, empty, why, write_nwb


@pytest.mark.parametrize("name", WRITERS)
def test_a_complete_session_is_settled(sessions: Path, name: str) -> None:
    assert why(sessions, name) is None


@pytest.mark.parametrize("contract", contracts(), ids=lambda c: c.input_format)
def test_the_sample_session_of_every_format_is_settled(
    library: Library, contract: type[SampleSession]
) -> None:
    session = library.session(contract)
    assert why(session.parent, session.name) is None


def test_a_file_of_another_copy_is_waited_for(sessions: Path, tmp_path: Path) -> None:
    copy(sessions / "spikeglx", tmp_path / "s")
    (tmp_path / "s" / ".run_g0_t0.imec1.ap.bin.Q1wE2r").write_bytes(b"")
    assert "a copy under way, or one that was cut short" in str(why(tmp_path, "s"))


def test_a_half_copied_nwb_file_beside_a_whole_one(sessions: Path, tmp_path: Path) -> None:
    copy(sessions / "nwb" / "a.nwb", tmp_path / "s" / "a.nwb")
    copy(sessions / "nwb" / "a.nwb", tmp_path / "s" / "b.nwb")
    assert why(tmp_path, "s") is None
    empty(tmp_path / "s" / "b.nwb")
    assert "b.nwb: is no NWB file yet" in str(why(tmp_path, "s"))


@pytest.mark.parametrize("swmr", [False, True])
def test_an_nwb_file_that_is_being_written(tmp_path: Path, swmr: bool) -> None:
    import h5py

    write_nwb(tmp_path)
    code = (
        "import h5py, sys\n"
        f"f = h5py.File({str(tmp_path / 'a.nwb')!r}, 'a')\n"
        "print('open', flush=True)\n"
        "sys.stdin.read()\n"
    )
    if swmr:  # its writer gives up the lock, and says in the header that it writes
        with h5py.File(tmp_path / "b.nwb", "w", libver="latest") as f:
            f["data"] = [1, 2, 3]
        (tmp_path / "b.nwb").replace(tmp_path / "a.nwb")
        code = code.replace("'a')", "'a', libver='latest')\nf.swmr_mode = True")
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "open\n"
        assert "somebody is writing to it" in str(why(tmp_path, "a.nwb"))
        writer.communicate("")
    assert why(tmp_path, "a.nwb") is None


def test_what_is_no_session_is_settled(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "today.txt").write_text("no recording today")
    (tmp_path / "empty").mkdir()
    assert why(tmp_path, "notes") is None
    assert why(tmp_path, "empty") is None


@pytest.mark.parametrize("rest", ["run_g0_t0.imec0.ap.bin", "continuous.dat"])
def test_remains_of_a_session_are_not_settled(tmp_path: Path, rest: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / rest).write_bytes(b"\0")
    assert f"{rest}: belongs to a" in str(why(tmp_path, "s"))


def test_only_the_format_that_is_asked_for_counts(sessions: Path, tmp_path: Path) -> None:
    entry = copy(sessions / "spikeglx", tmp_path / "s")
    cut(next(entry.glob(BIN)))
    assert why(tmp_path, "s", input="spikeglx") is not None
    assert why(tmp_path, "s", input="openephys") is None
    reader = {"reader_type": "intan", "reader_kwargs": {"file_path": "s"}}
    assert why(tmp_path, "s", input="spikeinterface", spikeinterface_info=reader) is None


def test_settings_of_a_session_count(sessions: Path, tmp_path: Path) -> None:
    entry = copy(sessions / "spikeglx", tmp_path / "s")
    cut(next(entry.glob(BIN)))
    (entry / "dispatch.json").write_text('{"exclude": "the rig lost power"}')
    assert why(tmp_path, "s") is None
    (entry / "dispatch.json").write_text('{"exclude": 3}')
    assert why(tmp_path, "s") is not None
    (entry / "dispatch.json").write_text('{"input": "openephys"}')
    assert why(tmp_path, "s") is None


def test_a_root_that_is_one_session(sessions: Path, tmp_path: Path) -> None:
    for name in WRITERS:
        root = copy(sessions / name, tmp_path / name)
        watched = WatchedRoot(root, DispatchParams())
        alone = name not in ("nwb", "nwb_zarr", "spikeinterface")
        assert (list(watched.looks()) == [name]) == alone
        for entry, look in watched.looks().items():
            assert watched.why_unsettled(entry, look) is None
    file = WatchedRoot(tmp_path / "nwb" / "a.nwb", DispatchParams())
    assert list(file.looks()) == ["a.nwb"]
    assert file.why_unsettled("a.nwb", file.looks()["a.nwb"]) is None
    cut(next((tmp_path / "spikeglx").glob(BIN)))
    one = WatchedRoot(tmp_path / "spikeglx", DispatchParams())
    assert one.why_unsettled("spikeglx", one.looks()["spikeglx"]) is not None
