"""Probes as NWB knows them: a device per probe, a group per shank, a row per electrode."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.probes import probe_names
from dispatch_assets.sorting.nwb.part import Part

if TYPE_CHECKING:
    from pynwb import NWBFile
    from pynwb.ecephys import ElectrodeGroup

UNKNOWN_LOCATION = "unknown"
# nwbinspector wants terms of the Allen atlas for mice; its root is the whole brain
UNKNOWN_LOCATION_OF_MICE = "root"
_MICE = ("Mus musculus", "http://purl.obolibrary.org/obo/NCBITaxon_10090")
_AREA_PROPERTY = "brain_area"  # what SpikeInterface calls the location column of NWB files
_FORBIDDEN = re.compile(r"[/:\x00-\x1f]")  # in names of NWB objects

DeviceKey = tuple[str, ...]


@dataclass(frozen=True)
class Electrode:
    """One electrode. Positions are those on the probe, in um."""

    device: DeviceKey
    group: str
    channel: str
    position_um: tuple[float, ...]
    shank: str = ""
    contact: str = ""
    area: str = ""


class Electrodes:
    """The electrodes of a file; those of several recordings of one probe are the same.

    Parameters
    ----------
    file
        The file they are added to.
    parts
        The jobs whose channels they are.
    species
        Of the subject, which decides on names of areas.
    """

    def __init__(self, file: NWBFile, parts: Iterable[Part], species: str) -> None:
        self._unknown = UNKNOWN_LOCATION_OF_MICE if species in _MICE else UNKNOWN_LOCATION
        self._rows: dict[Electrode, int] = {}
        by_part = {id(part): _electrodes_of(part) for part in parts}
        every = list(dict.fromkeys(e for electrodes in by_part.values() for e in electrodes))
        devices = _add_devices(file, parts)
        self.device_names = {key: device.name for key, device in devices.items()}
        split = {p.job.group for p in parts} != {None}
        groups = self._add_groups(file, every, devices, named=split)
        self._add_rows(file, every, groups)
        self._groups, self._by_part = groups, by_part

    def group_of(self, electrode: Electrode) -> ElectrodeGroup:
        """Return the electrode group (shank) of an electrode."""
        return self._groups[electrode.device, electrode.group]

    def rows(self, part: Part) -> list[int]:
        """Return the row of each channel of a part, in the order of its channels."""
        return [self._rows[electrode] for electrode in self._by_part[id(part)]]

    def electrodes(self, part: Part) -> list[Electrode]:
        """Return the electrode of each channel of a part."""
        return self._by_part[id(part)]

    def _add_groups(
        self, file: NWBFile, every: list[Electrode], devices: dict[DeviceKey, Any], *, named: bool
    ) -> dict[tuple[DeviceKey, str], ElectrodeGroup]:
        members: dict[tuple[DeviceKey, str], list[Electrode]] = defaultdict(list)
        for electrode in every:
            members[electrode.device, electrode.group].append(electrode)
        n_groups = Counter(device for device, _ in members)
        groups = {}
        for (device, group), electrodes in members.items():
            name = str(devices[device].name)
            if named or n_groups[device] > 1:
                has_name = not group.isdigit() and clean_name(group) not in file.electrode_groups
                name = group if has_name else f"{name} shank {group}"
            areas = sorted({e.area for e in electrodes if e.area})
            about = "" if areas else " Where it was is not known."
            groups[device, group] = file.create_electrode_group(
                name=clean_name(name),
                description=f"Channel group {group} of {devices[device].name}.{about}",
                location=", ".join(areas) or self._unknown,
                device=devices[device],
            )
        return groups

    def _add_rows(
        self,
        file: NWBFile,
        every: list[Electrode],
        groups: dict[tuple[DeviceKey, str], ElectrodeGroup],
    ) -> None:
        axes = ("rel_x", "rel_y", "rel_z")[: max(len(e.position_um) for e in every)]
        for axis in axes:
            file.add_electrode_column(axis, f"Position on the probe along {axis[-1]}, in um.")
        file.add_electrode_column("channel_name", "Name of the channel in the recording.")
        file.add_electrode_column("contact_id", "Name of the contact; empty if it has none.")
        file.add_electrode_column("shank", "Name of the shank; empty if the probe has one.")
        for row, electrode in enumerate(every):
            position = np.pad(electrode.position_um, (0, len(axes)), constant_values=np.nan)
            file.add_electrode(
                group=groups[electrode.device, electrode.group],
                location=electrode.area or self._unknown,
                channel_name=electrode.channel,
                contact_id=electrode.contact,
                shank=electrode.shank,
                **dict(zip(axes, position.tolist(), strict=False)),
            )
            self._rows[electrode] = row


def clean_name(name: str) -> str:
    """Return `name` fit to name an object in an NWB file."""
    return _FORBIDDEN.sub("-", name).strip() or "unnamed"


def device_keys(part: Part) -> list[DeviceKey]:
    """Return what tells each probe of a part from others: its serial number, else its stream.

    Probes of one stream are told apart by their place in it, which a group of its channels does not
    know. Probes of NWB files are told apart by name: names of devices are unique in a file.
    """
    keys: list[DeviceKey] = []
    places = _places_in_stream(part)
    for place, probe in zip(places, part.recording.get_probegroup().probes, strict=True):
        serial = probe.serial_number or probe.annotations.get("serial_number")
        if serial:
            keys.append(("serial number", str(serial)))
        elif part.job.input_format == "nwb" and probe.name:
            keys.append(("name", str(probe.name)))
        else:
            keys.append(("stream", part.job.stream, place))
    return keys


def _places_in_stream(part: Part) -> list[str]:
    """Return which one of its stream each probe of a part is, by the names of all of them.

    Where names do not tell, the group does: two devices of one probe do less harm than one device
    of two probes.
    """
    names, every = probe_names(part.recording), part.job.probe_names
    if len(every) <= len(names):
        return [str(i) for i in range(len(names))]
    return [
        str(every.index(name)) if every.count(name) == 1 else f"{i} of group {part.job.group}"
        for i, name in enumerate(names)
    ]


def _electrodes_of(part: Part) -> list[Electrode]:
    recording = part.recording
    contacts = recording.get_probegroup().to_numpy(complete=True)
    contacts = contacts[np.argsort(contacts["device_channel_indices"], kind="stable")]
    keys = device_keys(part)
    areas = recording.get_property(_AREA_PROPERTY)
    locations = recording.get_channel_locations()

    def text(name: str, channel: int) -> str:
        return str(contacts[name][channel]) if name in (contacts.dtype.names or ()) else ""

    return [
        Electrode(
            device=keys[int(contacts["probe_index"][i])],
            group=str(group),
            channel=str(channel),
            position_um=tuple(float(x) for x in locations[i]),
            shank=text("shank_ids", i),
            contact=text("contact_ids", i),
            area="" if areas is None else _known_area(str(areas[i])),
        )
        for i, (channel, group) in enumerate(
            zip(recording.channel_ids, recording.get_channel_groups(), strict=True)
        )
    ]


def _known_area(area: str) -> str:
    return "" if area.strip().casefold() in ("", "unknown", "nan", "none") else area.strip()


def _add_devices(file: NWBFile, parts: Iterable[Part]) -> dict[DeviceKey, Any]:
    """Add a device per probe; probes of the same name get their stream's name, too."""
    found: dict[DeviceKey, tuple[str, str, Any]] = {}
    for part in parts:
        probes = part.recording.get_probegroup().probes
        names = probe_names(part.recording)
        for key, name, probe in zip(device_keys(part), names, probes, strict=True):
            found.setdefault(key, (name, part.job.stream, probe))
    shared = Counter(name for name, _, _ in found.values())
    devices = {}
    for key, (name, stream, probe) in found.items():
        unique = name if shared[name] == 1 else f"{name} ({stream})"
        while clean_name(unique) in file.devices:
            unique += "'"
        devices[key] = _add_device(file, clean_name(unique), probe)
    return devices


def _add_device(file: NWBFile, name: str, probe: Any) -> Any:  # noqa: ANN401 - probeinterface has no types
    notes = {
        k: v for k, v in probe.annotations.items() if isinstance(v, str | int | float) and v != ""
    }
    known = {
        "model": probe.model_name or notes.pop("model_name", ""),
        "manufacturer": probe.manufacturer or notes.pop("manufacturer", ""),
        "serial number": probe.serial_number or notes.get("serial_number", ""),
    }
    model = None
    if known["model"]:
        model_name = clean_name(str(known["model"]))
        model = file.device_models.get(model_name) or file.create_device_model(
            name=model_name,
            manufacturer=str(known["manufacturer"] or "unknown"),
            description=str(notes.get("description") or f"Probes called {known['model']}."),
        )
    described = "; ".join(f"{k}: {v}" for k, v in {**known, **notes}.items() if v not in ("", None))
    return file.create_device(
        name=name,
        description=described or "A probe of which nothing but its geometry is known.",
        serial_number=str(known["serial number"]) or None,
        model=model,
    )
