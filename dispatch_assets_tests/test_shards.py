"""Names, places and damage of what the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.errors import StoreError, UnknownJobError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import Inventory, InventoryEntry, Session
from dispatch_assets.naming import MAX_KEY_LENGTH, job_key
from dispatch_assets.shards import Shards, Tombstones


def inventory(session: str, *recordings: str) -> Inventory:
    entries = [
        InventoryEntry(
            status="job",
            session_name=session,
            input_format="nwb",
            job_key=job_key(session, recording),
            recording_name=recording,
            fingerprint="f",
        )
        for recording in recordings
    ]
    about = Session(name=session, path="/d/s", data_folder="/d", input_format="nwb")
    return Inventory(session=about, parameters_hash="p", entries=entries)


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    return Shards(str(tmp_path))


@pytest.mark.parametrize("session", ["plain", "with space/and ~~", "..", "x" * 300, "ü" * 120])
def test_every_session_and_key_is_found_again(shards: Shards, session: str) -> None:
    for other in ("plain2", "x" * 299):
        shards.write(inventory(other, "r"))
    kept = inventory(session, "r1", "r2" * 150)
    shards.write(kept)
    assert shards.read(next(n for n in shards.names() if shards.read(n) == kept)) == kept
    for entry in kept.entries:
        assert len(str(entry.job_key)) <= MAX_KEY_LENGTH
        assert shards.find(str(entry.job_key)) == kept


@pytest.mark.parametrize("key", ["", "nonsense", "plain~~r9", "../../etc~~passwd", "a" * 200])
def test_unknown_key(shards: Shards, key: str) -> None:
    shards.write(inventory("plain", "r1"))
    with pytest.raises(UnknownJobError, match="no inventory holds this recording"):
        shards.find(key)


def test_damaged_shard_counts_as_none_for_a_scan_only(shards: Shards, tmp_path: Path) -> None:
    shards.write(inventory("plain", "r1"))
    for text in ("{", '{"schema_version": 0}', "[" * 100_000):
        (tmp_path / "session_inventory" / "plain.json").write_text(text)
        assert shards.read_or_none("plain") is None
        with pytest.raises(StoreError, match=r"plain\.json.*Materialize it again"):
            shards.read("plain")


def test_unreadable_shard_is_an_error(shards: Shards, tmp_path: Path) -> None:
    (tmp_path / "session_inventory" / "plain.json").mkdir(parents=True)
    with pytest.raises(StoreError):
        shards.read_or_none("plain")


def test_present_leaves_out_vanished_sessions(shards: Shards) -> None:
    shards.write(inventory("a", "r"))
    shards.write(inventory("b", "r"))
    shards.write_tombstones(Tombstones(session_name="b", session_vanished_at="2026-01-01"))
    assert [i.session.name for i in shards.present()] == ["a"]


def test_store_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    shards = Shards(str(tmp_path / "none"))
    assert (shards.names(), shards.present(), shards.not_sessions()) == ([], [], [])
    assert JobFiles(str(tmp_path / "none")).keys() == set()


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, "\0"])
def test_damaged_files_cost_what_they_held_and_no_more(
    shards: Shards, tmp_path: Path, text: str
) -> None:
    shards.write(inventory("a", "r"))
    shards.write(inventory("b", "r"))
    shards.write_tombstones(Tombstones(session_name="a"))
    (tmp_path / "vanished" / "a.json").write_text(text)
    (tmp_path / "session_inventory" / "b.json").write_text(text)
    with pytest.raises(StoreError, match=r"a\.json"):
        shards.tombstones("a")
    assert shards.tombstones_or_none("a") is None
    assert shards.find(job_key("a", "r")).session.name == "a"
    assert [i.session.name for i in shards.present()] == ["a"]


@pytest.mark.parametrize("text", ["{", '[{"status": "odd"}]', "[" * 100_000])
def test_damaged_notes_of_what_is_no_session(shards: Shards, tmp_path: Path, text: str) -> None:
    shards.write_not_sessions([])
    assert shards.not_sessions_or_none() == []
    (tmp_path / "not_sessions.json").write_text(text)
    with pytest.raises(StoreError, match=r"not_sessions\.json.*Materialize it again"):
        shards.not_sessions()
    assert shards.not_sessions_or_none() is None


def test_a_disk_that_cannot_be_read_is_no_damage(shards: Shards, tmp_path: Path) -> None:
    (tmp_path / "vanished" / "a.json").mkdir(parents=True)
    (tmp_path / "not_sessions.json").mkdir()
    for read in (lambda: shards.tombstones_or_none("a"), shards.not_sessions_or_none):
        with pytest.raises(StoreError):
            read()
