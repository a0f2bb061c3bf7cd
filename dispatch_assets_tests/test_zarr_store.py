"""A look at Zarr stores without opening them."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dispatch_assets import zarr_store
from dispatch_assets.errors import StreamError


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Write a store with two arrays, one of them in a group."""
    import zarr

    root = zarr.open(str(tmp_path / "x.zarr"), mode="w")
    root.attrs["num_segments"] = 1
    root.create_dataset("traces", data=np.arange(1050).reshape(350, 3) + 1, chunks=(100, 2))
    root.create_group("properties").create_dataset("gain", data=np.ones(3))
    return tmp_path / "x.zarr"


def edit(array: Path, **values: Any) -> None:
    meta = json.loads((array / ".zarray").read_text())
    (array / ".zarray").write_text(json.dumps(meta | values))


def n_missing_chunks(array: Path) -> int:
    return zarr_store.n_missing_chunks(array, zarr_store.check_store(array)[array])


def test_stores_are_known_by_their_metadata(store: Path, tmp_path: Path) -> None:
    assert zarr_store.is_zarr(store)
    assert zarr_store.is_zarr(store / "traces")
    assert not zarr_store.is_zarr(tmp_path)
    assert not zarr_store.is_zarr(tmp_path / "missing")
    assert zarr_store.attributes(store) == {"num_segments": 1}
    assert zarr_store.attributes(store / "traces") == {}
    assert zarr_store.check_store(store)[store / "traces"]["shape"] == [350, 3]


def test_missing_chunks_are_counted(store: Path) -> None:
    assert n_missing_chunks(store / "traces") == 0
    for n, chunk in enumerate(("0.0", "3.1", "2.0")):
        (store / "traces" / chunk).unlink()
        assert n_missing_chunks(store / "traces") == n + 1


def test_nested_chunks_are_counted(tmp_path: Path) -> None:
    import zarr

    path = tmp_path / "x.zarr"
    about: dict[str, Any] = {"chunks": (2, 2), "dtype": "i4", "dimension_separator": "/"}
    array = zarr.open(str(path), mode="w", shape=(4, 4), **about)
    array[:] = 1
    assert n_missing_chunks(path) == 0
    (path / "1" / "1").unlink()
    assert n_missing_chunks(path) == 1


@pytest.mark.parametrize("where", ["filters", "compressor"])
def test_pickles_are_refused(store: Path, where: str) -> None:
    zarr_store.check_store(store)
    codec = {"id": "pickle", "protocol": 5}
    edit(store / "properties" / "gain", **{where: [codec] if where == "filters" else codec})
    with pytest.raises(StreamError, match="gain: holds pickled") as caught:
        zarr_store.check_store(store)
    assert caught.value.reason == "refused"
    zarr_store.check_store(store, only=lambda name: name != "properties/gain")


def test_pickles_in_consolidated_metadata_are_refused(store: Path) -> None:
    import zarr

    plain = (store / "traces" / ".zarray").read_text()
    edit(store / "traces", filters=[{"id": "pickle"}])
    zarr.consolidate_metadata(str(store))
    (store / "traces" / ".zarray").write_text(plain)
    with pytest.raises(StreamError, match="traces: holds pickled"):
        zarr_store.check_store(store)


def test_a_codec_that_is_not_installed_says_how_to_install_it(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(store / "traces", compressor={"id": "wavpack", "level": 1})
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(StreamError, match="pip install 'wavpack-numcodecs==") as caught:
        zarr_store.check_store(store)
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", "[" * 100_000])
@pytest.mark.parametrize("file", [".zattrs", "traces/.zarray"])
def test_damaged_metadata_are_told(store: Path, file: str, text: str) -> None:
    (store / file).write_text(text)
    read = zarr_store.attributes if file == ".zattrs" else zarr_store.check_store
    with pytest.raises(StreamError, match=file) as caught:
        read(store)
    assert caught.value.reason == "unreadable"
