"""Open Ephys binary sessions, as GUI 0.5, 0.6 and 1.0 write them.

The folders and files are those that neo's OpenEphysBinaryRawIO reads; GUI 0.5 saves sample numbers
as timestamps.npy where later versions save seconds.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .openephys_settings import settings_xml
from .openephys_streams import (
    Probe,
    Stream,
    ni_stream,
    oebin_continuous,
    onebox_adc_stream,
    probe_streams,
)
from .payload import Content, FloatArray, stable_seed, sync_times, write_int16

__all__ = [
    "Faults",
    "Probe",
    "Stream",
    "ni_stream",
    "np1_streams",
    "onebox_adc_stream",
    "probe_streams",
    "write_session",
]

FIRST_RECORDING_S, BETWEEN_EXPERIMENTS_S, BETWEEN_RECORDINGS_S = 21.5, 600.0, 100.0
EditTimes = Callable[[Stream, FloatArray], FloatArray]
SampleNumbers = NDArray[np.int64]


@dataclass(frozen=True)
class Faults:
    """What is wrong with a session; streams are given by their names, such as ``ProbeA-AP``.

    Collections also take a stream of one recording alone, ``experiment1/recording2/ProbeA-AP``.

    `edit_times` gets every stream and its synchronised times (s) and returns those to save;
    `empty` streams have no samples; `not_on_disk` streams are in structure.oebin alone;
    `n_times` says how many times and sample numbers a stream has, whatever its samples;
    `lost_samples` says how many sample numbers are missing in the middle, where times are
    unbroken; `dat_samples` says how many samples are really in continuous.dat; `unsynced`
    streams have no file of synchronised times.
    """

    edit_times: EditTimes | None = None
    empty: Collection[str] = ()
    not_on_disk: Collection[str] = ()
    unsynced: Collection[str] = ()
    n_times: Mapping[str, int] = field(default_factory=dict)
    lost_samples: Mapping[str, int] = field(default_factory=dict)
    dat_samples: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class _Recording:
    """Where and how one recording is written."""

    folder: Path
    record_node: int
    t0_s: float
    seconds: float
    version: str
    content: Content
    seed: int
    faults: Faults

    @property
    def is_old(self) -> bool:
        return self.version.startswith("0.5")

    def is_among(self, names: Collection[str], stream: Stream) -> bool:
        """Whether a stream is named, in all recordings or in this one."""
        here = "/".join((*self.folder.parts[-2:], stream.name))
        return stream.name in names or here in names


def np1_streams(
    name: str = "ProbeA", *, node: int = 100, sync: bool = False, ni: bool = True
) -> list[Stream]:
    """List the streams of the most common rig: one 1.0 probe (AP and LFP) and an NI-DAQ.

    Parameters
    ----------
    name : str
        Name of the probe.
    node : int
        Id of the Neuropix-PXI processor.
    sync : bool
        Whether the sync line is saved as a channel of AP and LFP.
    ni : bool
        Whether there is an NI-DAQ.
    """
    streams = probe_streams(Probe(name), node=node, sync=sync)
    return [*streams, ni_stream()] if ni else streams


def write_session(
    session: Path,
    nodes: Mapping[str, Sequence[Stream]] | Sequence[Stream],
    *,
    experiments: Mapping[int, Sequence[int]] | None = None,
    seconds: float = 1.0,
    content: Content = "noise",
    version: str = "0.6.7",
    settings: bool = True,
    faults: Faults | None = None,
    seed: int = 0,
) -> Path:
    """Write a session folder with its Record Nodes.

    Parameters
    ----------
    session : Path
        The folder, by convention called by its date and time.
    nodes : mapping of str to streams, or streams
        Record Node (``Record Node 101``) to the streams it saves; streams alone go to that one.
    experiments : mapping of int to sequence of int, optional
        Experiment number to its recording numbers, ``{1: (1,)}`` by default; numbers may have
        gaps. Experiment N > 1 has its own settings_N.xml.
    seconds : float
        Length of every recording.
    content : {"noise", "zeros"}
        What neural samples are; others are zeros.
    version : str
        GUI version: one that begins with 0.5, 0.6 or 1.
    settings : bool
        Whether settings.xml is there.
    faults : Faults, optional
        What is wrong with the session.
    seed : int
        Seed of the noise.

    Returns
    -------
    session : Path
        The folder that was written.
    """
    by_node = nodes if isinstance(nodes, Mapping) else {"Record Node 101": nodes}
    every_stream = list(dict.fromkeys(s for streams in by_node.values() for s in streams))
    ids = {name: int(name.split()[-1]) for name in by_node}
    for node, streams in by_node.items():
        for index, (experiment, recordings) in enumerate((experiments or {1: (1,)}).items()):
            path = session / node / f"experiment{experiment}"
            path.mkdir(parents=True)
            if settings:
                file = "settings.xml" if experiment == 1 else f"settings_{experiment}.xml"
                text = settings_xml(every_stream, ids.values(), version)
                (session / node / file).write_text(text)
            t0 = FIRST_RECORDING_S + index * BETWEEN_EXPERIMENTS_S
            base = _Recording(
                path, ids[node], t0, seconds, version, content, seed, faults or Faults()
            )
            for number, recording in enumerate(recordings):
                folder = path / f"recording{recording}"
                t0_s = t0 + number * BETWEEN_RECORDINGS_S
                _write_recording(replace(base, folder=folder, t0_s=t0_s), streams)
    return session


def _write_recording(recording: _Recording, streams: Sequence[Stream]) -> None:
    """Write all streams of a recording, its events and its description."""
    events = [_write_messages(recording, streams[0])]
    starts = []
    for stream in streams:
        if not recording.is_among(recording.faults.not_on_disk, stream):
            _write_stream(recording, stream)
            events.append(_write_ttl(recording, stream))
        first = round(recording.t0_s * stream.rate)
        source = f"{stream.processor} ({stream.node}) - {stream.name}"
        starts.append(f"Start Time for {source} @ {stream.rate:g} Hz: {first}")
    oebin = {
        "GUI version": recording.version,
        "continuous": [oebin_continuous(s, recording.record_node) for s in streams],
        "events": events,
        "spikes": [],
    }
    (recording.folder / "structure.oebin").write_text(json.dumps(oebin, indent=4))
    head = "Software Time (milliseconds since midnight Jan 1st 1970 UTC): 1705312800000"
    (recording.folder / "sync_messages.txt").write_text("\n".join([head, *starts]) + "\n")


def _write_stream(recording: _Recording, stream: Stream) -> None:
    """Write a stream's samples, sample numbers and synchronised times."""
    faults = recording.faults
    folder = recording.folder / "continuous" / stream.folder
    n = 0 if recording.is_among(faults.empty, stream) else round(recording.seconds * stream.rate)
    label = (stream.folder, *recording.folder.parts[-2:])
    write_int16(
        folder / "continuous.dat",
        faults.dat_samples.get(stream.name, n),
        len(stream.channel_names),
        recording.content if stream.probe else "zeros",
        stable_seed(recording.seed, *label),
    )
    n = faults.n_times.get(stream.name, n)
    numbers: SampleNumbers = round(recording.t0_s * stream.rate) + np.arange(n, dtype=np.int64)
    numbers[n // 2 :] += faults.lost_samples.get(stream.name, 0)
    times = sync_times(n, stream.rate, recording.t0_s)
    if faults.edit_times is not None and n:
        times = faults.edit_times(stream, times)
    np.save(folder / ("timestamps.npy" if recording.is_old else "sample_numbers.npy"), numbers)
    if not recording.is_among(faults.unsynced, stream):
        name = "synchronized_timestamps.npy" if recording.is_old else "timestamps.npy"
        np.save(folder / name, times)


def _write_ttl(recording: _Recording, stream: Stream) -> dict[str, Any]:
    """Write the edges of a 1 Hz square wave on line 1; return their entry in structure.oebin."""
    edges = np.arange(0.1, recording.seconds, 0.5)
    numbers = np.round((recording.t0_s + edges) * stream.rate).astype(np.int64)
    states = np.where(np.arange(len(edges)) % 2 == 0, 1, -1).astype(np.int16)
    line = "TTL_1" if recording.is_old else "TTL"
    folder = recording.folder / "events" / stream.folder / line
    folder.mkdir(parents=True)
    if recording.is_old:
        np.save(folder / "timestamps.npy", numbers)
        np.save(folder / "channel_states.npy", states)
        np.save(folder / "channels.npy", np.ones(len(edges), np.uint16))
        np.save(folder / "full_words.npy", (states > 0).astype(np.uint8)[:, None])
    else:
        np.save(folder / "timestamps.npy", recording.t0_s + edges)
        np.save(folder / "sample_numbers.npy", numbers)
        np.save(folder / "states.npy", states)
        np.save(folder / "full_words.npy", (states > 0).astype(np.uint64))
    about = {"channel_name": f"{stream.name} TTL Input", "type": "int16", "initial_state": 0}
    return about | _event(stream, f"{stream.folder}/{line}/", "ttl.events", stream.processor)


def _write_messages(recording: _Recording, stream: Stream) -> dict[str, Any]:
    """Write an empty message log; return its entry in structure.oebin."""
    name = "Message_Center-904.0/TEXT_group_1" if recording.is_old else "MessageCenter"
    folder = recording.folder / "events" / name
    folder.mkdir(parents=True)
    np.save(folder / "text.npy", np.array([], dtype="S1"))
    np.save(folder / "timestamps.npy", np.array([], dtype=np.float64))
    if recording.is_old:
        np.save(folder / "channels.npy", np.array([], dtype=np.uint16))
    else:
        np.save(folder / "sample_numbers.npy", np.array([], dtype=np.int64))
    about = {"channel_name": "Messages", "type": "string"}
    return about | _event(stream, f"{name}/", "messagecenter.events", "Message Center")


def _event(stream: Stream, folder: str, identifier: str, processor: str) -> dict[str, Any]:
    """Describe an event channel as structure.oebin does."""
    return {
        "folder_name": folder,
        "description": processor,
        "identifier": identifier,
        "sample_rate": stream.rate,
        "source_processor": processor,
        "stream_name": stream.name,
    }
