"""The probes of an NWB file: devices and electrode groups, from HDF5 or Zarr.

SpikeInterface makes one unnamed probe of every electrode group. A physiologist's probe is the
device, and its electrode groups are shanks. The groups are read here straight from the file: pynwb
would unpickle the object references of Zarr files, and nothing is ever unpickled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets import zarr_store

if TYPE_CHECKING:
    import h5py
    from numpy.typing import NDArray
    from probeinterface import Probe
    from spikeinterface.core import BaseRecording

GROUPS = "general/extracellular_ephys"
_CONTACT_RADIUS_UM = 5.0  # NWB does not store contact sizes; upstream's choice


@dataclass(frozen=True)
class ElectrodeGroup:
    """One electrode group and its device."""

    device: str
    manufacturer: str = ""
    description: str = ""
    location: str = ""


class ElectrodeGroups:
    """The electrode groups of a file, each read once; made anew for every look at a session.

    Parameters
    ----------
    path
        The NWB file or Zarr store.
    """

    def __init__(self, path: Path) -> None:
        read = functools.partial(_zarr_group, functools.cache(zarr_store.attributes))
        self.named = functools.cache(
            functools.partial(read if path.is_dir() else _hdf5_group, path)
        )
        """Returns the group of a name."""


def attach_device_probes(recording: BaseRecording, groups_of: ElectrodeGroups) -> None:
    """Replace a recording's probes by one per device, with electrode groups as shanks, in place.

    Parameters
    ----------
    recording
        Recording of an NWB file; its channel groups are the names of electrode groups.
    groups_of
        Of the recording's file.
    """
    from probeinterface import ProbeGroup

    names = np.asarray(recording.get_channel_groups()).astype(str)
    positions = recording.get_channel_locations()[:, :2]
    groups = {str(name): groups_of.named(str(name)) for name in np.unique(names)}
    probes = ProbeGroup()
    for device in sorted({g.device for g in groups.values()}):
        shanks = {n: g for n, g in groups.items() if g.device == device}
        channels = np.flatnonzero(np.isin(names, list(shanks)))
        probe = _probe(shanks, positions[channels], names[channels])
        probe.set_contact_ids(np.asarray(recording.channel_ids)[channels].astype(str))
        probe.set_device_channel_indices(channels)
        probes.add_probe(probe)
    recording.set_probegroup(probes, check_overlap=False)
    recording.set_channel_groups(names)


def _probe(
    shanks: dict[str, ElectrodeGroup], positions: NDArray[np.float64], names: NDArray[Any]
) -> Probe:
    from probeinterface import Probe

    first = next(iter(shanks.values()))
    maker = first.manufacturer or None
    probe = Probe(ndim=2, si_units="um", name=first.device, manufacturer=maker)
    radius = {"radius": _CONTACT_RADIUS_UM}
    probe.set_contacts(positions=positions, shapes="circle", shape_params=radius)
    if len(shanks) > 1:
        probe.set_shank_ids(names)
    if first.description:
        probe.annotate(description=first.description)
    locations = {g.location for g in shanks.values()}
    if len(locations) == 1:
        probe.annotate(electrode_group_location=locations.pop())
    return probe


def _hdf5_group(path: Path, name: str) -> ElectrodeGroup:
    import h5py

    with h5py.File(path, "r") as file:
        group = file.get(f"{GROUPS}/{name}")
        link = None if group is None else group.get("device", getlink=True)
        if link is None or isinstance(link, h5py.ExternalLink):
            return ElectrodeGroup("probe")
        device = group["device"]
        target = link.path if isinstance(link, h5py.SoftLink) else device.name
        return ElectrodeGroup(
            target.rpartition("/")[2],
            _text(device, "manufacturer") or _text(device.get("model"), "manufacturer"),
            _text(device, "description"),
            _text(group, "location"),
        )


def _text(node: h5py.Group | None, name: str) -> str:
    value = None if node is None else node.attrs.get(name)
    return value.decode() if isinstance(value, bytes) else "" if value is None else str(value)


def _zarr_group(read: Callable[[Path], dict[str, Any]], path: Path, name: str) -> ElectrodeGroup:
    attributes = read(path / GROUPS / name)
    device = _linked(attributes, "device")
    if device is None:
        return ElectrodeGroup("probe")
    about = read(_inside(path, device))
    model = _linked(about, "model")
    made = read(_inside(path, model)) if model is not None else {}
    return ElectrodeGroup(
        device.rpartition("/")[2],
        str(about.get("manufacturer") or made.get("manufacturer") or ""),
        str(about.get("description") or ""),
        str(attributes.get("location") or ""),
    )


def _linked(attributes: dict[str, Any], name: str) -> str | None:
    """Return where a link of hdmf-zarr called `name` points to within the same store."""
    links = attributes.get("zarr_link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("name") == name and link.get("source") == ".":
            return str(link.get("path"))
    return None


def _inside(path: Path, link: str) -> Path:
    """Return a link's target; a link that leads out of the store leads nowhere."""
    target = path / link.strip("/")
    return target if ".." not in Path(link).parts else path / "general"
