"""Every error that is raised on purpose.

::

    DispatchError
    ├── ParameterError          (ValueError)         a parameter, or a set of them, makes no sense
    ├── DataRootError           (FileNotFoundError)  the data folder is missing, unreadable or empty
    ├── SessionError            (RuntimeError)       one session cannot be read at all
    │   └── AmbiguousSessionsError                   several sessions, but multi_session is off
    ├── StreamError             (RuntimeError)       one stream or segment cannot be dispatched
    ├── UntrustedDataError      (ValueError)         a data file asks for code or paths we refuse
    ├── NamingError             (ValueError)         a name or key that cannot be used
    ├── UnknownJobError         (KeyError)           a job key that is not in the inventory
    └── StoreError              (OSError)            results cannot be read or written

Each error is built from its facts and writes its own sentence and remedy, so that what a person
reads (in a terminal, in the Dagster UI) never is a traceback. The arguments go to ``Exception``
unchanged, so that errors survive pickling between processes.
"""

from __future__ import annotations


class DispatchError(Exception):
    """Base of all errors of this package: an event, the place where it happened, and a remedy.

    Parameters
    ----------
    what
        What went wrong, as a clause without a full stop.
    where
        The path, stream or parameter concerned.
    remedy
        What the reader can do about it.
    """

    def __init__(self, what: str, where: object = "", remedy: str = "") -> None:
        super().__init__(what, str(where), remedy)
        self.what, self.where, self.remedy = what, str(where), remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        return place + " ".join(_sentence(part) for part in (self.what, self.remedy) if part)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


class ParameterError(DispatchError, ValueError):
    """A parameter is unknown, has the wrong type, or contradicts another one."""


class DataRootError(DispatchError, FileNotFoundError):
    """The data folder does not exist, cannot be listed, or holds nothing to dispatch."""


class SessionError(DispatchError, RuntimeError):
    """One session cannot be read at all; its siblings can."""


class AmbiguousSessionsError(SessionError):
    """Several sessions were found although ``multi_session`` is off."""


class StreamError(DispatchError, RuntimeError):
    """One stream or segment cannot be dispatched; ``reason`` is a `models.Reason` value."""

    def __init__(self, what: str, where: object = "", remedy: str = "", reason: str = "") -> None:
        super().__init__(what, where, remedy)
        self.args = (what, str(where), remedy, reason)
        self.reason = reason


class UntrustedDataError(DispatchError, ValueError):
    """A data file asks for something only trusted code may ask for (a pickle, a foreign class)."""


class NamingError(DispatchError, ValueError):
    """A session, stream or key name that cannot be used."""


class UnknownJobError(DispatchError, KeyError):
    """A job key that the inventory does not hold."""

    def __str__(self) -> str:  # KeyError would print the repr of its arguments
        return DispatchError.__str__(self)


class StoreError(DispatchError, OSError):
    """Results cannot be read or written."""

    def __str__(self) -> str:  # OSError would print its arguments as errno and message
        return DispatchError.__str__(self)
