"""The tuple of formats: complete, tested, and in an order that decides rightly."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.discovery import evidence
from dispatch_assets.errors import ParameterError
from dispatch_assets.formats import FORMATS, by_name
from dispatch_assets_tests.formats.sample_session import Library, contracts
from dispatch_assets_tests.samples import aind
from dispatch_assets_tests.samples.openephys import Probe, probe_streams


def test_every_format_passes_the_contract() -> None:
    names = [f.name for f in FORMATS]
    assert len(set(names)) == len(names)
    assert {contract.input_format for contract in contracts()} == set(names)


def test_formats_are_found_by_name() -> None:
    assert all(by_name(f.name) is f for f in FORMATS)
    with pytest.raises(ParameterError, match=r"spikegla.*spikeglx"):
        by_name("spikeglax")


def test_exactly_one_format_recognises_a_session(library: Library) -> None:
    for contract in contracts():
        found = [name for name, e in evidence(library.session(contract)) if e.found]
        assert found == [contract.input_format]


def test_uncompressed_aind_sessions_are_not_taken_for_open_ephys(tmp_path: Path) -> None:
    streams = probe_streams(Probe(kind="NP2", saved=(0, 1)))
    session = aind.write_session(tmp_path / "s", streams, layout="uncompressed", seconds=0.02)
    first = next(name for name, e in evidence(session) if e.found)
    assert first == "aind"
