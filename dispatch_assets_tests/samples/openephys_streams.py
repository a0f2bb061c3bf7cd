"""Open Ephys streams: what a Record Node saves, and how structure.oebin describes it.

The fields are those that neo's OpenEphysBinaryRawIO reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .neuropixels import KINDS, sites

BIT_VOLTS = {"AP": 0.195, "LFP": 0.195, "CH": 0.195, "AI": 0.00030518, "ADC": 0.00015259}
CHANNEL_TEXT = {"AI": "analog input of the NI device", "ADC": "analog input of the OneBox"}


@dataclass(frozen=True)
class Probe:
    """A Neuropixels probe in a Neuropix-PXI or OneBox processor.

    `kind` is a key of `neuropixels.KINDS`; `saved` are the readout channels that the Record Node
    saves, all when None.
    """

    name: str = "ProbeA"
    kind: str = "NP1"
    serial: int = 22400000001
    saved: tuple[int, ...] | None = None

    @property
    def channels(self) -> tuple[int, ...]:
        """Readout channels on disk."""
        return tuple(range(len(sites(self.kind).electrode))) if self.saved is None else self.saved


@dataclass(frozen=True)
class Stream:
    """One continuous stream: what the Record Node saves to one folder.

    `band` is ``AP``, ``LFP`` or ``CH`` (Neuropixels), ``AI`` (NI-DAQ) or ``ADC`` (OneBox);
    `rate` is in Hz.
    """

    processor: str
    node: int
    name: str
    rate: float
    band: str
    n_inputs: int = 8
    probe: Probe | None = None
    sync: bool = False

    @property
    def folder(self) -> str:
        """Name of the stream's folders on disk, and of the stream in Neo."""
        return f"{self.processor}-{self.node}.{self.name}"

    @property
    def channel_names(self) -> list[str]:
        """Names of all channels in the data file, the sync channel last."""
        if self.probe is None:
            return [f"{self.band}{i}" for i in range(self.n_inputs)]
        names = [f"{self.band}{channel + 1}" for channel in self.probe.channels]
        return [*names, f"{self.band}_SYNC"] if self.sync else names


def probe_streams(
    probe: Probe,
    *,
    node: int = 100,
    sync: bool = False,
    processor: str = "Neuropix-PXI",
    bands: Sequence[str] | None = None,
) -> list[Stream]:
    """List the streams of a probe: AP and LFP of a 1.0 probe, one stream of a 2.0 probe.

    Parameters
    ----------
    probe : Probe
        The probe.
    node : int
        Id of the processor.
    sync : bool
        Whether the sync line is saved as one more channel.
    processor : {"Neuropix-PXI", "OneBox"}
        What the probe is plugged into.
    bands : sequence of str, optional
        ``("AP", "LFP")`` or ``("CH",)``, to have other bands than the probe's kind suggests.
    """
    if bands is None:
        bands = ("AP", "LFP") if KINDS[probe.kind].has_lf else ("CH",)
    streams = []
    for band in bands:
        name = probe.name if band == "CH" else f"{probe.name}-{band}"
        rate = 2500.0 if band == "LFP" else 30000.0
        streams.append(Stream(processor, node, name, rate, band, 0, probe, sync))
    return streams


def ni_stream(*, node: int = 112, n_inputs: int = 8, rate: float = 5000.0) -> Stream:
    """Make the stream of an NI-DAQmx device's analog inputs.

    Parameters
    ----------
    node : int
        Id of the processor.
    n_inputs : int
        Number of analog inputs.
    rate : float
        Sampling rate, Hz.
    """
    return Stream("NI-DAQmx", node, "PXIe-6341", rate, "AI", n_inputs)


def onebox_adc_stream(*, node: int = 100) -> Stream:
    """Make the stream of a OneBox's twelve own inputs.

    Parameters
    ----------
    node : int
        Id of the OneBox processor, the same as its probes'.
    """
    return Stream("OneBox", node, "OneBox-ADC", 30300.5, "ADC", 12)


def oebin_continuous(stream: Stream, record_node: int) -> dict[str, Any]:
    """Describe a continuous stream as structure.oebin does.

    Parameters
    ----------
    stream : Stream
        The stream.
    record_node : int
        Id of the Record Node that saves it.
    """
    channels = []
    for index, name in enumerate(stream.channel_names):
        is_sync = name.endswith("_SYNC")
        text = "sync line of the probe" if is_sync else "site of a Neuropixels probe"
        channel: dict[str, Any] = {
            "channel_name": name,
            "description": CHANNEL_TEXT.get(stream.band, text),
            "identifier": "",
            "history": f"{stream.processor} -> Record Node",
            "bit_volts": 1.0 if is_sync else BIT_VOLTS[stream.band],
            "units": "",
        }
        if stream.probe is not None and not is_sync:
            channel["channel_metadata"] = [_electrode_index(stream.probe, index)]
        channels.append(channel)
    return {
        "folder_name": f"{stream.folder}/",
        "sample_rate": stream.rate,
        "source_processor_name": stream.processor,
        "source_processor_id": stream.node,
        "stream_name": stream.name,
        "recorded_processor": "Record Node",
        "recorded_processor_id": record_node,
        "num_channels": len(channels),
        "channels": channels,
    }


def _electrode_index(probe: Probe, index: int) -> dict[str, Any]:
    """Give the number of a saved channel's site among all sites of the probe."""
    where, channel = sites(probe.kind), probe.channels[index]
    number = int(where.shank[channel] * where.electrodes_per_shank + where.electrode[channel])
    return {
        "name": "electrode_index",
        "description": "number of the site on the probe",
        "identifier": "neuropixels.electrode_index",
        "type": "uint16",
        "length": 1,
        "value": [number],
    }
