"""Whether small files of metadata are whole, read with a limit: they may be anything.

For the question whether a session is complete, asked while it is still being copied. What is wrong
is said as a clause that begins with the path, so that a person sees what is being waited for.
"""

from __future__ import annotations

import json
import stat
from pathlib import Path

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason
from dispatch_assets.transient import why_unread

MAX_TEXT_BYTES = 2**24
"""Of a ``.meta``; the longest, of a probe with 5,120 sites, have a few hundred kilobytes."""
MAX_JSON_BYTES = 2**26
"""Of JSON; consolidated metadata of a Zarr store with thousands of arrays have a few megabytes."""
_TAIL_BYTES = 256


def read_whole(file: Path, max_bytes: int = MAX_TEXT_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises
    ------
    StreamError
        If it is none (opening a pipe would wait for ever), is larger than `max_bytes`, or cannot
        be read.
    """
    size = size_of(file)
    if size > max_bytes:
        raise StreamError(f"has {size:,} bytes, too many for a file of its kind", file)
    try:
        with file.open("rb") as f:
            return f.read(max_bytes)
    except OSError as e:
        raise _unreadable(file, e) from e


def size_of(file: Path) -> int:
    """Return the size of a regular file in bytes.

    Raises
    ------
    StreamError
        If it is none, or not there.
    """
    try:
        status = file.stat()
    except (OSError, ValueError) as e:
        raise _unreadable(file, e) from e
    if not stat.S_ISREG(status.st_mode):
        raise StreamError("is no regular file", file)
    return status.st_size


def _unreadable(file: Path, error: Exception) -> StreamError:
    if isinstance(error, FileNotFoundError):
        return StreamError("is missing", file, reason=Reason.MISSING_FILE)
    why = getattr(error, "strerror", None) or error
    return StreamError(f"cannot be read ({why})", file, reason=why_unread(error))


def json_object(file: Path, max_bytes: int = MAX_JSON_BYTES) -> dict[str, object]:
    """Return the object in a JSON file.

    Raises
    ------
    StreamError
        If it cannot be read, or is not (yet) whole JSON.
    """
    text = read_whole(file, max_bytes)
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as e:
        raise StreamError("is not whole: it is no valid JSON", file) from e
    if not isinstance(value, dict):
        raise StreamError("is no JSON object", file)
    return value


def check_end(file: Path, end: bytes) -> None:
    """Make sure that a text file ends as one of its kind does, white space apart.

    Raises
    ------
    StreamError
        If it does not, or cannot be read.
    """
    size = size_of(file)
    try:
        with file.open("rb") as f:
            f.seek(max(0, size - _TAIL_BYTES))
            tail = f.read(_TAIL_BYTES)
    except OSError as e:
        raise _unreadable(file, e) from e
    if not tail.rstrip().endswith(end):
        raise StreamError(f"does not end with {end.decode()}: it is not whole", file)
