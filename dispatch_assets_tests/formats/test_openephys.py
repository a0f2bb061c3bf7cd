"""Open Ephys: nodes, experiments, GUI versions, and every fault a recording folder can have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.samples import SAVED, openephys
from dispatch_assets_tests.samples.openephys import Probe, ni_stream, probe_streams

NODE = "Record Node 101#"
STREAMS = [
    *probe_streams(Probe(saved=SAVED), sync=True),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED), sync=True),
    ni_stream(),
]


class TestContract(InputFormatContract):
    input_format = "openephys"
    decides = "Record Node 101/experiment1/recording1/structure.oebin"
    jobs = {
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP"): 1,
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeB"): 4,
    }
    left_out = {
        ("experiment1", f"{NODE}NI-DAQmx-112.PXIe-6341"): "auxiliary_stream",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-LFP"): "lfp_band",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-APSYNC"): "sync_stream",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-LFPSYNC"): "sync_stream",
        ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeBSYNC"): "sync_stream",
    }
    raw = (
        "*/*/recording1/continuous/*.ProbeA-AP/continuous.dat",
        "*/*/recording2/continuous/*.ProbeA-AP/continuous.dat",
    )
    raw_stream = ("experiment1", f"{NODE}Neuropix-PXI-100.ProbeA-AP")

    def write(self, folder: Path) -> Path:
        experiments = {1: (1, 2)}
        return openephys.write_session(folder, STREAMS, experiments=experiments, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface.extractors import read_openephys

        return read_openephys(session, stream_name=stream, load_sync_timestamps=True)
