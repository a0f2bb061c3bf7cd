"""The settings.xml of an Open Ephys session: its signal chains, probes and Record Nodes.

The elements are those that probeinterface reads of GUI 0.5, 0.6 and 1.0.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from xml.etree import ElementTree as ET

import numpy as np

from .neuropixels import AP_GAIN, KINDS, LF_GAIN, sites
from .openephys_streams import Probe, Stream

DROP_Y_SHIFT_VERSION = "0.6"
"""Before this GUI version, the y of sites on shank n was too high by n shank pitches."""


def settings_xml(streams: Sequence[Stream], record_nodes: Iterable[int], version: str) -> str:
    """Describe the signal chains: one processor per source, then the Record Nodes.

    Parameters
    ----------
    streams : sequence of Stream
        All streams of all Record Nodes.
    record_nodes : iterable of int
        Ids of the Record Nodes.
    version : str
        GUI version, such as ``0.6.7``: 0.5 names no streams; from 1.0 on, probes moved.

    Returns
    -------
    text : str
        The file's text.
    """
    root = ET.Element("SETTINGS")
    info = ET.SubElement(root, "INFO")
    ET.SubElement(info, "VERSION").text = version
    ET.SubElement(info, "DATE").text = "15 Jan 2024 10:00:00"
    ET.SubElement(info, "OS").text = "Windows 10"
    sources = dict.fromkeys((stream.processor, stream.node) for stream in streams)
    neural = [source for source in sources if source[0] != "NI-DAQmx"]
    for name, node in sorted(sources, key=neural.__contains__, reverse=True):
        own = [s for s in streams if (s.processor, s.node) == (name, node)]
        chain = ET.SubElement(root, "SIGNALCHAIN")
        source = _processor(chain, name, node, version, own)
        if any(stream.probe for stream in own):
            _add_probes(source, own, version)
        if (name, node) == next(iter(neural or sources)):
            for record_node in record_nodes:
                _record_node(chain, record_node, streams, version)
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n\n' + ET.tostring(root, encoding="unicode")


def _processor(
    chain: ET.Element, name: str, node: int, version: str, streams: Sequence[Stream]
) -> ET.Element:
    """Add a processor and, from GUI 0.6 on, its streams."""
    old = version.startswith("0.5")
    group = "Filters" if name == "Record Node" else "Sources"
    library = "" if name == "Record Node" else "0.4.1" if old else "0.7.0"
    attributes = {
        "name": f"{group}/{name}" if old else name,
        "pluginName": name,
        "libraryName": "Neuropix-PXI" if name == "OneBox" else name,
        "libraryVersion": library,
        "NodeId" if old else "nodeId": str(node),
    }
    processor = ET.SubElement(chain, "PROCESSOR", attributes)
    for stream in [] if old else streams:
        ET.SubElement(processor, "STREAM", _stream_attributes(stream))
    return processor


def _stream_attributes(stream: Stream) -> dict[str, str]:
    """Describe a stream as processors do, whatever part of it is saved."""
    probe = stream.probe
    n_channels = len(sites(probe.kind).electrode) + stream.sync if probe else stream.n_inputs
    about = {
        "name": stream.name,
        "description": "description",
        "sample_rate": str(stream.rate),
        "channel_count": str(n_channels),
    }
    return about | ({"device_name": KINDS[probe.kind].title} if probe else {})


def _add_probes(source: ET.Element, streams: Sequence[Stream], version: str) -> None:
    """Add one NP_PROBE per probe to the processor's editor."""
    editor = ET.SubElement(source, "EDITOR", {"displayName": source.attrib["pluginName"]})
    parent = editor
    if not version.startswith("0."):
        parent = ET.SubElement(editor, "CUSTOM_PARAMETERS")
    for index, probe in enumerate(dict.fromkeys(s.probe for s in streams if s.probe)):
        kind = KINDS[probe.kind]
        attributes = {
            "slot": "2",
            "port": str(index + 1),
            "dock": "1",
            "probe_serial_number": str(probe.serial),
            "probe_part_number": kind.part_number,
            "probe_name": kind.title,
            "custom_probe_name": str(probe.serial),
            "isEnabled": "1",
        }
        if kind.has_lf:
            attributes |= {"apGainValue": f"{AP_GAIN}x", "lfpGainValue": f"{LF_GAIN}x"}
        _add_sites(ET.SubElement(parent, "NP_PROBE", attributes), probe, version)


def _add_sites(element: ET.Element, probe: Probe, version: str) -> None:
    """Say which site each channel reads: its bank (and shank), and where it lies."""
    where = sites(probe.kind)
    x = where.x_in_shank_um + where.shank_pitch_um * where.shank
    y = where.xy_um[:, 1]
    if version < DROP_Y_SHIFT_VERSION:
        y = y + where.shank_pitch_um * where.shank
    banks = [f"0:{shank}" if where.n_shanks > 1 else "0" for shank in where.shank]
    columns = {"CHANNELS": banks, "ELECTRODE_XPOS": _texts(x), "ELECTRODE_YPOS": _texts(y)}
    for tag, values in columns.items():
        ET.SubElement(element, tag, {f"CH{i}": value for i, value in enumerate(values)})


def _texts(values: Iterable[float]) -> list[str]:
    """Write whole micrometres."""
    return [str(int(value)) for value in np.round(np.asarray(values))]


def _record_node(chain: ET.Element, node: int, streams: Sequence[Stream], version: str) -> None:
    """Add a Record Node; where it saves a part of a stream, its channel mask says which."""
    processor = _processor(chain, "Record Node", node, version, streams)
    if not any(stream.probe and stream.probe.saved for stream in streams):
        return
    parameters = ET.SubElement(processor, "CUSTOM_PARAMETERS", {"engine": "BINARY"})
    for stream in streams:
        about = _stream_attributes(stream) | {"source_node_id": str(stream.node)}
        state = "ALL"
        if stream.probe and stream.probe.saved is not None:
            n_channels = int(about["channel_count"])
            state = "".join("01"[i in stream.probe.saved] for i in range(n_channels))
        ET.SubElement(parameters, "STREAM", about | {"recording_state": state})
