"""AIND sessions: Open Ephys recordings as they are archived, compressed to Zarr.

Facts come from aind-data-transformation and aind-ephys-transformation (github.com/
AllenNeuralDynamics): one Zarr per experiment and stream, written with SpikeInterface, beside a
copy of the Open Ephys folder in which every continuous.dat is cut to its first frames; and from
aind-data-schema for the two metadata files.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from . import openephys
from .openephys import Faults, Stream
from .payload import Content

Layout = Literal["old", "new", "uncompressed"]
Codec = Literal["blosc", "wavpack"]

CLIPPED_FRAMES = 100
"""Frames that are left in each continuous.dat of the clipped copy."""


def write_session(
    session: Path,
    nodes: Mapping[str, Sequence[Stream]] | Sequence[Stream],
    *,
    layout: Layout = "new",
    metadata: bool = True,
    name: str | None = None,
    experiments: Mapping[int, Sequence[int]] | None = None,
    seconds: float = 1.0,
    content: Content = "noise",
    codec: Codec = "blosc",
    save_times: bool = True,
    old_attributes: bool = False,
    blank_probe_names: bool = False,
    no_zarr: Collection[str] = (),
    version: str = "0.6.7",
    faults: Faults | None = None,
    seed: int = 0,
) -> Path:
    """Write a session in one of the three layouts there are.

    Parameters
    ----------
    session : Path
        The folder, by convention ``ecephys_<subject>_<date>_<time>``.
    nodes : mapping of str to streams, or streams
        As for `openephys.write_session`.
    layout : {"new", "old", "uncompressed"}
        Whether ecephys_clipped and ecephys_compressed lie in ``ecephys`` (new) or in the session
        folder (old), or ``ecephys`` holds the Open Ephys folder itself (uncompressed).
    metadata : bool
        Whether data_description.json and subject.json are there.
    name : str, optional
        The name in data_description.json, the folder's by default.
    experiments, seconds, content, version, faults, seed
        As for `openephys.write_session`.
    codec : {"blosc", "wavpack"}
        What compresses the traces; the latter needs the package wavpack_numcodecs.
    save_times : bool
        Whether synchronised times are saved in the Zarr (never for NI-DAQ).
    old_attributes : bool
        Describe probes as SpikeInterface before 0.105 did.
    blank_probe_names : bool
        Leave the probes' names empty; needs `old_attributes`.
    no_zarr : collection of str
        Names of streams (``ProbeB``) with no Zarr; streams that `faults` calls empty have none.
    """
    session.mkdir(parents=True)
    if metadata:
        write_metadata(session, name or session.name)
    settings: dict[str, Any] = {
        "experiments": experiments,
        "seconds": seconds,
        "content": content,
        "version": version,
        "faults": faults,
        "seed": seed,
    }
    if layout == "uncompressed":
        openephys.write_session(session / "ecephys", nodes, **settings)
        return session
    base = session if layout == "old" else session / "ecephys"
    left_out = {*no_zarr, *(faults.empty if faults else ())}
    with tempfile.TemporaryDirectory() as scratch:
        raw = openephys.write_session(Path(scratch) / session.name, nodes, **settings)
        _clip(raw, base / "ecephys_clipped")
        for path in _compress(raw, base / "ecephys_compressed", codec, save_times, left_out):
            _tidy(path, old_attributes, blank_probe_names)
    return session


def write_metadata(session: Path, name: str) -> None:
    """Write data_description.json and subject.json.

    Parameters
    ----------
    session : Path
        The session folder.
    name : str
        Name of the data asset; its second part is the subject.
    """
    subject = name.split("_")[1] if "_" in name else "000000"
    description = {
        "schema_version": "1.0.0",
        "name": name,
        "subject_id": subject,
        "creation_time": "2024-01-15T10:00:00-08:00",
        "data_level": "raw",
        "institution": {"name": "Example Institute", "abbreviation": "EI"},
        "modality": [{"name": "Extracellular electrophysiology", "abbreviation": "ecephys"}],
        "platform": {"name": "Electrophysiology platform", "abbreviation": "ecephys"},
        "project_name": "Sample sessions",
    }
    animal = {
        "schema_version": "1.0.0",
        "subject_id": subject,
        "sex": "Female",
        "date_of_birth": "2023-10-01",
        "species": {"name": "Mus musculus"},
    }
    (session / "data_description.json").write_text(json.dumps(description, indent=3))
    (session / "subject.json").write_text(json.dumps(animal, indent=3))


def _clip(raw: Path, clipped: Path) -> None:
    """Copy an Open Ephys folder, with the first frames only of every continuous.dat."""
    shutil.copytree(raw, clipped, ignore=shutil.ignore_patterns("continuous.dat"))
    for oebin in raw.rglob("structure.oebin"):
        for stream in json.loads(oebin.read_text())["continuous"]:
            source = oebin.parent / "continuous" / stream["folder_name"] / "continuous.dat"
            if source.is_file():
                with source.open("rb") as file:
                    head = file.read(2 * CLIPPED_FRAMES * stream["num_channels"])
                (clipped / source.relative_to(raw)).write_bytes(head)


def _compress(
    raw: Path, compressed: Path, codec: Codec, save_times: bool, left_out: Collection[str]
) -> Iterator[Path]:
    """Write ``experimentN_<stream>.zarr`` for every experiment and stream; yield their paths."""
    from numcodecs import Blosc
    from spikeinterface.extractors import get_neo_streams, read_openephys

    fast = Blosc(cname="zstd", clevel=1, shuffle=Blosc.BITSHUFFLE)
    names, _ = get_neo_streams("openephysbinary", raw)
    experiments = {path.name for path in raw.glob("Record Node */experiment*")}
    for experiment in sorted(experiments, key=lambda name: int(name.removeprefix("experiment"))):
        for stream in names:
            if "SYNC" in stream or stream.split(".")[-1] in left_out:
                continue
            times = save_times and "NI-DAQ" not in stream
            recording = read_openephys(
                raw, stream_name=stream, experiment_name=experiment, load_sync_timestamps=times
            )
            path = compressed / f"{experiment}_{stream}.zarr"
            with _one_blosc_thread():
                recording.save(
                    format="zarr",
                    folder=path,
                    compressor_by_dataset={"traces": _codec(codec) or fast, "times": fast},
                    n_jobs=1,
                    progress_bar=False,
                    verbose=False,
                )
            yield path


def _codec(codec: Codec) -> Any:
    """Make the codec of the traces, None for the usual one."""
    if codec == "blosc":
        return None
    from wavpack_numcodecs import WavPack

    return WavPack(level=1)


@contextmanager
def _one_blosc_thread() -> Iterator[None]:
    """Make Blosc write the same bytes every time."""
    from numcodecs import blosc

    before = blosc.use_threads
    blosc.use_threads = False
    try:
        yield
    finally:
        blosc.use_threads = before


def _tidy(path: Path, old_attributes: bool, blank_names: bool) -> None:
    """Drop paths of the machine that compressed; rewrite probes as older versions did."""
    import zarr

    root = zarr.open(str(path), mode="r+")
    root.attrs["provenance"] = None
    if old_attributes and "probegroup" in root.attrs:
        _use_old_attributes(root, blank_names)
    zarr.consolidate_metadata(str(path))


def _use_old_attributes(root: Any, blank_names: bool) -> None:
    """Move probes to where SpikeInterface before 0.105 had them.

    The probe group was the attribute ``probe``, its wiring the property ``contact_vector``, and
    the probes' annotations were repeated among the recording's, as ``probes_info``.
    """
    import numpy as np
    from probeinterface import ProbeGroup

    attributes = root.attrs.asdict()
    group = ProbeGroup.from_dict(attributes.pop("probegroup"))
    attributes.pop("zarr_class_info", None)
    contacts = group.to_numpy(complete=True)
    contacts = contacts[np.argsort(contacts["device_channel_indices"])]
    if blank_names:
        for probe in group.probes:
            probe.annotations["name"] = ""
    attributes["probe"] = group.to_dict(array_as_list=True)
    notes = attributes.setdefault("annotations", {})
    notes.pop("saturation_threshold_uV", None)
    notes["probes_info"] = [probe["annotations"] for probe in attributes["probe"]["probes"]]
    root.attrs.put(attributes)
    location = np.stack([contacts["x"], contacts["y"]], axis=1)
    for key, values in {"contact_vector": contacts, "location": location}.items():
        root["properties"].create_dataset(name=key, data=values, compressor=None, overwrite=True)
