"""What is removed, cut, still growing or hostile in a session of any format is noticed.

A session that is complete is so for every format; `DAMAGE` lists what must not pass.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dispatch_assets_tests.formats.tampering import copy
from dispatch_assets_tests.watch.lab import BIN, META, STORE, STREAM, cut, empty, why


def remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() else path.unlink()


def grow(path: Path) -> None:
    with path.open("ab") as f:
        f.write(b"\0" * 1_000)


DAMAGE = [
    ("spikeglx", remove, BIN, "there is no .bin file yet"),
    ("spikeglx", remove, META, "there is no .meta file yet"),
    ("spikeglx", cut, BIN, r"\d+ bytes are there, [\d,]+ according to its .meta"),
    ("spikeglx", grow, BIN, r"\d+ bytes are there, [\d,]+ according to its .meta"),
    ("spikeglx", empty, "run_g0_imec0/*.lf.bin", "0 bytes are there"),
    ("spikeglx", cut, META, "is not whole"),
    ("spikeglx", empty, META, "is not whole"),
    ("openephys", remove, f"{STREAM}/continuous.dat", "continuous.dat: is missing"),
    ("openephys", remove, f"{STREAM}/sample_numbers.npy", "sample_numbers.npy: is missing"),
    ("openephys", remove, f"{STREAM}/timestamps.npy", "timestamps.npy: is no .npy file"),
    ("openephys", cut, f"{STREAM}/continuous.dat", "while sample_numbers.npy has"),
    ("openephys", grow, f"{STREAM}/continuous.dat", "continuous.dat: (holds|does not hold)"),
    ("openephys", grow, f"{STREAM}/sample_numbers.npy", "its header does not fit"),
    ("openephys", cut, f"{STREAM}/timestamps.npy", "holds fewer than the"),
    ("openephys", empty, f"{STREAM}/timestamps.npy", "is no .npy file"),
    ("openephys", cut, "*/experiment1/recording2/structure.oebin", "is no valid JSON"),
    ("openephys", remove, "*/experiment1/recording2/structure.oebin", "no structure.oebin for it"),
    ("openephys", remove, "*/settings.xml", "settings.xml: is missing"),
    ("openephys", cut, "*/settings.xml", "does not end with </SETTINGS>"),
    ("openephys", remove, "*/experiment1/recording1/events/*AP/TTL", "timestamps.npy: is missing"),
    ("aind", remove, f"{STORE}/traces_seg0/0.0", r"0 of 1 chunk is there"),
    ("aind", empty, f"{STORE}/traces_seg0/0.0", "1 chunk has no content yet"),
    ("aind", remove, f"{STORE}/traces_seg0/.zarray", ".zarray: is missing"),
    ("aind", remove, f"{STORE}/channel_ids", "channel_ids/.zarray: is missing"),
    ("aind", remove, f"{STORE}/.zattrs", ".zattrs: is missing"),
    ("aind", cut, f"{STORE}/.zmetadata", "is no valid JSON"),
    ("aind", remove, STORE, "ecephys_compressed does not"),
    ("aind", remove, "ecephys/ecephys_clipped/*/settings.xml", "settings.xml: is missing"),
    ("aind", cut, "ecephys/ecephys_clipped/*/*/*/structure.oebin", "is no valid JSON"),
    ("nwb", cut, "a.nwb", r"[\d,]+ bytes are there, [\d,]+ according to its header"),
    ("nwb", empty, "a.nwb", "belongs to a nwb session that is not there yet"),
    ("nwb_zarr", remove, "*/acquisition/*/data/0.0", "0 of 1 chunk is there"),
    ("nwb_zarr", remove, "*/acquisition/*/data/.zarray", ".zarray: is missing"),
    ("nwb_zarr", remove, "*/acquisition", ".zgroup: is missing"),
    ("spikeinterface", remove, "one/traces_cached_seg0.raw", "is missing"),
    ("spikeinterface", empty, "one/traces_cached_seg0.raw", "has no samples yet"),
    ("spikeinterface", remove, "one/binary.json", "binary.json: is missing"),
    ("spikeinterface", cut, "one/probegroup.json", "is no valid JSON"),
    ("spikeinterface", cut, "one/properties/group.npy", "group.npy: "),
    ("spikeinterface", remove, "two.zarr/traces_seg0/0.0", "0 of 1 chunk is there"),
    ("spikeinterface", remove, "two.zarr/traces_seg0", "is missing"),
    ("spikeinterface", remove, "two.zarr/.zgroup", "zgroup"),
]


@pytest.mark.parametrize(
    ("name", "damage", "pattern", "said"),
    DAMAGE,
    ids=[f"{n}-{d.__name__}-{p.rpartition('/')[2]}" for n, d, p, _ in DAMAGE],
)
def test_what_is_not_complete_is_not_settled(
    sessions: Path,
    tmp_path: Path,
    name: str,
    damage: Callable[[Path], None],
    pattern: str,
    said: str,
) -> None:
    entry = copy(sessions / name, tmp_path / name)
    (path,) = sorted(entry.glob(pattern))[:1]
    damage(path)
    reason = why(tmp_path, name)
    assert reason is not None
    assert re.search(said, reason), reason
    assert str(tmp_path) in reason


def test_a_compressed_bin_needs_its_chunk_table(sessions: Path, tmp_path: Path) -> None:
    entry = copy(sessions / "spikeglx", tmp_path / "s")
    (ap,) = entry.glob(BIN)
    cbin = ap.rename(ap.with_suffix(".cbin"))
    assert "run_g0_t0.imec0.ap.ch: is missing" in str(why(tmp_path, "s"))
    table = {"chunk_offsets": [0, cbin.stat().st_size]}
    ap.with_suffix(".ch").write_text(json.dumps(table))
    assert why(tmp_path, "s") is None
    cut(cbin)
    assert "according to its .ch file" in str(why(tmp_path, "s"))
    for hostile in ('{"chunk_offsets": [0, "9"]}', '{"chunk_offsets": []}', '{"chunk_offsets": 3}'):
        ap.with_suffix(".ch").write_text(hostile)
        assert "does not say where the chunks" in str(why(tmp_path, "s"))


def _meta_of_gigabytes(s: Path) -> None:
    os.truncate(next(s.glob(META)), 3 * 2**30)


def _meta_that_is_a_pipe(s: Path) -> None:
    meta = next(s.glob(META))
    meta.unlink()
    os.mkfifo(meta)


def _meta_with_a_huge_number(s: Path) -> None:
    meta = next(s.glob(META))
    lines = [x for x in meta.read_text().splitlines() if not x.startswith("fileSizeBytes")]
    meta.write_text("\n".join([f"fileSizeBytes={'9' * 5_000}", *lines]))


def _oebin(s: Path) -> Path:
    return next(s.glob("*/experiment1/recording1/structure.oebin"))


def _deep_oebin(s: Path) -> None:
    _oebin(s).write_text("[" * 200_000)


def _oebin_of_gigabytes(s: Path) -> None:
    os.truncate(_oebin(s), 3 * 2**30)


def _odd_oebin(s: Path) -> None:
    _oebin(s).write_text('{"continuous": [1, null, {"channels": 3}], "events": [2]}')


def _huge_settings(s: Path) -> None:
    os.truncate(next(s.glob("*/settings.xml")), 3 * 2**30)


def _lying_npy(s: Path) -> None:
    file = next(s.glob(f"{STREAM}/sample_numbers.npy"))
    head = b"{'descr': '<i8', 'fortran_order': False, 'shape': (1152921504606846976, 9), }"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head)


def _pickled_npy(s: Path) -> None:
    file = next(s.glob(f"{STREAM}/sample_numbers.npy"))
    head = b"{'descr': '|O', 'fortran_order': False, 'shape': (3,), }"
    file.write_bytes(b"\x93NUMPY\x01\x00" + len(head).to_bytes(2, "little") + head + b"cos\n")


def _zarray(text: str) -> Callable[[Path], None]:
    def write(s: Path) -> None:
        next(s.glob(f"{STORE}/traces_seg0/.zarray")).write_text(text)

    return write


def _zmetadata(s: Path) -> None:
    outside: dict[str, object] = {
        "../../../../../etc/passwd/.zarray": {},
        "/etc/.zgroup": {},
        "x\0/.zarray": {},
    }
    next(s.glob(f"{STORE}/.zmetadata")).write_text(json.dumps({"metadata": outside}))


def _many_segments(s: Path) -> None:
    next(s.glob(f"{STORE}/.zattrs")).write_text('{"num_segments": 1e400}')


def _hdf5_noise(s: Path) -> None:
    file = s / "a.nwb"
    data = bytearray(file.read_bytes())
    data[8:96] = os.urandom(88)
    file.write_bytes(data)


HOSTILE: dict[str, tuple[str, Callable[[Path], None]]] = {
    "meta of gigabytes": ("spikeglx", _meta_of_gigabytes),
    "meta that is a pipe": ("spikeglx", _meta_that_is_a_pipe),
    "meta with a huge number": ("spikeglx", _meta_with_a_huge_number),
    "deep oebin": ("openephys", _deep_oebin),
    "oebin of gigabytes": ("openephys", _oebin_of_gigabytes),
    "odd oebin": ("openephys", _odd_oebin),
    "settings of gigabytes": ("openephys", _huge_settings),
    "lying npy": ("openephys", _lying_npy),
    "pickled npy": ("openephys", _pickled_npy),
    "zarray: chunks of zero": ("aind", _zarray('{"shape": [5], "chunks": [0]}')),
    "zarray: endless": ("aind", _zarray('{"shape": [1e999], "chunks": [1]}')),
    "zarray: huge": ("aind", _zarray(f'{{"shape": [{"9" * 999}, 7], "chunks": [1, 1]}}')),
    "zarray: deep": ("aind", _zarray("[" * 200_000)),
    "zmetadata that leads out": ("aind", _zmetadata),
    "endless segments": ("aind", _many_segments),
    "noise in HDF5": ("nwb", _hdf5_noise),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_give_a_reason_and_no_error(
    sessions: Path, tmp_path: Path, name: str
) -> None:
    source, spoil = HOSTILE[name]
    entry = copy(sessions / source, tmp_path / "s")
    spoil(entry)
    begun_s = time.monotonic()
    reason = why(tmp_path, "s")
    assert time.monotonic() - begun_s < 10
    assert reason, name
    assert len(reason) < 600
