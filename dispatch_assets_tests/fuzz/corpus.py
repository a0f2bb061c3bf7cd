"""What is damaged: small sessions of every format, and what lies in a store.

Each *arena* is a data folder with one session to be damaged and a healthy one, and the store that
an inventory of both has left. Files are told apart by *kind*, which is what the table counts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from dispatch_assets.batch import build
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards, Tombstone, Tombstones
from dispatch_assets.watch.inventories import Watched
from dispatch_assets_tests.fuzz.texts import SETTINGS, SETTINGS_OF_A_READER, Target
from dispatch_assets_tests.samples import SAVED, aind, generic, nwb, openephys, spikeglx
from dispatch_assets_tests.samples.openephys import Probe, ni_stream, probe_streams

HEALTHY = "healthy"
PARAMS = DispatchParams(multi_session=True)
_HOLDS = {
    ".meta": ("SpikeGLX .meta", "assignments"),
    ".oebin": ("structure.oebin", "json"),
    ".xml": ("settings.xml", "xml"),
    ".npy": (".npy", "npy"),
    ".nwb": ("NWB (HDF5)", "hdf5"),
    ".zattrs": (".zattrs", "json"),
    ".zarray": (".zarray", "json"),
    ".zgroup": (".zgroup", "json"),
    ".zmetadata": (".zmetadata", "json"),
    ".json": ("SpikeInterface and AIND JSON", "json"),
    ".txt": ("sync_messages.txt", "bytes"),
}
_IN_FOLDERS = {
    "session_inventory": "inventory",
    "vanished": "tombstone",
    "sorting_jobs": "job JSON",
}
STORE_KINDS = (*_IN_FOLDERS.values(), "entries.json", "not_sessions.json")
_CHUNKS = ("Zarr chunks of metadata", "bytes")
_ARRAYS_OF_METADATA = ("channel_ids", "electrodes", "namespace", "properties", "session_start_time")


@dataclass(frozen=True)
class Arena:
    """A data folder, its store, and what came of them undamaged.

    Attributes
    ----------
    name
        What it is called.
    data, store
        The folders.
    jobs
        Texts of the jobs by key.
    targets
        The files to damage.
    """

    name: str
    data: Path
    store: Path
    jobs: dict[str, str]
    targets: list[Target] = field(default_factory=list)

    @property
    def healthy(self) -> dict[str, str]:
        """Jobs of the session that nobody damages."""
        return {k: text for k, text in self.jobs.items() if k.startswith(f"{HEALTHY}~~")}


def write_arenas(work: Path, only: Collection[str] = ()) -> list[Arena]:
    """Write arenas below a folder, which may hold them already: then they are only listed.

    Parameters
    ----------
    work
        The folder.
    only
        Names of arenas; all if empty.
    """
    wanted = {name: write for name, write in _SESSIONS.items() if not only or name in only}
    return [_arena(work / name, write) for name, write in wanted.items()]


def _small(folder: Path, seed: int = 0) -> Path:
    return generic.write_binary_folder(folder, seconds=(0.05,), n_channels=4, seed=seed)


def _write_settings(values: dict[str, Any], data: Path) -> None:
    from probeinterface import write_probeinterface

    session = _small(data / "victim" / "recording").parent
    write_probeinterface(session / "probe.json", generic.linear_probe(4))
    (session / "dispatch.json").write_text(json.dumps(values, indent=1))


def _write_probe(kind: str, data: Path) -> None:
    spikeglx.write_run(data / "victim", "r", {"imec0": kind}, seconds=0.02, saved=SAVED)


def _write_open_ephys(data: Path) -> None:
    streams = [*probe_streams(Probe(kind="NP2", saved=SAVED)), ni_stream()]
    openephys.write_session(data / "victim", streams, seconds=0.02)


def _write_aind(data: Path) -> None:
    streams = probe_streams(Probe(kind="NP2", saved=SAVED))
    aind.write_session(data / "ecephys_1", streams, seconds=0.02)


def _write_nwb(name: str, backend: Any, data: Path) -> None:
    nwb.write_nwb(data / name, series=[nwb.NwbSeries("A")], backend=backend, seconds=0.02)


def _write_json_dump(data: Path) -> None:
    victim = data / "victim"
    generic.write_json_dump(victim / "recording.json", victim / "raw", seconds=(0.3,), n_channels=4)


def _write_zarr(data: Path) -> None:
    generic.write_zarr(data / "victim" / "recording.zarr", seconds=(0.05,), n_channels=4)


def _write_folder(data: Path) -> None:
    _small(data / "victim" / "recording", seed=1)


_SESSIONS: dict[str, Callable[[Path], None]] = {
    "spikeglx_np1": partial(_write_probe, "NP1"),
    "spikeglx_np2": partial(_write_probe, "NP2_4shank"),
    "openephys": _write_open_ephys,
    "aind": _write_aind,
    "nwb": partial(_write_nwb, "victim.nwb", "hdf5"),
    "nwb_zarr": partial(_write_nwb, "victim.nwb.zarr", "zarr"),
    "folder": _write_folder,
    "zarr": _write_zarr,
    "json_dump": _write_json_dump,
    "settings": partial(_write_settings, SETTINGS),
    "settings_of_a_reader": partial(_write_settings, SETTINGS_OF_A_READER),
    "store": _write_folder,
}


def _arena(folder: Path, write: Callable[[Path], None]) -> Arena:
    data, store = folder / "data", folder / "store"
    if not (folder / "written").exists():
        shutil.rmtree(folder, ignore_errors=True)
        write(data)
        _small(data / HEALTHY / "recording")
        _fill(store, data)
        (folder / "written").touch()
    files = JobFiles(str(store))
    jobs = {key: files.content(key).decode() for key in sorted(files.keys())}
    if folder.name == "store":
        targets = list(_of_store(store))
    elif folder.name.startswith("settings"):
        file = data / "victim" / "dispatch.json"
        targets = [Target("dispatch.json", "json", file, file.read_bytes())]
    else:
        targets = list(_of_sessions(data))
    return Arena(folder.name, data, store, jobs, targets)


def _fill(store: Path, data: Path) -> None:
    """Inventory a data folder, write its jobs, and remember a recording that is gone."""
    shards, watched = Shards(str(store)), Watched(str(store), str(data), PARAMS)
    found = scan(str(data), PARAMS, shards)
    found.save(shards)
    for outcome in build(found.jobs, shards, PARAMS):
        assert isinstance(outcome.job, SortingJob), outcome.job
        JobFiles(str(store)).write(outcome.job)
    watched.note(found)
    for inventory in found.inventories:
        if inventory.session.name == HEALTHY or not inventory.jobs:
            continue
        name = inventory.session.name
        gone = inventory.jobs[0].model_copy(update={"job_key": f"{name}~~block0_gone_recording1"})
        at = datetime(2026, 1, 1, tzinfo=UTC).isoformat()
        stones = {str(gone.job_key): Tombstone(vanished_at=at, entry=gone)}
        shards.write_tombstones(Tombstones(session_name=name, recordings=stones))


def _of_store(store: Path) -> Iterator[Target]:
    for path in sorted(store.rglob("*.json")):
        if HEALTHY not in path.name:  # whose damage is not another session's
            kind = _IN_FOLDERS.get(path.parent.name, path.name)
            yield Target(kind, "json", path, path.read_bytes())


def _of_sessions(data: Path) -> Iterator[Target]:
    for path in sorted(data.rglob("*")):
        if not path.is_file() or path.relative_to(data).parts[0] == HEALTHY:
            continue
        suffix = path.name if path.name.startswith(".") else path.suffix
        is_chunk = path.name.replace(".", "").isdigit()
        if is_chunk and any(part in path.parts for part in _ARRAYS_OF_METADATA):
            yield Target(*_CHUNKS, path, path.read_bytes())
        elif suffix in _HOLDS:
            yield Target(*_HOLDS[suffix], path, path.read_bytes())
