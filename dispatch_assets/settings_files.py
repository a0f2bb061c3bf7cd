"""Find and read the files with settings of single sessions; one attempt to open one per session.

``dispatch.json`` lies in a session's folder, ``<session>.json`` in the settings folder, which wins
if there are both. Whatever is wrong with a file is a fact about its session, and no error here.
"""

from __future__ import annotations

import errno
import json
import math
import os
import stat
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from dispatch_assets.errors import ParameterError, SettingsError, did_you_mean
from dispatch_assets.models import Session, SettingsFound
from dispatch_assets.params import SETTINGS_NAME
from dispatch_assets.session_settings import parse_settings

MAX_BYTES = 2**18
MAX_DEPTH = 20

_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR})
_ENDING = ".json"


class SettingsFiles:
    """The settings of sessions, wherever they lie.

    Parameters
    ----------
    folder
        The settings folder; relative to the current folder, or to `data_folder`. Empty: none.
    data_folder
        The data folder.

    Raises
    ------
    ParameterError
        If the settings folder is missing or cannot be listed: sessions that it excludes would be
        dispatched.
    """

    def __init__(self, folder: str, data_folder: Path) -> None:
        self.folder = _existing(folder, data_folder) if folder else None
        self._listed = {} if self.folder is None else _listed(self.folder)
        self._used: set[str] = set()

    def of_entry(self, entry: Path) -> SettingsFound | None:
        """Return the settings of an entry of the data folder, by its own name; None without."""
        return self._preferred(entry.name, self.inside(entry))

    def inside(self, folder: Path) -> SettingsFound | None:
        """Return what a ``dispatch.json`` in `folder` says; None if there is none."""
        return self._read(folder / SETTINGS_NAME, folder)

    def of_session(self, session: Session) -> SettingsFound | None:
        """Return the settings of a session, by its name if the settings folder knows that."""
        return self._preferred(session.name, session.settings)

    def unused(self, names: Iterable[str]) -> dict[str, str]:
        """Return the files in the settings folder that name no session, and what was perhaps meant.

        Parameters
        ----------
        names
            Names of all sessions.
        """
        known = list(names)
        left = sorted(self._listed.keys() - self._used)
        return {str(self._listed[name]): did_you_mean(name, known) for name in left}

    def _preferred(self, name: str, other: SettingsFound | None) -> SettingsFound | None:
        key = unicodedata.normalize("NFC", name)
        file = self._listed.get(key)
        if file is None or self.folder is None:
            return other
        self._used.add(key)
        if other is not None and other.file == str(file):
            return other
        found = self._read(file, self.folder)
        if found is None or other is None:
            return found or other
        return found.model_copy(update={"unused": other.unused or other.file})

    def _read(self, file: Path, root: Path) -> SettingsFound | None:
        found = SettingsFound(file=str(file), folder=str(self.folder or ""))
        try:
            text = _text(file, root)
            values = None if text is None else _values(text, file)
        except SettingsError as e:
            return found.model_copy(update={"problem": e.what})
        if values is None:
            return None
        try:
            parse_settings(values, file)
        except SettingsError as e:
            return found.model_copy(update={"problem": e.what})
        return found.model_copy(update={"values": values})


def _existing(folder: str, data_folder: Path) -> Path:
    where = f"settings_folder {folder!r}"
    for candidate in (Path(folder).expanduser(), data_folder / folder):
        try:
            if candidate.is_dir():
                return Path(os.path.normpath(candidate.absolute()))
        except OSError as e:
            raise ParameterError(f"gives no answer ({e.strerror})", where, "Is it mounted?") from e
    remedy = "Name a folder, relative to the current one or to the data folder. Is it mounted?"
    raise ParameterError("is no folder", where, remedy)


def _listed(folder: Path) -> dict[str, Path]:
    try:
        names = sorted(p.name for p in folder.iterdir())
    except OSError as e:
        what = f"cannot be listed ({e.strerror})"
        raise ParameterError(what, f"settings_folder {folder}", "Check its permissions") from e
    return {
        unicodedata.normalize("NFC", name.removesuffix(_ENDING)): folder / name
        for name in names
        if name.endswith(_ENDING) and not name.startswith(".")
    }


def _text(file: Path, root: Path) -> bytes | None:
    """Return the content of a file, None if it is not there.

    Raises
    ------
    SettingsError
        If it is no plain file, leads out of `root`, is too large, or cannot be read.
    """
    # not through a link, which may lead anywhere or nowhere; a pipe must not be waited for
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(file, flags)
    except OSError as e:
        if e.errno in _ABSENT:
            return None
        if e.errno == errno.EACCES and not os.access(file.parent, os.X_OK):
            return None  # that nothing in the folder can be read is not about settings
        if e.errno == errno.ELOOP and file.is_symlink():
            return _linked(file, root)
        raise SettingsError(f"cannot be read ({e.strerror})", file) from e
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise SettingsError("is not a plain file", file)
    with os.fdopen(descriptor, "rb") as f:
        try:
            text = f.read(MAX_BYTES + 1)
        except OSError as e:
            raise SettingsError(f"cannot be read ({e.strerror})", file) from e
    if len(text) > MAX_BYTES:
        raise SettingsError(f"is larger than {MAX_BYTES:,} bytes", file)
    return text


def _linked(file: Path, root: Path) -> bytes:
    try:
        target, home = file.resolve(strict=True), root.resolve()
    except (OSError, RuntimeError) as e:
        raise SettingsError("is a link that leads nowhere", file) from e
    if not target.is_relative_to(home):
        raise SettingsError(f"is a link that leads out of {root}", file)
    text = _text(target, home)
    if text is None:
        raise SettingsError("is a link that leads nowhere", file)
    return text


def _values(text: bytes, file: Path) -> object:
    """Return the JSON value of a text.

    Raises
    ------
    SettingsError
        If it is no UTF-8, no JSON, nested too deeply, or holds what only lax parsers take.
    """
    try:
        values = json.loads(
            text.decode("utf-8-sig"),  # editors on Windows put a mark in front
            parse_constant=_not_json,
            parse_float=_finite,
            object_pairs_hook=_without_duplicates,
        )
    except UnicodeDecodeError as e:
        raise SettingsError(f"is not UTF-8 text (byte {e.start})", file) from e
    except RecursionError as e:
        raise SettingsError(f"is nested more than {MAX_DEPTH} levels deep", file) from e
    except ValueError as e:
        raise SettingsError(f"is not valid JSON ({e})", file) from e
    _check(values, file, MAX_DEPTH)
    return values


def _check(value: object, file: Path, depth: int) -> None:
    if depth == 0:
        raise SettingsError(f"is nested more than {MAX_DEPTH} levels deep", file)
    if isinstance(value, str) and not _is_text(value):
        raise SettingsError(f"holds text that no file can be called: {value[:50]!r}", file)
    children: Iterable[object] = ()
    if isinstance(value, dict):
        children = [*value.keys(), *value.values()]
    elif isinstance(value, list):
        children = value
    for child in children:
        _check(child, file, depth - 1)


def _is_text(text: str) -> bool:
    """Say whether a text is free of NUL and of halves of characters (JSON can spell both)."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def _not_json(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:20]} is too large a number")
    return value


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"{twice[:50]!r} stands there twice")
    return found
