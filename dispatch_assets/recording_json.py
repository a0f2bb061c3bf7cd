"""A recording's JSON: portable, loadable by SpikeInterface 0.104 and 0.105, and safe to load.

Writing: paths become relative to the data folder (lexically, so that symlinked sessions stay where
the user put them), time vectors and repeated probes stay out, and arguments keep the spelling
that both versions read. Reading: only SpikeInterface's own classes may be named, no pickles.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import UntrustedDataError

if TYPE_CHECKING:
    from pydantic import JsonValue
    from spikeinterface.core import BaseRecording

_RENAMED_IN_0_105 = frozenset({"ChannelSliceRecording", "FrameSliceRecording"})
_KEPT_PROPERTIES = ("inter_sample_shift",)
_TRUSTED = ("spikeinterface.core.", "spikeinterface.extractors.", "spikeinterface.preprocessing.")


def recording_to_dict(recording: BaseRecording, data_folder: Path) -> dict[str, Any]:
    """Describe a recording as plain JSON values.

    Parameters
    ----------
    recording
        A lazy recording.
    data_folder
        Folder that paths become relative to; load with ``base_folder=data_folder``.

    Returns
    -------
    dict
        What ``spikeinterface.load`` reads, in versions 0.104 and 0.105.

    Raises
    ------
    ValueError
        If a number in it is not finite, such as a gain: NaN is not JSON.
    """
    from spikeinterface.core.core_tools import SIJsonEncoder

    described = recording.to_dict(recursive=True)
    for times in _times_set_by_hand(described):  # a vector would be megabytes of JSON
        times.update(t_start=float(times["time_vector"][0]), time_vector=None)
    properties = described["properties"]
    for name in _KEPT_PROPERTIES:
        if recording.get_property(name) is not None:
            properties[name] = recording.get_property(name)
    if recording.has_channel_location():  # where 0.104 looks for positions
        properties["location"] = recording.get_channel_locations()
    plain: dict[str, Any] = json.loads(json.dumps(described, cls=SIJsonEncoder))
    _simplify(plain, outermost=True)
    plain["relative_paths"] = True
    _check_finite(plain)
    return {k: _with_relative_paths(v, data_folder, k) for k, v in plain.items()}


def _check_finite(value: JsonValue, name: str = "") -> None:
    if isinstance(value, dict):
        for key, inner in value.items():
            _check_finite(inner, key)
    elif isinstance(value, list):
        for inner in value:
            _check_finite(inner, name)
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{name} is {value}, and has to be a finite number")


def _simplify(described: dict[str, Any], *, outermost: bool) -> None:
    """Drop what is repeated at every level and spell arguments as 0.104 does, in place."""
    described.pop("relative_paths", None)
    kwargs = described["kwargs"] = _without_defaults(described["class"], described["kwargs"])
    if described["class"].rpartition(".")[2] in _RENAMED_IN_0_105:
        kwargs["parent_recording"] = kwargs.pop("recording")
    if not outermost:
        described.pop("probegroup", None)
        described["properties"] = {}
    for parent in _parents(kwargs):
        _simplify(parent, outermost=False)


def _without_defaults(class_name: str, kwargs: dict[str, Any]) -> dict[str, Any]:
    """Drop arguments that are None by default: 0.104 does not know those that 0.105 added."""
    module, _, name = class_name.rpartition(".")
    parameters = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    optional = {p.name for p in parameters.values() if p.default is None}
    return {k: v for k, v in kwargs.items() if v is not None or k not in optional}


def _parents(kwargs: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for value in kwargs.values():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, dict) and "class" in item and "kwargs" in item:
                yield item


def _with_relative_paths(value: JsonValue, data_folder: Path, name: str) -> JsonValue:
    """Make paths relative wherever SpikeInterface looks for them: by the name of the key."""
    if isinstance(value, dict):
        return {k: _with_relative_paths(v, data_folder, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_relative_paths(v, data_folder, name) for v in value]
    if isinstance(value, str) and "path" in name and Path(value).is_absolute():
        return relative_path(Path(value), data_folder)
    return value


def relative_path(path: Path, data_folder: Path) -> str:
    """Return `path` relative to `data_folder`, staying inside it wherever the names allow.

    A session that is a symbolic link keeps its name in the data folder; only a path that leads
    outside by its names is resolved.
    """
    path = Path(os.path.normpath(path))
    if path.is_relative_to(data_folder):
        return path.relative_to(data_folder).as_posix()
    resolved, base = path.resolve(), data_folder.resolve()
    return Path(os.path.relpath(resolved, base)).as_posix()


def has_times_set_by_hand(recording: BaseRecording) -> bool:
    """Return whether a segment's time vector exists in memory only, so that it gets lost."""
    return next(_times_set_by_hand(recording.to_dict(recursive=True)), None) is not None


def _times_set_by_hand(described: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the times that hold a vector, of a recording and of all that it is made from."""
    yield from (t for t in described.get("times_kwargs", ()) if t["time_vector"] is not None)
    for parent in _parents(described["kwargs"]):
        yield from _times_set_by_hand(parent)


def check_trusted(described: object, where: object) -> None:
    """Refuse a recording's description that names anything but SpikeInterface's own classes.

    Raises
    ------
    UntrustedDataError
        If it names a foreign class or module, or a file with pickled objects.
    """
    if isinstance(described, dict):
        if "kwargs" in described and "class" in described:
            name = str(described["class"])
            if not name.startswith(_TRUSTED) or not _is_recording_class(name):
                what = f"asks for {name!r}, which is no recording class of SpikeInterface's own"
                raise UntrustedDataError(what, where, "Nothing else is ever called")
        for value in described.values():
            check_trusted(value, where)
    elif isinstance(described, list):
        for value in described:
            check_trusted(value, where)
    elif isinstance(described, str) and described.endswith((".pkl", ".pickle")):
        what = f"points to the pickle {described!r}"
        raise UntrustedDataError(what, where, "Nothing is unpickled, ever")


def _is_recording_class(name: str) -> bool:
    """Say whether a trusted name is a class of recordings: functions beside them unpickle."""
    from spikeinterface.core import BaseRecording

    module, _, attribute = name.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError:
        return False
    return isinstance(found, type) and issubclass(found, BaseRecording)
