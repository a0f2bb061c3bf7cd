"""Every error that is raised on purpose.

::

    DispatchError
    ├── ParameterError          (ValueError)         a parameter, or a set of them, makes no sense
    ├── DataRootError           (FileNotFoundError)  the data folder is missing, unreadable or empty
    │   └── MassRemovalError                         ... or so much is gone that it seems unmounted
    ├── SessionError            (RuntimeError)       one session cannot be read at all
    │   ├── AmbiguousSessionsError                   several sessions, but multi_session is off
    │   └── SettingsError                            the session's own settings make no sense
    ├── StreamError             (RuntimeError)       one stream or segment cannot be dispatched
    ├── UntrustedDataError      (ValueError)         a data file asks for code or paths we refuse
    ├── NamingError             (ValueError)         a name or key that cannot be used
    ├── UnknownJobError         (KeyError)           a job key that is not in the inventory
    ├── StoreError              (OSError)            results cannot be read or written
    └── StepError               (RuntimeError)       a step of the sorting chain failed
        ├── RefusedError                             the recording is not fit for it
        └── SorterError                              the sorter gave up

Each error is built from its facts and writes its own sentence and remedy, so that what a person
reads (in a terminal, in the Dagster UI) never is a traceback. The arguments go to ``Exception``
unchanged, so that errors survive pickling between processes. `count` and `did_you_mean` are parts
of sentences that many of them need.
"""

from __future__ import annotations

from collections.abc import Iterable

_MAX_PART = 4_000  # letters of each part of a message; paths have less


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
        place = f"{_shortened(self.where)}: " if self.where else ""
        return place + " ".join(_sentence(part) for part in (self.what, self.remedy) if part)


def _shortened(text: str) -> str:
    """Return a text without its end if it repeats what somebody else has written without end."""
    return text if len(text) <= _MAX_PART else f"{text[:_MAX_PART]} ..."


def _sentence(text: str) -> str:
    text = _shortened(text)
    return text if text.endswith((".", "?", "!")) else f"{text}."


class ParameterError(DispatchError, ValueError):
    """A parameter is unknown, has the wrong type, or contradicts another one."""


class DataRootError(DispatchError, FileNotFoundError):
    """The data folder does not exist, cannot be listed, or holds nothing to dispatch."""


class MassRemovalError(DataRootError):
    """The data folder is empty, or most sessions are gone at once: perhaps it is not mounted."""


class SessionError(DispatchError, RuntimeError):
    """One session cannot be read at all; its siblings can."""


class AmbiguousSessionsError(SessionError):
    """Several sessions were found although ``multi_session`` is off."""


class SettingsError(SessionError):
    """The settings of one session cannot be used; ``where`` is the file that holds them."""

    reason = "bad_settings"


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


def count(n: int, one: str, many: str = "") -> str:
    """Return a number and what it counts: ``1 job``, ``1,200 jobs``.

    Parameters
    ----------
    n
        The number.
    one
        What follows if it is 1.
    many
        What follows if it is not; by default `one` and an ``s``.
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"


def did_you_mean(name: str, known: Iterable[str], at_most: int = 1) -> str:
    """Return ``did you mean 'x' or 'y'?`` for the known names like `name`; empty if none is."""
    from difflib import get_close_matches

    spelled = {k.casefold(): k for k in known}
    close = [spelled[m] for m in get_close_matches(name.casefold(), spelled, n=at_most)]
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


class StepError(DispatchError, RuntimeError):
    """A step of the sorting chain failed; other recordings are not concerned."""


class RefusedError(StepError):
    """A recording is not fit for a step; ``reason`` is a `sorting.results.Refusal` value."""

    def __init__(self, what: str, where: object = "", remedy: str = "", reason: str = "") -> None:
        super().__init__(what, where, remedy)
        self.args = (what, str(where), remedy, reason)
        self.reason = reason


class SorterError(StepError):
    """A sorter gave up; ``trace`` is its own account of it."""

    def __init__(self, what: str, where: object = "", remedy: str = "", trace: str = "") -> None:
        super().__init__(what, where, remedy)
        self.args = (what, str(where), remedy, trace)
        self.trace = trace
