"""Which format an entry of a data folder has; what to say of one that has none."""

from __future__ import annotations

from pathlib import Path

from dispatch_assets.entries import stray_entry
from dispatch_assets.errors import DataRootError, DispatchError
from dispatch_assets.input_format import Evidence, InputFormat
from dispatch_assets.models import InventoryEntry, Reason
from dispatch_assets.params import AUTO
from dispatch_assets.transient import is_transient, why_unread

_IN_SESSIONS = (".bin", ".cbin", ".dat", ".meta", ".npy", ".oebin", ".raw", ".xml")
_MAX_DEPTH = 4  # of such a file in the smallest folder that is recognised as its session
_MOST_LOOKED_AT = 20  # folders in an entry that is no session


def is_session_itself(input_format: InputFormat, root: Path) -> bool:
    """Say whether a path is one session, and not a folder of sessions."""
    try:
        verdict = detected(input_format, root)
    except (DispatchError, OSError):  # in a folder of sessions one may well give no answer
        return False
    return verdict.found and not verdict.nested


def refuse_part_of_session(file: Path, wanted: tuple[InputFormat, ...]) -> None:
    """Name the session folder to somebody who gives one of its files.

    Raises
    ------
    DataRootError
        If `file` is one.
    """
    session = None
    for i, folder in enumerate(file.parents if file.suffix in _IN_SESSIONS else ()):
        if any(is_session_itself(f, folder) for f in wanted):
            session = folder
        elif session is not None or i == _MAX_DEPTH:  # looking into folders far up takes time
            break
    if session is not None:
        raise DataRootError("is one file of a session", file, f"Give the session folder: {session}")


def detected(input_format: InputFormat, path: Path) -> Evidence:
    """Return what a format says about a path; that it cannot be looked at is no evidence.

    Raises
    ------
    DispatchError, OSError
        If the disk or share gives no answer: taking a session for something else because of that
        would make it vanish.
    """
    try:
        return input_format.detect(path)
    except (DispatchError, OSError) as e:
        if is_transient(e):
            raise
        return Evidence(False, None, str(e))


def unrecognised(entry: Path, wanted: tuple[InputFormat, ...]) -> InventoryEntry:
    """Return what to say of an entry that no format recognises."""
    name = wanted[0].name if len(wanted) == 1 else AUTO
    if entry.suffix in (".pkl", ".pickle"):
        message = f"{entry}: a pickle; nothing is unpickled, ever."
        return stray_entry(entry, name, Reason.REFUSED, message)
    for input_format in wanted:
        try:
            if (deeper := _session_in(entry, input_format)) is not None:
                message = (
                    f"{entry}: holds session folders, as {deeper.name}. Give it as the data folder."
                )
                return stray_entry(entry, input_format.name, Reason.UNREADABLE, message)
            file = input_format.remains(entry)
        except OSError as e:
            message = f"{entry}: cannot be looked through ({e.strerror}). Check its permissions."
            return stray_entry(entry, name, why_unread(e), message)
        if file is not None:
            what = f"belongs to a session of format {input_format.name}, which is not recognised"
            why = detected(input_format, entry).why
            remedy = "Copy it again from the rig, or move it out of the data folder"
            message = f"{file}: {what} ({why}). {remedy}."
            return stray_entry(entry, input_format.name, Reason.UNREADABLE, message)
    reasons = "; ".join(f"{f.name}: {detected(f, entry).why}" for f in wanted)
    return stray_entry(entry, name, Reason.NOT_RECOGNISED, reasons)


def _session_in(entry: Path, input_format: InputFormat) -> Path | None:
    """Return a session among the first folders in an entry, such as those of one animal."""
    if not entry.is_dir():
        return None
    entries = sorted(entry.iterdir())[:_MOST_LOOKED_AT]
    folders = (p for p in entries if p.is_dir() and not p.is_symlink())
    return next((p for p in folders if detected(input_format, p).found), None)
