"""From a data folder to its sessions: all of them, each with a name of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.discovery import discover, evidence
from dispatch_assets.errors import DataRootError, ParameterError
from dispatch_assets.models import Session
from dispatch_assets.params import DispatchParams

ANY = DispatchParams()


def spikeglx(folder: Path) -> Path:
    """Make what looks like a SpikeGLX session."""
    folder.mkdir(parents=True)
    (folder / "r_g0_t0.imec0.ap.meta").write_text("")
    return folder


def openephys(folder: Path) -> Path:
    """Make what looks like an Open Ephys session."""
    recording = folder / "Record Node 1" / "experiment1" / "recording1"
    recording.mkdir(parents=True)
    (recording / "structure.oebin").write_text("{}")
    return folder


def nwb(path: Path) -> Path:
    """Make what looks like an NWB file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"\x89HDF\r\n\x1a\n")
    return path


def sessions(data: Path, params: DispatchParams = ANY) -> list[Session]:
    return list(discover(data, params).sessions)


def test_every_entry_is_a_session_or_told(tmp_path: Path) -> None:
    spikeglx(tmp_path / "run10")
    spikeglx(tmp_path / "run9")
    openephys(tmp_path / "2024-01-01")
    nwb(tmp_path / "x.nwb")
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".snapshot").mkdir()
    found = discover(tmp_path, ANY)
    assert [(s.name, s.input_format) for s in found.sessions] == [
        ("2024-01-01", "openephys"),
        ("run9", "spikeglx"),
        ("run10", "spikeglx"),
        ("x", "nwb"),
    ]
    assert {e.session_name for e in found.others} == {"notes.txt", "empty"}
    for entry in found.others:
        assert (entry.status, entry.reason) == ("skipped", "not_recognised")
        assert all(f"{name}:" in entry.message for name in ("aind", "nwb", "spikeglx"))


def test_one_session_is_a_data_folder_too(tmp_path: Path) -> None:
    for session in (spikeglx(tmp_path / "r"), openephys(tmp_path / "o"), nwb(tmp_path / "x.nwb")):
        (found,) = sessions(session)
        assert found.path == str(session)
    (file,) = sessions(tmp_path / "x.nwb")
    assert file.data_folder == str(tmp_path)


