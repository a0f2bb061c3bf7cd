"""What SpikeInterface saved itself, and what its readers read: blocks, streams, probes, faults."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.samples import generic


class TestContract(InputFormatContract):
    input_format = "spikeinterface"
    decides = "a"
    jobs = {("block0", "stream0"): 1, ("block1", "stream0"): 4}
    left_out = {("", "c"): "not_a_recording"}
    raw = ("a/traces_cached_seg0.raw", "a/traces_cached_seg1.raw")
    raw_stream = ("block0", "stream0")

    def write(self, folder: Path) -> Path:
        about: dict[str, Any] = {"seconds": (SECONDS, SECONDS), "n_channels": 32}
        generic.write_binary_folder(folder / "a", **about)
        generic.write_zarr(folder / "b.zarr", n_shanks=4, **about)
        generic.write_sorting_folder(folder / "c")
        return folder

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface import load

        return load(session / {"block0": "a", "block1": "b.zarr"}[block])
