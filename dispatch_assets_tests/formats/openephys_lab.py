"""Small Open Ephys sessions, and the names of their streams."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.samples import SAVED, openephys, payload
from dispatch_assets_tests.samples.openephys import Probe, ni_stream, probe_streams

NODE = "Record Node 101#"
PXI = f"{NODE}Neuropix-PXI-100."
STREAMS = [
    *probe_streams(Probe(saved=SAVED), sync=True),
    *probe_streams(Probe("ProbeB", "NP2_4shank", 2, SAVED), sync=True),
    ni_stream(),
]
ONE = probe_streams(Probe(saved=SAVED))
ANOTHER = probe_streams(Probe("ProbeB", "NP2", 2, SAVED))  # beside ONE
AP = f"{PXI}ProbeA-AP"
LFP = f"{PXI}ProbeA-LFP"
PROBE_B = f"{PXI}ProbeB"
TIMES = payload.sync_times(3000, 30000.0, 21.5)  # of 0.1 s at 30 kHz


def write(data: Path, nodes: Any = ONE, seconds: float = 0.1, **about: Any) -> Path:
    return openephys.write_session(data / "s", nodes, seconds=seconds, **about)


def recording_folder(session: Path, recording: int = 1) -> Path:
    return session / "Record Node 101" / "experiment1" / f"recording{recording}"


def stream_folder(session: Path, stream: str, recording: str = "experiment1/recording1") -> Path:
    return session / "Record Node 101" / recording / "continuous" / stream.partition("#")[2]


def read(session: Path, stream: str) -> Any:
    """Return what SpikeInterface makes of a stream, with the synchronised times."""
    from spikeinterface.extractors import read_openephys

    return read_openephys(session, stream_name=stream, load_sync_timestamps=True)
