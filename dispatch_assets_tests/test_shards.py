"""Names, places and damage of what the store holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.errors import StoreError, UnknownJobError
from dispatch_assets.models import Inventory, InventoryEntry, Session
from dispatch_assets.naming import MAX_KEY_LENGTH, job_key
from dispatch_assets.shards import JobFiles, Shards, Tombstones


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
    for text in ("{", '{"schema_version": 0}'):
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
