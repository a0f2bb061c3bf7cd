"""The Neuropixels probe of an Open Ephys stream, from the settings file of its experiment."""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from dispatch_assets.probes import attach_probe

if TYPE_CHECKING:
    from probeinterface import Probe
    from spikeinterface.core import BaseRecording

    Tree = ElementTree.ElementTree[ElementTree.Element]

_PROBE_TAGS = {"NP_PROBE", "NEUROPIXELSV1E", "NEUROPIXELSV1F", "NEUROPIXELSV2E"}


class Settings:
    """An Open Ephys settings file, parsed once; made anew for every look at a session.

    SpikeInterface and probeinterface parse the file again, for every stream that they open.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def tree(self) -> Tree:
        """Return a copy of what the file holds.

        Raises
        ------
        OSError, xml.etree.ElementTree.ParseError
            If it cannot be read.
        """
        return copy.deepcopy(self._tree)

    @functools.cached_property
    def _tree(self) -> Tree:
        return ElementTree.parse(self.path)  # noqa: S314 - probeinterface parses it likewise


def attach_neuropixels_probe(recording: BaseRecording, settings: Settings, stream: str) -> bool:
    """Attach the Neuropixels probe that an Open Ephys settings file describes.

    SpikeInterface 0.105 does this itself, but not for folders of GUI 0.5, where probes are
    numbered, nor rightly where `is_ambiguous`.

    Returns
    -------
    bool
        Whether the settings describe a probe that is certainly that of `stream`.

    Raises
    ------
    Exception
        Whatever probeinterface raises if it cannot make sense of the settings.
    """
    from probeinterface import read_openephys_neuropixels
    from spikeinterface.extractors.neuropixels_utils import compute_saturation_threshold_from_probe

    source = stream.rpartition("#")[2]
    if "Neuropix" not in source and "OneBox" not in source and "ONIX" not in source.upper():
        return False
    if not settings.path.is_file():
        return False
    tree = settings.tree()
    if _own_device(tree, source) is None:
        return False
    with _only_its_own(tree, stream, settings.path) as file:
        probe = read_openephys_neuropixels(file, stream_name=source, raise_error=False)
    if probe is None or not _is_called(probe, source):
        return False
    if probe.get_contact_count() != recording.get_num_channels():
        return False
    attach_probe(recording, probe)
    threshold_uv = compute_saturation_threshold_from_probe(probe, source)
    if threshold_uv is not None:
        recording.annotate(saturation_threshold_uV=threshold_uv)
    return True


def _is_called(probe: Probe, source: str) -> bool:
    """Say whether a probe that was found by a part of a stream's name is the one it names."""
    return _without_band(source).endswith((probe.name, str(probe.serial_number)))


def is_ambiguous(settings: Settings, stream: str) -> bool:
    """Return whether SpikeInterface may take another probe, or other channels, for a stream's own.

    probeinterface 0.4 (``neuropixels_tools.py``) looks for probes by parts of names and takes the
    first it finds (Probe10 is taken for Probe1), in the last device there is, and applies what the
    first Record Node saves and the last Channel Map sorts to all of them.
    """
    return settings.path.is_file() and _isolate(settings.tree(), stream)


@contextmanager
def _only_its_own(tree: Tree, stream: str, settings: Path) -> Iterator[Path]:
    """Yield settings in which nothing is left that could be mistaken for the stream's own probe."""
    changed = _isolate(tree, stream)
    if not _silence(tree, stream.rpartition("#")[2]) and not changed:
        yield settings
        return
    with TemporaryDirectory() as folder:
        copy = Path(folder, settings.name)
        tree.write(copy)
        yield copy


def _isolate(tree: Tree, stream: str) -> bool:
    """Take out other devices and Record Nodes, rename other probes; say whether there were any."""
    node, _, source = stream.rpartition("#")
    device = _own_device(tree, source)
    others = [d for d in _devices(tree) if d is not device]
    others += _other_nodes(tree, node)
    for chain in tree.iter("SIGNALCHAIN"):
        for other in others:
            if other in list(chain):
                chain.remove(other)
    namesakes = _namesakes(tree, source)
    if others and device is not None:
        namesakes += _saved_from_others(tree, _node_id(device))
    for element, key in namesakes:
        element.set(key, f"{element.get(key)} (another probe)")
    return bool(others or namesakes)


