"""Traps in session folders, and the check that none of them runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from dispatch_assets_tests.outcome import dispatched, loaded
from dispatch_assets_tests.samples import SAVED, generic
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

ONE = probe_streams(Probe(kind="NP2", saved=SAVED))
SELF: dict[str, Any] = {
    "input": "spikeinterface",
    "spikeinterface_info": {"reader_type": "spikeinterface"},
}


def refused(data: Path, marker: Path, **params: Any) -> list[str]:
    """Dispatch; check that no trap ran and the good session did; return what was refused."""
    report, jobs = dispatched(data, **({"multi_session": True} | params))
    assert not marker.exists()
    if not params:
        assert "good" in {job.session_name for job in jobs.values()}
    for job in jobs.values():
        loaded(job, data)
    assert not marker.exists()
    assert report.exit_status == 1
    return [e.message for e in report.entries if e.reason == "refused"]


def describe(name: str, **kwargs: Any) -> dict[str, Any]:
    """Return what SpikeInterface loads as a call of `name`."""
    from spikeinterface import __version__

    return {
        "class": name,
        "module": name.split(".")[0],
        "version": __version__,
        "kwargs": kwargs,
        "annotations": {},
        "properties": {},
        "relative_paths": False,
    }


def write_json(path: Path, described: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(described))


def pickled_property(folder: Path, marker: Path) -> None:
    trap = generic.write_pickle_trap(folder / "x.pkl", marker)
    head = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (4,), }"
    (folder / "brain_area.npy").write_bytes(head.ljust(127) + b"\n" + trap.read_bytes())
    trap.unlink()
