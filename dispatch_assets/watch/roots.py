"""A data root that is watched: its entries as they look now, and whether they are complete."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path

from dispatch_assets.data_root import answering
from dispatch_assets.params import SETTINGS_NAME, SPIKEINTERFACE, DispatchParams
from dispatch_assets.recognition import is_session_itself
from dispatch_assets.settings_files import SettingsFiles
from dispatch_assets.settings_wishes import formats_for, formats_wanted, reads_anything
from dispatch_assets.watch.looks import Look, look, looks
from dispatch_assets.watch.settling import why_unsettled

# What stands directly in a root that is one session itself; whether it is one is asked only then.
_IN_A_SESSION = re.compile(
    r"\.meta$|_(imec|obx)\d*$|^Record Node|^experiment\d+$|^recording\d+$|^structure\.oebin$"
    r"|^ecephys|^(si_folder|cached|binary)\.json$|^\.z(group|array|metadata)$"
)


class WatchedRoot:
    """The data root, as `discovery` sees it.

    Parameters
    ----------
    root
        Folder of session folders or files; or one session, or one file, itself.
    params
        Which input format to expect; where settings of single sessions are.

    Raises
    ------
    ParameterError
        If the input format or the folder of settings does not exist.
    """

    def __init__(self, root: str | os.PathLike[str], params: DispatchParams) -> None:
        self.path = Path(os.path.normpath(Path(root).absolute()))
        self._params, self._formats = params, formats_for(params.input)
        self._settings = SettingsFiles(params.settings_folder, self.path)

    def looks(self, only: Collection[str] = ()) -> dict[str, Look]:
        """Look at every entry, or at those called as in `only`; see `looks.looks`.

        A root that is one session itself is its own only entry.

        Raises
        ------
        DataRootError
            If it is missing, cannot be listed, or nothing lies in it; or if the folder of settings
            gives no answer.
        """
        with answering(self.path):
            is_alone = self._is_alone()
        if is_alone:
            alone = look(str(self.path))
            return {} if alone is None else {self.path.name: alone}
        found = looks(self.path, only)
        found.pop(SETTINGS_NAME, None)
        folder = self._settings.folder
        if folder is not None and folder.parent == self.path:
            found.pop(folder.name, None)
        return found | {
            name: _with_settings(found[name], stamp)
            for name, stamp in self._stamps()
            if name in found
        }

    def _is_alone(self) -> bool:
        if self.path.is_file():
            return True
        try:
            with os.scandir(self.path) as entries:
                may_be = any(_IN_A_SESSION.search(e.name) for e in entries)
        except OSError:
            return False  # `looks` says why
        if not may_be:
            return False
        return any(is_session_itself(f, self.path) for f in self._formats)

    def _stamps(self) -> Iterator[tuple[str, str]]:
        """Yield the entries that have a file in the settings folder, with its size and date."""
        if self._settings.folder is None:
            return
        with answering(self._settings.folder), os.scandir(self._settings.folder) as files:
            for file in files:
                status = file.stat()
                yield file.name.removesuffix(".json"), f"{status.st_size} {status.st_mtime_ns}"

    def why_unsettled(self, entry: str, look: Look) -> str | None:
        """Say why an entry is not complete yet, as a clause; None if it is.

        What its settings exclude, or have a reader of SpikeInterface read, announces nothing.
        """
        path = self.path if self._is_itself(entry) else self.path / entry
        settings = self._settings.of_entry(path)
        if settings is not None and not settings.problem and "exclude" in settings.values:
            return None
        reader = self._params.reader if self._params.input == SPIKEINTERFACE else None
        if reads_anything(settings) or (reader and reader.reader_type != SPIKEINTERFACE):
            return None
        return why_unsettled(path, look, formats_wanted(settings, self._formats))

    def _is_itself(self, entry: str) -> bool:
        return entry == self.path.name and self._is_alone()


def _with_settings(look: Look, stamp: str) -> Look:
    text = f"{look.digest} {stamp}".encode()
    return look._replace(digest=hashlib.blake2b(text, digest_size=8).hexdigest())
