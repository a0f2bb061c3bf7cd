"""Sessions of several formats, written once per test run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dispatch_assets_tests.samples import SAVED, generic, spikeglx


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions ``one`` and ``two`` of two segments each, SpikeGLX ``run``, Intan ``odd``."""
    from probeinterface import write_probeinterface

    data = tmp_path_factory.mktemp("written") / "data"
    for seed, name in enumerate(("one", "two")):
        generic.write_binary_folder(
            data / name / "recording", n_channels=4, seconds=(0.1, 0.3), seed=seed
        )
    probes = {"imec0": "NP1", "imec1": "NP1"}
    spikeglx.write_run(data / "run", "run", probes, seconds=0.1, saved=SAVED)
    generic.write_intan(data / "odd" / "a.rhd", seconds=0.1, n_amplifiers=8)
    write_probeinterface(data / "odd" / "probe.json", generic.linear_probe(8))
    return data


@pytest.fixture
def data(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "data"))
