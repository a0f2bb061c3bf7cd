"""What a disk or a network share may get over by itself: worth another try."""

from __future__ import annotations

import errno

from dispatch_assets.errors import StreamError
from dispatch_assets.models import Reason

TRANSIENT = frozenset(
    {
        errno.EAGAIN,
        errno.EBUSY,
        errno.ECONNABORTED,
        errno.ECONNRESET,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.EINTR,
        errno.EIO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOTCONN,
        errno.ESTALE,
        errno.ETIMEDOUT,
    }
)
"""What a network share says when it stumbles; see errno(3)."""


def is_transient(error: BaseException | None) -> bool:
    """Return whether what is at the bottom of an error may well succeed later."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, OSError) and error.errno in TRANSIENT:
            return True
        if isinstance(error, StreamError) and error.reason == Reason.NO_ANSWER:
            return True
        seen.add(id(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return False


def why_unread(error: BaseException) -> Reason:
    """Return the reason for an inventory entry of what could not be read."""
    return Reason.NO_ANSWER if is_transient(error) else Reason.UNREADABLE
