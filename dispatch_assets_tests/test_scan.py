"""What protects the inventory from a disk that is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.errors import DataRootError, ParameterError
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import Scope, scan
from dispatch_assets.shards import Shards
from dispatch_assets_tests.test_shards import inventory


@pytest.fixture
def shards(tmp_path: Path) -> Shards:
    """Twenty known sessions, s0 to s19; their folders are not looked into."""
    known = Shards(str(tmp_path / "store"))
    for i in range(20):
        known.write(inventory(f"s{i}", "r"))
    return known


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data root in which sessions are recognised, but cannot be read."""
    folder = tmp_path / "data"
    folder.mkdir()
    for i in range(20):
        add(folder, i)
    return folder


def add(root: Path, i: int) -> None:
    run = root / f"s{i}"
    run.mkdir()
    (run / f"s{i}_g0_t0.imec0.ap.meta").write_text("")


def take(root: Path, *numbers: int) -> None:
    for i in numbers:
        (root / f"s{i}").rename(root.parent / f"gone{i}")


@pytest.mark.parametrize(("n", "accepted"), [(1, True), (4, True), (5, False), (20, False)])
def test_few_sessions_may_vanish_many_may_not(
    root: Path, shards: Shards, n: int, accepted: bool
) -> None:
    take(root, *range(n))
    if not accepted:
        with pytest.raises(DataRootError, match="`allow_mass_removal: true` in its run config"):
            scan(str(root), DispatchParams(), shards)
        return
    found = scan(str(root), DispatchParams(), shards)
    assert sorted(found.vanished_sessions) == sorted(f"s{i}" for i in range(n))


def test_mass_removal_on_request(root: Path, shards: Shards) -> None:
    take(root, *range(20))
    found = scan(str(root), DispatchParams(), shards, allow_mass_removal=True)
    assert len(found.vanished_sessions) == 20
    found.save(shards)
    assert shards.present() == []
    assert len(shards.names()) == 20
    again = scan(str(root), DispatchParams(), shards, allow_mass_removal=True)
    assert again.vanished_sessions == []


def test_vanished_session_asked_for_by_name(root: Path, shards: Shards) -> None:
    take(root, 3, 4)
    found = scan(str(root), DispatchParams(), shards, Scope(("s3",)))
    assert found.vanished_sessions == ["s3"]
    assert list(found.vanished) == ["s3~~r"]


def test_params_narrow_down_what_is_looked_at(root: Path, shards: Shards) -> None:
    take(root, 3)
    found = scan(str(root), DispatchParams(sessions=["s1", "s2"]), shards)
    assert [i.session.name for i in found.inventories] == ["s1", "s2"]
    assert found.vanished_sessions == []
    assert not found.whole


def test_session_never_heard_of(root: Path, shards: Shards) -> None:
    with pytest.raises(ParameterError, match="no session is called 'x'"):
        scan(str(root), DispatchParams(), shards, Scope(("x", "s1")))
