"""Where the ElectricalSeries of an NWB file are, however its groups are linked.

SpikeInterface follows every link of an HDF5 file; one that leads back up it follows without end.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from h5py import Group

_SERIES = "ElectricalSeries"
MAX_GROUPS = 100_000
"""Of one file, each as often as links lead to it; ten seconds' worth."""


def series_paths(path: Path) -> list[str]:
    """Return the names of all ElectricalSeries in an NWB file (HDF5), whatever it raises.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    list of str
        Such as ``acquisition/ElectricalSeriesAP``; a series that links lead to has several.
    """
    import h5py

    with h5py.File(path, "r") as file:
        found = []
        for i, (name, group) in enumerate(_groups(file, "", (file["/"].id,))):
            if i >= MAX_GROUPS:
                raise ValueError(f"its links lead to more than {MAX_GROUPS:,} groups")
            kind = group.attrs.get("neurodata_type")
            if isinstance(kind, str) and kind == _SERIES:
                found.append(name)
        return found


def _groups(group: Group, path: str, above: tuple[object, ...]) -> Iterator[tuple[str, Group]]:
    """Yield all groups in a group, but none inside itself; names before what is in them."""
    from h5py import Group

    for name in group:
        value = group[name]
        if isinstance(value, Group) and value.id not in above:
            inner = f"{path}/{name}" if path else name
            yield inner, value
            yield from _groups(value, inner, (*above, value.id))
