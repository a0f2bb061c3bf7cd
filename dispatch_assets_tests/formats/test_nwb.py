"""NWB: both backends, files in folders, several probes and shanks, explicit timestamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.samples import nwb
from dispatch_assets_tests.samples.nwb import NwbProbe, NwbSeries

PROBES = (NwbProbe("ProbeA", 16), NwbProbe("ProbeB", 16, 4))
SERIES = (
    NwbSeries("A"),
    NwbSeries("B", ("ProbeB",), times=True),
    NwbSeries("LFP-A", rate=2500.0),
    NwbSeries("LFP-B", ("ProbeB",), 1250.0, where="processing"),
)


class TestContract(InputFormatContract):
    input_format = "nwb"
    jobs = {("block0", "acquisition-A"): 1, ("block0", "acquisition-B"): 4}
    left_out = {
        ("block0", "acquisition-LFP-A"): "lfp_band",
        ("block0", "processing-ecephys-LFP-LFP-B"): "auxiliary_stream",
    }
    raw = ("",)

    def write(self, folder: Path) -> Path:
        return nwb.write_nwb(Path(f"{folder}.nwb"), PROBES, SERIES, seconds=SECONDS)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface.extractors import read_nwb_recording

        return read_nwb_recording(session, electrical_series_path=stream.replace("-", "/", 1))


class TestZarrContract(TestContract):
    raw = ("acquisition/A/data/0.0",)
    raw_stream = None

    def write(self, folder: Path) -> Path:
        path = Path(f"{folder}.nwb.zarr")
        return nwb.write_nwb(path, PROBES, SERIES, seconds=SECONDS, backend="zarr")
