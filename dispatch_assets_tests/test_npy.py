"""Lengths and slices of .npy files, without loading or unpickling them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dispatch_assets.errors import StreamError
from dispatch_assets.npy import npy_length, open_npy
from dispatch_assets_tests.samples import payload


@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<i8", "<f4", "u1"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_any_slice_of_any_type(tmp_path: Path, dtype: str, version: tuple[int, int]) -> None:
    values = np.arange(100).astype(dtype)
    with (tmp_path / "x.npy").open("wb") as f:
        np.lib.format.write_array(f, values, version=version)
    file = open_npy(tmp_path / "x.npy")
    assert len(file) == npy_length(tmp_path / "x.npy") == 100
    assert file.dtype == np.dtype(dtype)
    for start, stop in ((0, 100), (0, 1), (99, 100), (40, 60), (7, 7)):
        np.testing.assert_array_equal(file.read(start, stop), values[start:stop])
    np.testing.assert_array_equal(file.ends(), values[[0, -1]])


def test_rows_of_a_table_are_counted(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((7, 3)))
    assert npy_length(tmp_path / "x.npy") == 7
    np.save(tmp_path / "empty.npy", np.zeros(0))
    assert npy_length(tmp_path / "empty.npy") == 0


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(100))
    payload.cut_file(tmp_path / "x.npy", 1)
    with pytest.raises(StreamError, match="fewer than the 100") as caught:
        npy_length(tmp_path / "x.npy")
    assert caught.value.reason == "truncated"


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"PK\x03\x04", b"\x80\x04.", b"x" * 1000])
def test_what_is_no_npy_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(StreamError, match=r"no \.npy file") as caught:
        npy_length(tmp_path / "x.npy")
    assert caught.value.reason == "unreadable"


@pytest.mark.parametrize("header", ["{'descr': '<f8'}", "[1, 2]", "{'descr': (", "9" * 60])
def test_a_header_that_makes_no_sense_is_refused(tmp_path: Path, header: str) -> None:
    text = header.ljust(117).encode() + b"\n"
    (tmp_path / "x.npy").write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + text)
    with pytest.raises(StreamError, match=r"no \.npy file"):
        npy_length(tmp_path / "x.npy")


def test_objects_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}, None]), allow_pickle=True)
    np.save(tmp_path / "scalar.npy", np.float64(1))
    for name in ("x", "scalar"):
        with pytest.raises(StreamError, match="pickled objects") as caught:
            npy_length(tmp_path / f"{name}.npy")
        assert caught.value.reason == "refused"


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(StreamError, match=r"x\.npy"):
        npy_length(tmp_path / "x.npy")
