"""Whether an entry of the data root is complete: by what its format says, not by the clock.

Reads a few small files of the entry, never with SpikeInterface; h5py is imported for NWB files.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dispatch_assets.input_format import InputFormat
from dispatch_assets.recognition import detected
from dispatch_assets.watch.looks import Look

MAX_WHY = 500  # letters


def why_unsettled(path: Path, look: Look, formats: Sequence[InputFormat]) -> str | None:
    """Say why an entry of the data root is not complete yet.

    Parameters
    ----------
    path
        The entry.
    look
        What it looks like.
    formats
        What it may be.

    Returns
    -------
    str or None
        A clause; None if it is complete by the evidence of its format, or if nothing in it
        belongs to a session: then it is none, and inventories say so.
    """
    why = _why(path, look, formats)
    return why if why is None or len(why) <= MAX_WHY else f"{why[:MAX_WHY]} ..."


def _why(path: Path, look: Look, formats: Sequence[InputFormat]) -> str | None:
    if look.problem:
        return look.problem
    if look.unfinished:
        return f"{look.unfinished}: a copy under way, or one that was cut short"
    for input_format in formats:
        if detected(input_format, path).found:
            return input_format.unsettled(path)
    for input_format in formats:
        try:
            file = input_format.remains(path)
        except OSError as e:
            return f"{path}: cannot be looked through ({e.strerror})"
        if file is not None:
            why = detected(input_format, path).why
            return f"{file}: belongs to a {input_format.name} session that is not there yet ({why})"
    return None
