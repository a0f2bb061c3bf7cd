"""The interface of an input format: recognise a session, list its streams, open a recording.

A format knows one kind of folder and nothing of jobs, parameters' defaults or Dagster. Reading is
lazy: listing streams reads headers only, and each recording opens when it is asked for.
"""

from __future__ import annotations

import functools
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from dispatch_assets.errors import DispatchError, StreamError
from dispatch_assets.models import Reason, Session
from dispatch_assets.npy import NpyFile
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import reading
from dispatch_assets.special_files import refuse_special_files

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

_MAX_DEPTH = 5  # of the folders looked through for remains of a session


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
    sample_numbers: NpyFile | None = None
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
    tell_tale: ClassVar[re.Pattern[str] | None] = None
    """Matches the names of files that only sessions of this format hold."""

    @abstractmethod
    def detect(self, path: Path) -> Evidence:
        """Say whether `path` is a session of this format, from names and first bytes only."""

    def remains(self, entry: Path) -> Path | None:
        """Return a file of a session of this format in `entry`, which was not recognised.

        Raises
        ------
        OSError
            If a folder in it cannot be listed.
        """
        if self.tell_tale is None:
            return None
        return next((f for f in _files(entry, _MAX_DEPTH) if self.tell_tale.search(f.name)), None)

    def session_paths(self, entry: Path) -> list[Path]:
        """Return the sessions that `entry`, which was recognised, consists of."""
        return [entry]

    def session_name(self, path: Path) -> str:
        """Return the name of the session at `path`."""
        return path.name

    def unsettled(self, path: Path) -> str | None:
        """Say why what was recognised at `path` is not complete yet, by its own evidence.

        Whatever the files are, this returns: it opens small files only, with a limit, and none
        with SpikeInterface.

        Parameters
        ----------
        path
            A session of this format, or a folder of sessions.

        Returns
        -------
        str or None
            A clause that names the file; None if all is there that is announced.
        """
        try:
            with reading(path):
                refuse_special_files(path)
                return next(iter(self.gaps(path)), None)
        except DispatchError as e:
            return f"{e.where}: {e.what}"

    def gaps(self, path: Path) -> Iterable[str]:
        """Yield what is announced at `path` and not there yet, as clauses; whatever it raises.

        A format whose files announce nothing has none.
        """
        return ()

    @abstractmethod
    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        """List every stream of a session: what can be dispatched, and what not and why.

        Raises
        ------
        SessionError, StreamError
            If the session cannot be read at all; the latter with a reason of its own.
        """


def _files(path: Path, depth: int) -> Iterator[Path]:
    """Yield a file, or those in a folder, shallow ones first; what cannot be listed has none."""
    if path.is_file():
        yield path
    if depth < 0 or not path.is_dir() or not os.access(path, os.R_OK | os.X_OK):
        return
    with os.scandir(path) as entries:
        children = sorted(entries, key=lambda e: e.name)
    yield from (p for e in children if (p := Path(e.path)).is_file())
    for entry in children:
        if entry.is_dir(follow_symlinks=False):
            yield from _files(Path(entry.path), depth - 1)


def from_whole(open_whole: Callable[[], BaseRecording]) -> Callable[[Sequence[int]], BaseRecording]:
    """Make an ``open_segments`` of a function that opens all segments at once (and once only)."""
    whole = functools.cache(open_whole)

    def open_segments(positions: Sequence[int]) -> BaseRecording:
        recording = whole()
        if list(positions) == list(range(recording.get_num_segments())):
            return recording
        return recording.select_segments(list(positions))

    return open_segments
