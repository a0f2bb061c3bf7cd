"""What SpikeInterface's own files say of themselves, each read once in one look at a session."""

from __future__ import annotations

import copy
import json
import os
from pathlib import Path
from typing import Any

from dispatch_assets import zarr_store


class Descriptions:
    """JSON files and Zarr metadata that were read so far.

    Made anew for every look at a session, so that a file which has changed is read again.
    """

    def __init__(self) -> None:
        self._json: dict[Path, object] = {}
        self._arrays: dict[Path, zarr_store.Arrays] = {}

    def json(self, path: Path) -> object:
        """Return what a JSON file holds; None if it cannot be read. Not to be changed."""
        if path not in self._json:
            try:
                self._json[path] = json.loads(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, RecursionError):
                self._json[path] = None  # kind_of reports it as damaged or not SpikeInterface's
        return self._json[path]

    def arrays(self, store: Path) -> zarr_store.Arrays:
        """Return the metadata of a Zarr store's arrays.

        Raises
        ------
        StreamError
            As `zarr_store.check_store` does.
        """
        if store not in self._arrays:
            self._arrays[store] = zarr_store.check_store(store)
        return self._arrays[store]

    def base_folder(self, file: Path, data_folder: Path) -> Path:
        """Return what a file's relative paths are relative to: the data folder, or its own."""
        for folder in (data_folder, file.parent):
            if any(p.exists() for p in named_paths(self.json(file), folder)):
                return folder
        return data_folder

    def absolute(self, file: Path, base: Path) -> dict[str, Any]:
        """Return a file's description with paths that begin with `base` as it is spelled.

        SpikeInterface itself would resolve symbolic links, and the job would name another place.
        """
        from spikeinterface.core.core_tools import (
            element_is_path,
            extractor_dict_iterator,
            set_value_in_extractor_dict,
        )

        described = copy.deepcopy(self.json(file))
        if not isinstance(described, dict):
            raise TypeError("holds no JSON object")
        if not described.get("relative_paths"):
            return described
        for element in list(extractor_dict_iterator(described)):
            if element_is_path(element) and (base / element.value).exists():
                path = os.path.normpath(base / element.value)
                set_value_in_extractor_dict(described, element.access_path, path)
        return described | {"relative_paths": False}


def named_paths(described: object, base: Path, name: str = "") -> tuple[Path, ...]:
    """Return every path that a recording's description names, as SpikeInterface finds them."""
    if isinstance(described, dict):
        return tuple(p for k, v in described.items() for p in named_paths(v, base, str(k)))
    if isinstance(described, list):
        return tuple(p for v in described for p in named_paths(v, base, name))
    if not isinstance(described, str) or "path" not in name or not described:
        return ()
    return (Path(described) if "://" in described else base / described,)
