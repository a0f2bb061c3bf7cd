"""Reading with other people's readers: whatever they raise becomes an error that names the path."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from dispatch_assets.errors import DispatchError, StreamError
from dispatch_assets.transient import why_unread

FIX_OR_MOVE = "Copy it again from the rig, or move it out of the session to dispatch the rest"
_MAX_CAUSE = 300  # letters


@contextmanager
def reading(where: object, remedy: str = FIX_OR_MOVE) -> Iterator[None]:
    """Turn whatever a third-party reader raises into a `StreamError` that names the path.

    Readers raise anything from AssertionError to struct.error on a damaged file; their warnings
    are about the file as well and are not for the terminal.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except (DispatchError, MemoryError, NameError):  # ours, the machine's, or a bug of ours
        raise
    except Exception as e:
        raise StreamError(cause_of(e), where, remedy, why_unread(e)) from e


def cause_of(error: Exception) -> str:
    """Return what a library complains of, as a clause for people.

    A bare `KeyError`, for one, says nothing but the name of what it has not found.
    """
    said = " ".join(str(error).split())
    if isinstance(error, KeyError):
        return f"cannot be read: it lacks {said}"
    if isinstance(error, UnicodeDecodeError):
        return "cannot be read: it is not the text that it should be"
    if isinstance(error, json.JSONDecodeError):
        return f"cannot be read: it is not valid JSON ({said})"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    if not said:
        return f"cannot be read: its reader gave up without a message ({type(error).__name__})"
    said = said if len(said) <= _MAX_CAUSE else f"{said[:_MAX_CAUSE]} ..."
    return f'cannot be read: its reader says "{said}"'
