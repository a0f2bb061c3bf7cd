"""The sample session of a format: what is written, what is in it, and what becomes of it."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from dispatch_assets.dispatch import Report, dispatch
from dispatch_assets.models import InventoryEntry
from dispatch_assets.params import DispatchParams
from dispatch_assets_tests import formats

Stream = tuple[str, str]  # block, stream
NAME = "subject 1_2024-01-15"
SECONDS = 0.7  # raw files of 1.2 MB: large enough to be sampled by the fingerprint
OPENED: dict[tuple[str, str, str], Any] = {}  # streams as SpikeInterface alone reads them


class SampleSession:
    """One good session of a format; a contract test says here what it is tested with.

    Attributes
    ----------
    input_format
        Name of the format.
    decides
        Glob below the session of the file that decides detection; empty for the session itself.
    jobs
        Number of channel groups of every stream that becomes jobs.
    left_out
        Reason why each other stream becomes none.
    raw
        Globs below the session, one per segment: a raw file of `raw_stream` alone.
    raw_stream
        Stream that `raw` belongs to; None if all streams share the file.
    """

    input_format: ClassVar[str]
    decides: ClassVar[str] = ""
    jobs: ClassVar[Mapping[Stream, int]]
    left_out: ClassVar[Mapping[Stream, str]]
    raw: ClassVar[tuple[str, ...]]
    raw_stream: ClassVar[Stream | None] = None

    def write(self, folder: Path) -> Path:
        """Write a session of `SECONDS` called like `folder`; return the data folder's entry."""
        raise NotImplementedError

    def read(self, session: Path, block: str, stream: str) -> Any:
        """Return a stream with all its segments, read by SpikeInterface alone."""
        raise NotImplementedError

    @functools.cached_property
    def n_segments(self) -> int:
        """Return the number of segments."""
        return len(self.raw)

    def matching(self, session: Path, pattern: str) -> Path:
        (found,) = list(session.glob(pattern)) if pattern else [session]
        return found

    def keys(self, library: Library, segment: int) -> set[str]:
        entries = jobs_of(library.dispatched(type(self)).report)
        return {
            str(e.job_key)
            for e in entries
            if self.raw_stream in (None, (e.block, e.stream)) and e.segment == segment
        }

    def direct(self, data: Path, job: dict[str, Any]) -> Any:
        (session,) = data.iterdir()
        key = str(session), job["block"], job["stream"]
        if key not in OPENED:
            OPENED[key] = self.read(session, job["block"], job["stream"])
        return OPENED[key]


@dataclass(frozen=True)
class Dispatched:
    """What came of a sample session: the report, and the text of each job by key."""

    data: Path
    report: Report
    jobs: dict[str, str]


class Library:
    """The sample session of every contract, alone in its data folder, and its jobs."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._sessions: dict[type[SampleSession], Path] = {}
        self._dispatched: dict[type[SampleSession], Dispatched] = {}

    def session(self, contract: type[SampleSession]) -> Path:
        """Return the sample session of a contract."""
        if contract not in self._sessions:
            data = self.root / f"{contract.__module__}.{contract.__name__}" / "data"
            data.mkdir(parents=True)
            self._sessions[contract] = contract().write(data / NAME)
        return self._sessions[contract]

    def dispatched(self, contract: type[SampleSession]) -> Dispatched:
        """Return what `dispatch` makes of the sample session with default parameters."""
        if contract not in self._dispatched:
            data = self.session(contract).parent
            report = dispatch(data, data.with_name("results"), DispatchParams())
            texts = {key: Path(path).read_text() for key, path in report.job_files.items()}
            self._dispatched[contract] = Dispatched(data, report, texts)
        return self._dispatched[contract]


@functools.cache
def contracts() -> tuple[type[SampleSession], ...]:
    """Return the contract tests of all formats, imported from the modules beside this one."""
    for module in pkgutil.iter_modules(formats.__path__, formats.__name__ + "."):
        importlib.import_module(module.name)
    return tuple(c for c in _subclasses(SampleSession) if "input_format" in vars(c))


def _subclasses(parent: type[SampleSession]) -> Iterator[type[SampleSession]]:
    for child in dict.fromkeys(parent.__subclasses__()):
        yield child
        yield from _subclasses(child)


def jobs_of(report: Report) -> list[InventoryEntry]:
    """Return the entries that are jobs."""
    return [e for e in report.entries if e.status == "job"]
