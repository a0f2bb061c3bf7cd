"""A share whose server is gone: even asking whether its root is there fails."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.cli import main
from dispatch_assets.data_root import is_empty
from dispatch_assets.defs import failures
from dispatch_assets.discovery import discover, evidence
from dispatch_assets.errors import DataRootError, ParameterError
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets.transient import is_transient
from dispatch_assets.watch.inventories import Watched
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets_tests.defs.lab import KEYS, Lab, sentence, write_data
from dispatch_assets_tests.silence import silence

GONE = os.strerror(errno.ENOTCONN)


class Share:
    """A folder that can stop answering."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root, self._monkeypatch, self._stat = root, monkeypatch, os.stat

    def die(self, why: int = errno.ENOTCONN) -> None:
        self._why = why
        self._monkeypatch.setattr(os, "stat", self._no_stat)

    def _no_stat(self, path: Any, *args: Any, **kwargs: Any) -> os.stat_result:
        if isinstance(path, str | Path) and Path(path).is_relative_to(self.root):
            raise OSError(self._why, os.strerror(self._why), str(path))
        return self._stat(path, *args, **kwargs)


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Share:
    return Share(write_data(tmp_path / "data"), monkeypatch)


def test_everything_that_looks_at_it_says_so(share: Share, tmp_path: Path) -> None:
    root, params = share.root, DispatchParams()
    watched = WatchedRoot(root, params)
    share.die()
    for ask in (
        lambda: discover(root, params),
        lambda: evidence(root),
        lambda: is_empty(root),
        watched.looks,
        lambda: scan(str(root), params, Shards(str(tmp_path / "store"))),
    ):
        with pytest.raises(DataRootError, match=f"gives no answer .{GONE}") as raised:
            ask()
        assert is_transient(raised.value)


@pytest.mark.parametrize("name", ["stat", "listdir"])
def test_a_folder_that_this_user_may_not_enter_or_list_is_not_called_dead(
    name: str, share: Share, monkeypatch: pytest.MonkeyPatch
) -> None:
    if name == "stat":
        share.die(errno.EACCES)
    else:
        monkeypatch.setattr(os, "listdir", _may_not)
        monkeypatch.setattr(os, "scandir", _may_not)
    with pytest.raises(DataRootError) as raised:
        discover(share.root, DispatchParams())
    why = os.strerror(errno.EACCES)
    expected = f"{share.root}: cannot be looked into ({why}). Check its permissions."
    assert str(raised.value) == expected
    assert not is_transient(raised.value)


def _may_not(path: Any) -> list[str]:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))


def test_a_folder_of_settings_on_it(share: Share, tmp_path: Path) -> None:
    settings, data = share.root, tmp_path / "elsewhere"
    (data / "session").mkdir(parents=True)
    params = DispatchParams(settings_folder=str(settings))
    watched = WatchedRoot(data, params)
    with silence(settings), pytest.raises(DataRootError, match=f"{settings}: gives no answer"):
        watched.looks()
    share.die()
    with pytest.raises(ParameterError, match=r"settings_folder .* gives no answer"):
        discover(data, params)


def test_an_inventory_keeps_what_is_known(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failures, "FIRST_WAIT_S", 0)
    lab.inventory()
    Share(lab.data, monkeypatch).die()
    assert Watched(str(lab.store), str(lab.data), lab.params).incomplete == {}
    assert "gives no answer" in sentence(lab.inventory())
    assert {e.job_key for i in lab.shards.present() for e in i.jobs} == set(KEYS)


@pytest.mark.parametrize("command", ["plan", "formats", "status"])
def test_commands_say_so(
    share: Share, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    store = tmp_path / "store"
    assert main(["materialize", "--data", str(share.root), "--store", str(store)]) == 0
    share.die()
    places = ["--data", str(share.root), "--store", str(store)]
    status = main([command, *(places if command == "status" else [str(share.root)])])
    told = capsys.readouterr()
    assert "gives no answer" in (told.out if command == "status" else told.err)
    assert status == 1
    if command == "status":
        assert told.out.endswith("What stands above the table needs attention.\n")
