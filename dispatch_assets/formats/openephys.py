"""Open Ephys sessions in binary format, as the GUI saves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from dispatch_assets import open_ephys, open_ephys_folders
from dispatch_assets.input_format import Evidence, InputFormat, Source
from dispatch_assets.models import Session
from dispatch_assets.open_ephys_whole import recordings_gaps
from dispatch_assets.params import DispatchParams

_DIRECT_DEPTH = 3  # Record Node NNN / experimentE / recordingR


class OpenEphys(InputFormat):
    """Folders with Record Nodes, or experiments, in Open Ephys binary format."""

    name: ClassVar[str] = "openephys"
    tell_tale = re.compile(r"^(structure\.oebin|continuous\.dat)$")

    def detect(self, path: Path) -> Evidence:
        """See `InputFormat.detect`."""
        if not path.is_dir():
            return Evidence(False, None, "not a folder")
        folders = open_ephys_folders.recording_folders(path, _DIRECT_DEPTH + 1)
        if not folders:
            return Evidence(False, None, "no experiment/recording/structure.oebin")
        decided = folders[0].path / "structure.oebin"
        nested = not any(_is_direct(f, path) for f in folders)
        return Evidence(True, decided, "an Open Ephys recording", nested)

    def session_paths(self, entry: Path) -> list[Path]:
        """Return `entry`, or the sessions one level below if they lie there."""
        if not self.detect(entry).nested:
            return [entry]
        folders = open_ephys_folders.recording_folders(entry)
        return sorted({_top(f) for f in folders})

    def gaps(self, path: Path) -> Iterator[str]:
        """See `InputFormat.gaps`."""
        return recordings_gaps(path)

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """See `InputFormat.read`."""
        yield from open_ephys.sources(Path(session.path))


def _top(folder: open_ephys_folders.RecordingFolder) -> Path:
    """Return the session folder that a recording folder lies in."""
    return folder.path.parents[2] if folder.node else folder.path.parents[1]


def _is_direct(folder: open_ephys_folders.RecordingFolder, path: Path) -> bool:
    return path in (_top(folder), folder.path.parents[1], folder.path.parents[0], folder.path)
