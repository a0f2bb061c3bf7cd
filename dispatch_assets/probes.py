"""Attach a probe to a recording that its reader left without one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from probeinterface import Probe, ProbeGroup
    from spikeinterface.core import BaseRecording


def attach_neuropixels_probe(recording: BaseRecording, settings: Path, stream: str) -> bool:
    """Attach the Neuropixels probe that an Open Ephys settings file describes.

    SpikeInterface 0.105 does this itself where the settings name the streams, not for folders of
    GUI 0.5, where probes are numbered.

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
    probe = read_openephys_neuropixels(settings, stream_name=source, raise_error=False)
    if probe is None or probe.get_contact_count() != recording.get_num_channels():
        return False
    attach_probe(recording, probe)
    return True


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
