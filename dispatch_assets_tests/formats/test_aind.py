"""AIND: three layouts, blank probes, chunks and stores that are missing, sessions of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.samples import SAVED, aind
from dispatch_assets_tests.samples.openephys import Probe, ni_stream, probe_streams

NODE = "Record Node 101#"
STREAMS = [
    *probe_streams(Probe(saved=SAVED)),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED)),
    ni_stream(),
]


class TestContract(InputFormatContract):
    input_format = "aind"
    decides = "ecephys/ecephys_compressed"
    jobs = {
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP"): 1,
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeB"): 4,
    }
    left_out = {
        ("experiment1", f"{NODE}NI-DAQmx-112.PXIe-6341"): "auxiliary_stream",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-LFP"): "lfp_band",
    }
    raw = ("*/*/*.ProbeA-AP.zarr/traces_seg0/0.0", "*/*/*.ProbeA-AP.zarr/traces_seg1/0.0")
    raw_stream = ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP")

    def write(self, folder: Path) -> Path:
        experiments = {1: (1, 2)}
        return aind.write_session(folder, STREAMS, experiments=experiments, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface import load

        return load(session / "ecephys" / "ecephys_compressed" / f"{block}_{stream}.zarr")
