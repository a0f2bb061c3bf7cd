"""Attach a probe to a recording that its reader left without one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from probeinterface import Probe, ProbeGroup
    from spikeinterface.core import BaseRecording

    Tree = ElementTree.ElementTree[ElementTree.Element]


def attach_neuropixels_probe(recording: BaseRecording, settings: Path, stream: str) -> bool:
    """Attach the Neuropixels probe that an Open Ephys settings file describes.

    SpikeInterface 0.105 does this itself, but not for folders of GUI 0.5, where probes are
    numbered, nor rightly where `is_ambiguous`.

    Returns
    -------
    bool
        Whether the settings describe a probe for `stream`.
    """
    from probeinterface import has_neuropixels_probes, read_openephys_neuropixels

    source = stream.rpartition("#")[2]
    if "Neuropix" not in source and "OneBox" not in source and "ONIX" not in source.upper():
        return False
    if not settings.is_file() or not has_neuropixels_probes(settings):
        return False
    with _without_namesakes(settings, source) as file:
        probe = read_openephys_neuropixels(file, stream_name=source, raise_error=False)
    if probe is None or probe.get_contact_count() != recording.get_num_channels():
        return False
    attach_probe(recording, probe)
    return True


def is_ambiguous(settings: Path, stream: str) -> bool:
    """Return whether a stream's name contains the name of another probe (Probe10 and Probe1).

    probeinterface looks for probes by parts of names and takes the first it finds.
    """
    if not settings.is_file():
        return False
    return bool(_namesakes(_tree(settings), stream.rpartition("#")[2]))


def _tree(settings: Path) -> Tree:
    return ElementTree.parse(settings)  # noqa: S314 - probeinterface parses the file likewise


def _namesakes(tree: Tree, source: str) -> list[tuple[ElementTree.Element, str]]:
    """Return elements of other probes that are named like a part of `source`, and by which key."""
    own = _without_band(source.partition(".")[2])
    named = [(e, "name") for e in tree.iter("STREAM")]
    named += [(e, "custom_probe_name") for e in tree.iter("NP_PROBE")]
    found = [(e, key) for e, key in named if _without_band(e.get(key, "")) != own]
    return [(e, key) for e, key in found if _without_band(e.get(key) or source + "?") in source]


def _without_band(name: str) -> str:
    return name.removesuffix("-AP").removesuffix("-LFP")


@contextmanager
def _without_namesakes(settings: Path, source: str) -> Iterator[Path]:
    """Yield settings in which only the stream's own probe is found by its name."""
    tree = _tree(settings)
    namesakes = _namesakes(tree, source)
    if not namesakes:
        yield settings
        return
    for element, key in namesakes:
        element.set(key, f"{element.get(key)} (another probe)")
    with TemporaryDirectory() as folder:
        copy = Path(folder, settings.name)
        tree.write(copy)
        yield copy


def attach_probe(recording: BaseRecording, probe: Probe) -> None:
    """Attach `probe`, its shanks as channel groups and its sample shifts, in place."""
    from spikeinterface.extractors.neuropixels_utils import (
        get_neuropixels_sample_shifts_from_probe,
    )

    recording.set_probe(probe, group_mode="by_shank" if probe.shank_ids is not None else "by_probe")
    shifts = get_neuropixels_sample_shifts_from_probe(probe)
    if shifts is not None:
        recording.set_property("inter_sample_shift", shifts)


def attach_probe_file(recording: BaseRecording, path: Path) -> None:
    """Attach the probes of a probeinterface JSON file, one channel group per probe or shank."""
    from probeinterface import read_probeinterface

    group: ProbeGroup = read_probeinterface(path)
    by_shank = any(p.shank_ids is not None for p in group.probes)
    recording.set_probegroup(group, group_mode="by_shank" if by_shank else "by_probe")


def probe_names(recording: BaseRecording) -> list[str]:
    """Return the names of a recording's probes, best known name first."""
    if not recording.has_probe():
        return []
    names = []
    for probe in recording.get_probegroup().probes:
        kinds = (probe.name, probe.annotations.get("probe_name"), probe.model_name)
        names.append(next((str(n) for n in kinds if n), "unnamed probe"))
    return names
