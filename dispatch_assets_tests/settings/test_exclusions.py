"""Settings of single sessions: sessions and streams that are left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.batch import build
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.session_streams import is_named
from dispatch_assets.shards import Shards
from dispatch_assets_tests.outcome import planned
from dispatch_assets_tests.samples import SAVED, openephys
from dispatch_assets_tests.settings.lab import inventories, say, told


def test_a_session_is_excluded_with_the_persons_reason(data: Path, tmp_path: Path) -> None:
    shards, params = Shards(str(tmp_path / "store")), DispatchParams()
    scan(str(data), params, shards).save(shards)
    file = say(data / "one", {"exclude": "animal lost the implant"})
    found = scan(str(data), params, shards)
    found.save(shards)
    (entry,) = shards.read("one").entries
    assert (entry.status, entry.reason) == ("skipped", "excluded")
    assert entry.message == f"animal lost the implant (says {file})"
    assert len(found.vanished) == 2
    assert found.vanished_sessions == []
    (outcome,) = build([next(iter(found.vanished))], shards, params)
    assert "animal lost the implant" in str(outcome.job)
    assert planned(data).exit_status == 0
    file.unlink()
    assert len(scan(str(data), params, shards).returned) == 2


def test_an_entry_that_is_no_session_is_excluded_too(data: Path) -> None:
    (data / "odd" / "structure.oebin").touch()
    assert told(planned(data), "odd") == [("failed", "", "unreadable")]
    say(data / "odd", {"exclude": "left over"})
    assert told(planned(data), "odd") == [("skipped", "", "excluded")]


def test_streams_are_excluded_kept_and_skipped(data: Path) -> None:
    before = inventories(data)["run"]
    say(data / "run", {"exclude_streams": {"imec1": "probe broke"}})
    after = inventories(data)["run"]
    skipped = [e for e in after.entries if e.status == "skipped"]
    assert {e.stream for e in skipped if e.reason == "excluded"} >= {"imec1.ap", "imec1.lf"}
    assert all(e.message.startswith("probe broke") for e in skipped if e.stream[:5] == "imec1")
    assert "excluded" not in {e.reason for e in skipped if "imec1" not in e.stream}
    assert after.jobs == [e for e in before.jobs if e.stream == "imec0.ap"]
    assert after.parameters_hash == before.parameters_hash  # imec0 is what it was
    for choice in ({"keep": ["imec0"]}, {"skip": ["imec1"]}, {"keep": ["ap"], "skip": ["c1"]}):
        say(data / "run", {"streams": choice})
        kept = inventories(data)["run"]
        assert kept.jobs == after.jobs
        assert "imec1.ap" in {e.stream for e in kept.entries if e.reason == "filtered_out"}


def test_a_stream_that_is_not_there_is_told_and_stops_no_other(data: Path) -> None:
    say(data / "run", {"exclude_streams": {"imec3.ap": "probe broke"}})
    entries = inventories(data)["run"].entries
    (failed,) = [e for e in entries if e.status == "failed"]
    assert (failed.stream, failed.reason) == ("imec3.ap", "bad_settings")
    assert "did you mean 'imec" in failed.message
    assert len([e for e in entries if e.status == "job"]) == 2


@pytest.mark.parametrize(
    ("name", "stream", "named"),
    [
        ("imec1", "imec1.ap", True),
        ("imec1", "imec10.ap", False),
        ("imec1", "imec10.imec1", True),
        ("ProbeA", "Record Node 101#Neuropix-PXI-100.ProbeA-AP", True),
        ("Probe", "Record Node 101#Neuropix-PXI-100.ProbeA-AP", False),
        ("imec1.ap", "imec1.ap", True),
        (".", "imec1.ap", True),
    ],
)
def test_names_of_streams_are_whole_words(name: str, stream: str, named: bool) -> None:
    assert is_named(name, stream) == named


def test_open_ephys_probe_named_by_a_part_of_its_stream(tmp_path: Path) -> None:
    data = tmp_path / "data"
    streams = [
        *openephys.probe_streams(openephys.Probe("ProbeA", "NP1", saved=SAVED)),
        *openephys.probe_streams(openephys.Probe("ProbeB", "NP1", 2, saved=SAVED)),
    ]
    openephys.write_session(data / "s", streams, experiments={1: (1,)}, seconds=0.1)
    say(data / "s", {"exclude_streams": {"ProbeB": "noisy"}})
    found = [e.stream for e in inventories(data)["s"].jobs]
    assert found == ["Record Node 101#Neuropix-PXI-100.ProbeA-AP"]
