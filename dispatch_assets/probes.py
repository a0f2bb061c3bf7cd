"""Attach a probe to a recording that its reader left without one, and read its names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dispatch_assets.errors import StreamError, count
from dispatch_assets.models import Reason

if TYPE_CHECKING:
    from probeinterface import Probe, ProbeGroup
    from spikeinterface.core import BaseRecording


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


def check_wiring(recording: BaseRecording, probe_file: Path) -> None:
    """Refuse a probe file that is wired to other channels than a stream has.

    Raises
    ------
    StreamError
        With reason ``no_probe``.
    Exception
        Whatever probeinterface raises if it cannot make sense of the file.
    """
    from probeinterface import read_probeinterface

    wired = read_probeinterface(probe_file).get_global_device_channel_indices()
    numbers = [int(i) for i in wired["device_channel_indices"] if i >= 0]
    n_channels = recording.get_num_channels()
    if len(numbers) != n_channels or max(numbers, default=0) >= n_channels:
        contacts = count(len(numbers), "contact is", "contacts are")
        what = f"{contacts} wired in it, but the stream has {count(n_channels, 'channel')}"
        remedy = (
            "Leave the stream out with keep_stream_substrings, or give it a probe file of its own: "
            "probe_paths may name one for each stream"
        )
        raise StreamError(what, probe_file, remedy, Reason.NO_PROBE)


def probe_names(recording: BaseRecording) -> list[str]:
    """Return the names of a recording's probes, best known name first."""
    if not recording.has_probe():
        return []
    names = []
    for probe in recording.get_probegroup().probes:
        kinds = (probe.name, probe.annotations.get("probe_name"), probe.model_name)
        names.append(next((str(n) for n in kinds if n), "unnamed probe"))
    return names
