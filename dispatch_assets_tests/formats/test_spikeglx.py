"""SpikeGLX: gates and triggers, missing and truncated files, probes of every age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dispatch_assets_tests.formats.contract import SECONDS, InputFormatContract
from dispatch_assets_tests.samples import SAVED, spikeglx

FOUR_SHANKS = {"imec0": "NP1", "imec1": "NP2_4shank", "obx0": "OneBox"}


class TestContract(InputFormatContract):
    input_format = "spikeglx"
    decides = "run_g0_t0.nidq.meta"
    jobs = {("block0", "imec0.ap"): 1, ("block0", "imec1.ap"): 4}
    left_out = {
        ("block0", "imec0.lf"): "lfp_band",
        ("block0", "nidq"): "auxiliary_stream",
        ("block0", "obx0"): "auxiliary_stream",
        ("block0", "imec0.ap-SYNC"): "sync_stream",
        ("block0", "imec0.lf-SYNC"): "sync_stream",
        ("block0", "imec1.ap-SYNC"): "sync_stream",
    }
    raw = ("*/run_g0_t0.imec0.ap.bin", "*/run_g0_t1.imec0.ap.bin")
    raw_stream = ("block0", "imec0.ap")

    def write(self, folder: Path) -> Path:
        about: dict[str, Any] = {"seconds": SECONDS, "triggers": (0, 1), "saved": SAVED}
        return spikeglx.write_run(folder, "run", FOUR_SHANKS, **about)

    def read(self, session: Path, block: str, stream: str) -> Any:
        from spikeinterface.extractors import read_spikeglx

        return read_spikeglx(session, stream_name=stream)
