"""The interface of an input format: recognise a session, list its streams, open a recording.

A format knows one kind of folder and nothing of jobs, parameters' defaults or Dagster. Reading is
lazy: listing streams reads headers only, and each recording opens when it is asked for.
"""

from __future__ import annotations

import functools
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dispatch_assets.errors import DispatchError, StreamError
from dispatch_assets.models import Reason, Session
from dispatch_assets.params import DispatchParams

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

FIX_OR_MOVE = "Copy it again from the rig, or move it out of the session to dispatch the rest"


@dataclass(frozen=True)
class Evidence:
    """What makes a path a session of a format, or not.

    Attributes
    ----------
    found
        Whether the path is a session of the format.
    file
        The file or folder that decided it.
    why
        The reason, as a clause.
    nested
        Whether the session lies below the path, which may then be a data folder itself.
    """

    found: bool
    file: Path | None
    why: str
    nested: bool = False


@dataclass(frozen=True)
class SourceSegment:
    """One segment (recording, trigger) of a stream.

    Attributes
    ----------
    index
        Zero-based position among the segments of its block.
    files
        Its raw files and folders; their content is the segment's identity.
    problem
        Why the segment cannot be dispatched, or None.
    sample_numbers
        The acquisition's own sample counter (``.npy``), or None.
    times_problem
        Why the times that came with the segment cannot be used, or None.
    """

    index: int
    files: tuple[Path, ...] = ()
    problem: StreamError | None = None
    sample_numbers: Path | None = None
    times_problem: str | None = None


@dataclass(frozen=True)
class SourceRecording:
    """One stream of one block, not opened yet.

    Attributes
    ----------
    block, stream
        Names as they appear in recording names.
    segments
        Its segments, in order of time.
    open_segments
        Opens the segments at the given positions of `segments` as one lazy recording.
    lfp
        The LFP band of the same channels, or None.
    shared_files
        Metadata files that belong to every segment.
    probe_dict
        Returns the probe as consumers of NWB jobs expect it, or None.
    warnings
        What a person should know about this stream.
    """

    block: str
    stream: str
    segments: tuple[SourceSegment, ...]
    open_segments: Callable[[Sequence[int]], BaseRecording]
    lfp: SourceRecording | None = None
    shared_files: tuple[Path, ...] = ()
    probe_dict: Callable[[], dict[str, Any]] | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class SkippedStream:
    """A stream that does not become a job, and why."""

    block: str
    stream: str
    reason: Reason
    message: str


Source = SourceRecording | SkippedStream


class InputFormat(ABC):
    """One kind of session folder. Stateless: every method gets what it needs."""

    name: ClassVar[str]
    has_input_folder: ClassVar[bool] = True

    @abstractmethod
    def detect(self, path: Path) -> Evidence:
        """Say whether `path` is a session of this format, from names and first bytes only."""

    def session_paths(self, entry: Path) -> list[Path]:
        """Return the sessions that `entry`, which was recognised, consists of."""
        return [entry]

    def session_name(self, path: Path) -> str:
        """Return the name of the session at `path`."""
        return path.name

    @abstractmethod
    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """List every stream of a session: what can be dispatched, and what not and why.

        Raises
        ------
        SessionError
            If the session cannot be read at all.
        """


def from_whole(open_whole: Callable[[], BaseRecording]) -> Callable[[Sequence[int]], BaseRecording]:
    """Make an ``open_segments`` of a function that opens all segments at once (and once only)."""
    whole = functools.cache(open_whole)

    def open_segments(positions: Sequence[int]) -> BaseRecording:
        recording = whole()
        if list(positions) == list(range(recording.get_num_segments())):
            return recording
        return recording.select_segments(list(positions))

    return open_segments


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
        cause = " ".join(str(e).split())[:300] or "no further message"
        what = f"cannot be read ({type(e).__name__}: {cause})"
        raise StreamError(what, where, remedy, Reason.UNREADABLE) from e
