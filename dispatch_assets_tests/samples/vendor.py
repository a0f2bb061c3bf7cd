"""Recordings that SpikeInterface reads through a named reader: Intan, Neuroscope, raw binary.

The fields are those that neo's IntanRawIO (traditional format, version 2.0) and NeuroScopeRawIO
read.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np

from .payload import Content, noise, write_int16

INTAN_BLOCK = 128
AMPLIFIER, AUXILIARY, SUPPLY, ANALOG_IN, DIGITAL_IN = range(5)


def linear_probe(n_channels: int, n_shanks: int = 1) -> Any:
    """Make a probe with one column of contacts, 20 um apart, on each shank.

    Parameters
    ----------
    n_channels : int
        Number of contacts, wired in order.
    n_shanks : int
        Number of shanks, 250 um apart; shanks are named only where there are several.

    Returns
    -------
    probe : probeinterface.Probe
    """
    from probeinterface import Probe

    per_shank = n_channels // n_shanks
    shank, contact = np.divmod(np.arange(n_channels), per_shank)
    probe = Probe(ndim=2, si_units="um", name="linear", manufacturer="example")
    probe.set_contacts(
        positions=np.stack([250.0 * shank, 20.0 * contact], axis=1),
        shapes="circle",
        shape_params={"radius": 6},
        shank_ids=shank.astype(str) if n_shanks > 1 else None,
    )
    probe.set_contact_ids([f"c{i}" for i in range(n_channels)])
    probe.set_device_channel_indices(np.arange(n_channels))
    return probe


def write_raw(
    folder: Path,
    *,
    seconds: tuple[float, ...] = (1.0,),
    n_channels: int = 32,
    n_shanks: int = 1,
    rate: float = 30000.0,
    content: Content = "noise",
    seed: int = 0,
) -> dict[str, Any]:
    """Write raw int16 files and a probeinterface JSON beside them.

    Parameters
    ----------
    folder : Path
        Gets ``recording0.dat``, ... and ``probe.json``.
    seconds : tuple of float
        Length of each file.
    n_channels, n_shanks : int
        Size of the probe.
    rate : float
        Sampling rate, Hz.
    content : {"noise", "zeros"}
        What the samples are.
    seed : int
        Seed of the noise.

    Returns
    -------
    keywords : dict
        What `spikeinterface.core.read_binary` needs to be told; paths are relative to `folder`.
    """
    from probeinterface import write_probeinterface

    names = [f"recording{i}.dat" for i in range(len(seconds))]
    for i, name in enumerate(names):
        write_int16(folder / name, round(seconds[i] * rate), n_channels, content, seed + i)
    write_probeinterface(folder / "probe.json", linear_probe(n_channels, n_shanks))
    return {
        "file_paths": names,
        "sampling_frequency": rate,
        "dtype": "int16",
        "num_channels": n_channels,
        "gain_to_uV": 0.195,
        "offset_to_uV": 0.0,
    }


def write_neuroscope(
    folder: Path,
    name: str = "recording",
    *,
    seconds: float = 1.0,
    n_channels: int = 32,
    rate: int = 20000,
    content: Content = "noise",
    seed: int = 0,
) -> Path:
    """Write a .dat and the .xml that describes it.

    Parameters
    ----------
    folder, name : Path, str
        Where, and the name of both files without extension.
    seconds : float
        Length.
    n_channels : int
        Number of channels, all in one group.
    rate : int
        Sampling rate, Hz.
    content : {"noise", "zeros"}
        What the samples are.
    seed : int
        Seed of the noise.

    Returns
    -------
    path : Path
        The .xml file.
    """
    root = ET.Element("parameters", {"version": "1.0", "creator": "neuroscope-2.0.0"})
    acquisition = {
        "nBits": 16,
        "nChannels": n_channels,
        "samplingRate": rate,
        "voltageRange": 20,
        "amplification": 1000,
        "offset": 0,
    }
    system = ET.SubElement(root, "acquisitionSystem")
    for key, value in acquisition.items():
        ET.SubElement(system, key).text = str(value)
    ET.SubElement(ET.SubElement(root, "fieldPotentials"), "lfpSamplingRate").text = "1250"
    for section in ("anatomicalDescription", "spikeDetection"):
        groups = ET.SubElement(ET.SubElement(root, section), "channelGroups")
        group = ET.SubElement(groups, "group")
        if section == "spikeDetection":
            group = ET.SubElement(group, "channels")
        for channel in range(n_channels):
            ET.SubElement(group, "channel", {"skip": "0"}).text = str(channel)
    ET.indent(root)
    write_int16(folder / f"{name}.dat", round(seconds * rate), n_channels, content, seed)
    path = folder / f"{name}.xml"
    path.write_text(ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n")
    return path


def write_intan(
    path: Path,
    *,
    seconds: float = 1.0,
    n_amplifiers: int = 32,
    rate: float = 30000.0,
    seed: int = 0,
) -> Path:
    """Write a traditional .rhd file: amplifier, auxiliary, supply, analog and digital streams.

    Parameters
    ----------
    path : Path
        File to write; Intan's software calls it ``<name>_<yymmdd>_<hhmmss>.rhd``.
    seconds : float
        Length, rounded down to whole blocks of 128 samples.
    n_amplifiers : int
        Number of amplifier channels; there are three auxiliary and two analog inputs.
    rate : float
        Sampling rate, Hz, of amplifiers and analog inputs.
    seed : int
        Seed of the noise.
    """
    n_blocks = int(seconds * rate) // INTAN_BLOCK
    layout = [
        ("time", "<i4", (INTAN_BLOCK,)),
        ("amplifiers", "<u2", (n_amplifiers, INTAN_BLOCK)),
        ("auxiliary", "<u2", (3, INTAN_BLOCK // 4)),
        ("supply", "<u2", (1,)),
        ("analog", "<u2", (2, INTAN_BLOCK)),
        ("digital", "<u2", (INTAN_BLOCK,)),
    ]
    blocks = np.zeros(n_blocks, dtype=layout)
    n_samples = n_blocks * INTAN_BLOCK
    traces = noise(n_samples, n_amplifiers, seed, amplitude=60.0).astype(np.int32) + 2**15
    blocks["time"] = np.arange(n_samples).reshape(n_blocks, INTAN_BLOCK)
    by_block = traces.reshape(n_blocks, INTAN_BLOCK, n_amplifiers)
    blocks["amplifiers"] = by_block.transpose(0, 2, 1)
    blocks["analog"] = 2**15
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(_intan_header(n_amplifiers, rate) + blocks.tobytes())
    return path


def _intan_header(n_amplifiers: int, rate: float) -> bytes:
    """Describe the session, then every channel, group by group."""
    port = [_intan_channel(f"A-{i:03d}", i, AMPLIFIER) for i in range(n_amplifiers)]
    port += [_intan_channel(f"A-AUX{i + 1}", n_amplifiers + i, AUXILIARY) for i in range(3)]
    port += [_intan_channel("A-VDD1", n_amplifiers + 3, SUPPLY)]
    analog = [_intan_channel(f"ANALOG-IN-{i}", i, ANALOG_IN) for i in range(2)]
    digital = [_intan_channel("DIGITAL-IN-0", 0, DIGITAL_IN)]
    groups = [
        ("Port A", "A", n_amplifiers, port),
        ("Analog In Ports", "ANALOG-IN", 0, analog),
        ("Digital In Ports", "DIGITAL-IN", 0, digital),
    ]
    header = struct.pack("<Ihhf", 0xC6912702, 2, 0, rate)
    header += struct.pack("<h6f", 1, 0.1, 0.1, 7500.0, 0.1, 0.1, 7500.0)
    header += struct.pack("<h2f", 0, 1000.0, 1000.0)
    header += b"".join(_qstring(note) for note in ("", "", ""))
    header += struct.pack("<2h", 0, 0) + _qstring("")
    header += struct.pack("<h", len(groups))
    for name, prefix, amplifiers, channels in groups:
        header += _qstring(name) + _qstring(prefix)
        header += struct.pack("<3h", 1, len(channels), amplifiers) + b"".join(channels)
    return header


def _intan_channel(name: str, order: int, signal: int) -> bytes:
    """Describe one enabled channel."""
    numbers = struct.pack("<6h", order, order, signal, 1, order, 0)
    return _qstring(name) * 2 + numbers + struct.pack("<4h2f", 0, 0, 0, 0, 0.0, 0.0)


def _qstring(text: str) -> bytes:
    """Encode text as Qt does."""
    encoded = text.encode("utf-16-le")
    return struct.pack("<I", len(encoded)) + encoded