def _silence(tree: Tree, source: str) -> bool:
    """Give other probes a selection of electrodes, so that nothing odd about them is looked at.

    probeinterface works out the electrodes of all probes, unless they are listed, to pick one then;
    it names the nth probe like the nth stream, or by its own name.
    """
    own, device = _without_band(source.partition(".")[2]), _own_device(tree, source)
    if device is None:
        return False
    streams = (s.get("name", "") for s in device.iterfind("STREAM"))
    names = list(dict.fromkeys(_without_band(s) for s in streams if "ADC" not in s))
    probes = [p for p in device.iter("NP_PROBE") if p.get("isEnabled", "1") == "1"]
    called = ((p, _own_name(p) or name) for p, name in zip(probes, names, strict=False))
    mine = [p for p, name in called if name == own]
    others = [p for p in probes if p not in mine] if len(mine) == 1 else []
    for probe in others:
        ElementTree.SubElement(probe, "SELECTED_ELECTRODES", {"E0": "0"})
    return bool(others)


def _devices(tree: Tree) -> list[ElementTree.Element]:
    """Return the processors that describe Neuropixels probes."""
    found = tree.iterfind("SIGNALCHAIN/PROCESSOR")
    return [p for p in found if any(e.tag in _PROBE_TAGS for e in p.iter())]


def _own_device(tree: Tree, source: str) -> ElementTree.Element | None:
    """Return the device that a stream comes from; None if that is not certain.

    Streams are called by it: ``Neuropix-PXI-100.ProbeA-AP`` comes from node 100.
    """
    devices, name = _devices(tree), source.partition(".")[0]
    if len(devices) > 1:
        devices = [d for d in devices if f"{_name(d)}-{_node_id(d)}" == name]
    return devices[0] if len(devices) == 1 else None


def _name(processor: ElementTree.Element) -> str:
    return processor.get("name", "").rpartition("/")[2]  # GUI 0.5: "Sources/Neuropix-PXI"


def _node_id(processor: ElementTree.Element) -> str:
    return processor.get("nodeId", processor.get("NodeId", ""))  # GUI 0.5 has a capital


def _other_nodes(tree: Tree, node: str) -> list[ElementTree.Element]:
    """Return the Record Nodes other than `node` (``Record Node 101``), where it matters."""
    processors = list(tree.iterfind("SIGNALCHAIN/PROCESSOR"))
    nodes = [p for p in processors if "Record Node" in _name(p)]
    states = {e.get("recording_state", "ALL") for n in nodes for e in n.iter("STREAM")}
    is_mapped = any("Channel Map" in _name(p) for p in processors)
    if states <= {"ALL", "NONE"} and not is_mapped:
        return []
    own = [n for n in nodes if f"Record Node {_node_id(n)}" == node]
    return [n for n in nodes if n is not own[0]] if len(own) == 1 else []


def _saved_from_others(tree: Tree, device: str) -> list[tuple[ElementTree.Element, str]]:
    """Return what Record Nodes say of streams of other devices, which may have the same names."""
    streams = tree.iterfind("SIGNALCHAIN/PROCESSOR/CUSTOM_PARAMETERS/STREAM")
    return [(e, "name") for e in streams if e.get("source_node_id", device) != device]


def _namesakes(tree: Tree, source: str) -> list[tuple[ElementTree.Element, str]]:
    """Return elements of other probes that are named like a part of `source`, and by which key."""
    own = _without_band(source.partition(".")[2])
    named = [(e, "name", e.get("name", "")) for e in tree.iter("STREAM")]
    named += [(e, "custom_probe_name", _own_name(e)) for e in tree.iter("NP_PROBE")]
    parts = [(e, key, _without_band(name)) for e, key, name in named]
    return [(e, key) for e, key, name in parts if name and name != own and name in source]


def _own_name(probe: ElementTree.Element) -> str:
    """Return the name that a person gave a probe, or nothing: it is its serial number then.

    The shanks of a quad-base probe share a name, which gets a number as the streams' names do.
    """
    name = probe.get("custom_probe_name", "")
    shank = f"-{int(probe.get('shank', '-1')) + 1}"
    if name in ("", probe.get("probe_serial_number"), probe.get("probeSerialNumber")):
        return ""
    return name if probe.get("shank") is None or shank in name else name + shank


def _without_band(name: str) -> str:
    return name.removesuffix("-AP").removesuffix("-LFP")
