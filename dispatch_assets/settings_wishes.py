"""What settings of single sessions mean for discovery: is it a session, and of which format."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispatch_assets.entries import stray_entry
from dispatch_assets.formats import FORMATS, by_name
from dispatch_assets.input_format import InputFormat
from dispatch_assets.models import InventoryEntry, Reason, SettingsFound
from dispatch_assets.params import AUTO, SETTINGS_NAME, SPIKEINTERFACE
from dispatch_assets.settings_files import SettingsFiles


def formats_for(name: str) -> tuple[InputFormat, ...]:
    """Return the formats that the parameter ``input`` allows.

    Raises
    ------
    ParameterError
        If there is no such format.
    """
    return FORMATS if name == AUTO else (by_name(name),)


def formats_wanted(
    found: SettingsFound | None, otherwise: tuple[InputFormat, ...]
) -> tuple[InputFormat, ...]:
    """Return the formats that settings allow; `otherwise` if they do not say."""
    given = _input(found)
    return otherwise if given is None else formats_for(given)


def is_forced(found: SettingsFound | None) -> bool:
    """Say whether settings name one format: then it is a session, whatever it looks like."""
    return _input(found) not in (None, AUTO)


def is_broken(found: SettingsFound | None) -> bool:
    """Say whether there are settings that cannot be used."""
    return found is not None and bool(found.problem)


def reads_anything(found: SettingsFound | None) -> bool:
    """Say whether settings name a reader of SpikeInterface, which needs nothing recognisable."""
    return _input(found) == SPIKEINTERFACE


def said_by(found: SettingsFound | None) -> str:
    """Return the file that holds the settings; empty without."""
    return "" if found is None else found.file


def excluded_stray(entry: Path, found: SettingsFound | None) -> InventoryEntry | None:
    """Return an entry that is no session and is not meant to be one, None if nobody said so."""
    why = None if found is None else found.values.get("exclude")
    if found is None or why is None:
        return None
    return stray_entry(entry, AUTO, Reason.EXCLUDED, f"{why} (says {found.file})")


def misplaced(found: SettingsFound | None, root: Path) -> list[InventoryEntry]:
    """Return what to say of settings that lie in a data folder and concern no session."""
    if found is None:
        return []
    message = (
        f"{found.file}: settings of one session lie in its own folder; here they concern none. "
        "Move the file there; what holds for all sessions is a parameter (--params)."
    )
    return [stray_entry(root / SETTINGS_NAME, AUTO, Reason.BAD_SETTINGS, message)]


def unused_settings(files: SettingsFiles, names: Sequence[str]) -> list[InventoryEntry]:
    """Return what to say of files in the settings folder that concern no session.

    They are no fault: a session may not have arrived yet. A wrong name would look the same.
    """
    return [
        stray_entry(Path(file), AUTO, Reason.NOT_RECOGNISED, f"{file}: {_no_session(guess)}")
        for file, guess in files.unused(names).items()
    ]


def _no_session(guess: str) -> str:
    about = "settings of a session that is not there (yet)"
    return f"{about}; {guess}" if guess else f"{about}."


def _input(found: SettingsFound | None) -> str | None:
    given = None if found is None or found.problem else found.values.get("input")
    return None if given is None else str(given)
