"""Open Open Ephys streams one by one, where their recording folder cannot be opened as a whole.

neo opens all streams and all events of a recording folder or none, and SpikeInterface attaches a
probe or gives up. A ``continuous.dat`` is plain binary, so a stream that is sound can be opened
without its neighbours. Only its synchronised times stay behind: SpikeInterface cannot describe a
binary file with times from a ``.npy`` file in JSON. Who opened it says so in an annotation.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.errors import StreamError
from dispatch_assets.npy import open_npy
from dispatch_assets.open_ephys_folders import (
    RecordingFolder,
    Stream,
    first_damage,
)
from dispatch_assets.reading import reading

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

OPENED_ALONE = "opened_alone"
"""Annotation of a recording: for each segment why it was opened alone, None if it was not."""

_MICROVOLTS = {"V": 1e6, "Volt": 1e6, "Volts": 1e6, "mV": 1e3, "uV": 1.0}


def open_dat(stream: Stream, why: str) -> BaseRecording:
    """Open one stream's file as `read_openephys` would, but for the probe.

    Channel ids, gains, channels left out and the start time follow neo 0.14
    (``rawio/openephysbinaryrawio.py``) and SpikeInterface 0.105
    (``extractors/neoextractors/openephys.py``).

    Parameters
    ----------
    stream
        A stream whose own files are sound.
    why
        Why it is opened alone, as a clause.

    Returns
    -------
    BaseRecording
        One segment; with the synchronised times, if the stream has them, as long as it is in
        memory.

    Raises
    ------
    StreamError
        If the file or its description cannot be read.
    """
    from spikeinterface.core import read_binary

    with reading(stream.path):
        names = list(stream.channel_names)
        times = _times(stream)
        recording = read_binary(
            stream.path / "continuous.dat",
            sampling_frequency=stream.rate_hz,
            dtype="int16",
            num_channels=len(names),
            channel_ids=names,
            gain_to_uV=[_gain_uv(c) for c in stream.channels],
            offset_to_uV=[0.0] * len(names),
            t_starts=[_start_s(stream, times)],
        )
        neural = [n for n in names if _is_neural(n, stream)]
        if len(neural) < len(names):
            recording = recording.select_channels(neural)
        recording.annotate(experiment_name=f"experiment{stream.folder.experiment}")
        recording.annotate(**{OPENED_ALONE: [why]})
        if times is not None and len(times) == recording.get_num_samples():
            # as read_openephys does; what set_times gets would be copied into every job, whole
            recording.segments[0]._time_vector = times
    return recording


def _gain_uv(channel: dict[str, Any]) -> float:
    """Return microvolts per step; without a unit, ADC channels are in volts, others in uV."""
    units = channel["units"] or ("V" if "ADC" in channel["channel_name"] else "uV")
    return float(channel["bit_volts"]) * _MICROVOLTS.get(units, 1.0)


def _is_neural(channel: str, stream: Stream) -> bool:
    """Say whether neo would leave a channel in the stream; a OneBox has its ADCs elsewhere."""
    is_adc = "ADC" in channel and "OneBox" not in stream.name
    return "SYNC" not in channel and not is_adc


def _times(stream: Stream) -> np.ndarray[Any, np.dtype[Any]] | None:
    """Map the synchronised times, where the stream would have them if opened as a whole."""
    if stream.sync_times is None or stream.folder.node == "":
        return None
    file = open_npy(stream.sync_times)
    return np.memmap(file.path, file.dtype, mode="r", offset=file.offset, shape=file.shape)


def _start_s(stream: Stream, times: np.ndarray[Any, np.dtype[Any]] | None) -> float:
    """Return the first synchronised time, or else the time of the first sample number."""
    if times is not None and len(times) and math.isfinite(times[0]):
        return float(times[0])
    counter = stream.sample_numbers
    if counter is None or len(counter) == 0:
        return 0.0
    return float(counter.read(0, 1)[0]) / stream.rate_hz


def why_not_whole(folder: RecordingFolder, error: StreamError) -> str:
    """Return, as a clause, why SpikeInterface failed to open a recording folder with `error`.

    It names the file if it is a damaged one, of another stream or of the events.
    """
    from neo.rawio import OpenEphysBinaryRawIO

    try:
        with reading(folder.path):
            OpenEphysBinaryRawIO(str(folder.path)).parse_header()
    except StreamError as e:
        damage = first_damage(folder)
        if damage is None:
            return f"its recording folder {e.what}"
        place = f"{damage.where}: {damage.what}"
        return f"its recording folder cannot be read because of another file: {place}"
    return f"its recording folder {error.what}"  # all files are sound: it is the probe