def test_paths_keep_the_users_spelling(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spikeglx(tmp_path / "real" / "r")
    (tmp_path / "link").symlink_to("real")
    (found,) = sessions(tmp_path / "link")
    assert found.path == str(tmp_path / "link" / "r")
    monkeypatch.chdir(tmp_path / "link")
    for given in (Path(), Path("../link"), tmp_path / "real" / ".." / "link"):
        (found,) = sessions(given)
        assert ".." not in Path(found.path).parts
        assert found.data_folder in (str(tmp_path / "link"), str(tmp_path / "real"))
        assert found.input_folder is not None
        assert Path(found.input_folder).name == "r"
        assert found.name == "r"


def test_a_format_that_was_asked_for_is_the_only_one(tmp_path: Path) -> None:
    spikeglx(tmp_path / "r")
    openephys(tmp_path / "o")
    found = discover(tmp_path, DispatchParams(input="openephys"))
    assert [s.name for s in found.sessions] == ["o"]
    assert [(e.session_name, e.input_format) for e in found.others] == [("r", "openephys")]


def test_sessions_are_chosen_by_name(tmp_path: Path) -> None:
    for name in "abc":
        spikeglx(tmp_path / name)
    chosen = sessions(tmp_path, DispatchParams.model_validate({"sessions": "c, a"}))
    assert [s.name for s in chosen] == ["a", "c"]
    with pytest.raises(ParameterError, match=r"'d'.*There are: a, b, c"):
        sessions(tmp_path, DispatchParams(sessions=["a", "d"]))


@pytest.mark.parametrize(
    "files",
    [
        ("a/x.nwb", "b/x.nwb"),
        ("a/x.nwb", "b/X.nwb"),
        ("a-b/x.nwb", "a/b/x.nwb"),
        ("a/x.nwb", "b/x.nwb", "a-x.nwb"),
        ("a/b-x.nwb", "a-b/x.nwb", "a/b/x.nwb", "x.nwb"),
    ],
)
def test_names_are_unique(tmp_path: Path, files: tuple[str, ...]) -> None:
    for file in files:
        nwb(tmp_path / file)
    found = [s.name for s in sessions(tmp_path)]
    assert len({name.casefold() for name in found}) == len(files)
    assert found == [s.name for s in sessions(tmp_path)]
    assert not any("/" in name for name in found)


def test_a_missing_data_folder(tmp_path: Path) -> None:
    with pytest.raises(DataRootError, match="nowhere: the data folder does not exist"):
        sessions(tmp_path / "nowhere")
    with pytest.raises(DataRootError):
        evidence(tmp_path / "nowhere")


def test_a_folder_that_cannot_be_listed_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spikeglx(tmp_path / "good")
    (tmp_path / "secret").mkdir()
    from pathlib import Path as P

    iterdir, root = P.iterdir, str(tmp_path / "secret")

    def guarded(self: Path) -> object:
        if str(self) == root:
            raise PermissionError(13, "Permission denied", str(self))
        return iterdir(self)

    monkeypatch.setattr(P, "iterdir", guarded)
    found = discover(tmp_path, ANY)
    assert [s.name for s in found.sessions] == ["good"]
    (entry,) = found.others
    assert "Permission denied" in entry.message


def test_what_was_looked_at_is_known(tmp_path: Path) -> None:
    nwb(tmp_path / "x.nwb")
    assert discover(tmp_path, ANY).scanned == str(tmp_path)
    assert discover(tmp_path / "x.nwb", ANY).scanned == ""
    assert discover(tmp_path, DispatchParams(sessions=["x"])).scanned == ""
    assert discover(tmp_path, DispatchParams(nwb_files=["x.nwb"])).scanned == ""


@pytest.mark.parametrize(
    "file",
    [
        "s/r_g0_t0.imec0.ap.bin",
        "s/a/b/c/r_g0_t0.imec0.lf.meta",
        "s/experiment/structure.oebin",
        "s/Record Node 1/experiment1/recording1/continuous/A/continuous.dat",
        "s.nwb",
        "s/sub/x.nwb",
    ],
)
def test_what_is_left_of_a_session_is_a_fault(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text("x")
    (entry,) = discover(tmp_path, ANY).others
    assert (entry.status, entry.reason) == ("failed", "unreadable")
    assert str(tmp_path / file) in entry.message
    assert "Copy it again" in entry.message


@pytest.mark.parametrize("file", ["s/video.bin", "s/harp.dat", "s/x.meta.json", "s/notes.txt"])
def test_other_files_are_no_fault(tmp_path: Path, file: str) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / file).write_text("x")
    (entry,) = discover(tmp_path, ANY).others
    assert (entry.status, entry.reason) == ("skipped", "not_recognised")
    assert len(entry.message) < 200


def test_file_of_no_session_is_looked_at_as_it_is(tmp_path: Path) -> None:
    place = tmp_path / "far" / "from" / "other" / "sessions"  # the folders above are looked at
    place.mkdir(parents=True)
    (place / "video.bin").write_text("x")
    found = discover(place / "video.bin", ANY)
    assert [e.session_name for e in found.others] == ["video.bin"]
    openephys(place / "lab" / "o")
    oebin = next(tmp_path.rglob("*.oebin"))
    with pytest.raises(DataRootError, match=f"Give the session folder: {place}/lab/o."):
        discover(oebin, ANY)


def test_a_folder_of_sessions_in_the_data_folder_says_where_to_look(tmp_path: Path) -> None:
    data, animal = tmp_path / "data", tmp_path / "data" / "rat7"
    run = animal / "day1" / "r_g0_imec0"
    run.mkdir(parents=True)
    (run / "r_g0_t0.imec0.ap.meta").write_text("")
    (run / "r_g0_t0.imec0.ap.bin").write_bytes(b"1234")
    spikeglx(data / "run1")
    found = discover(data, ANY)
    told = {e.session_name: e.message for e in found.others}
    remedy = "holds session folders, as day1. Give it as the data folder."
    assert told == {"rat7": f"{animal}: {remedy}"}
    assert [s.name for s in discover(animal, ANY).sessions] == ["day1"]
