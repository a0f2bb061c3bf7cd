"""Streams in memory, for tests of what comes after reading."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from dispatch_assets.errors import StreamError
from dispatch_assets.input_format import (
    Evidence,
    InputFormat,
    Source,
    SourceRecording,
    SourceSegment,
)
from dispatch_assets.models import Session
from dispatch_assets.params import DispatchParams

RATE_HZ = 1000.0
SESSION = Session(name="s", path="/data/s", data_folder="/data", input_format="made_up")


@dataclass(frozen=True)
class MadeUp(InputFormat):
    """A format whose sessions hold the sources that it was made with."""

    sources: Sequence[Source | Exception]
    name: ClassVar[str] = "made_up"

    def detect(self, path: Path) -> Evidence:
        return Evidence(False, None, "made up")

    def read(self, session: Session, params: DispatchParams) -> Iterator[Source]:
        for source in self.sources:
            if isinstance(source, Exception):
                raise source
            yield source


def recording(
    lengths: Sequence[int], n_groups: int = 1, *, rate_hz: float = RATE_HZ, probe: bool = True
) -> Any:
    """Make a recording with two channels in each group, and one segment per length."""
    from probeinterface import Probe
    from spikeinterface.core import NumpyRecording

    n = 2 * n_groups
    made = NumpyRecording([np.ones((length, n), np.int16) for length in lengths], rate_hz)
    if probe:
        shank = np.arange(n) // 2
        contacts = Probe(ndim=2, si_units="um", name="made up")
        contacts.set_contacts(
            np.stack([250.0 * shank, 20.0 * np.arange(n)], axis=1),
            shapes="circle",
            shape_params={"radius": 5},
            shank_ids=shank.astype(str) if n_groups > 1 else None,
        )
        contacts.set_device_channel_indices(np.arange(n))
        made.set_probe(contacts, group_mode="by_shank" if n_groups > 1 else "by_probe")
    return made


def stream(
    name: str = "ap",
    block: str = "block0",
    *,
    lengths: Sequence[int] = (100,),
    n_groups: int = 1,
    problems: Mapping[int, StreamError] | None = None,
    indices: Sequence[int] | None = None,
    lfp: SourceRecording | None = None,
    opened: Any = None,
    **about: Any,
) -> SourceRecording:
    """Make a stream; `indices` says which segments of the block it has, all by default."""
    whole = opened if opened is not None else recording(lengths, n_groups)
    places = range(len(lengths)) if indices is None else indices

    def open_segments(positions: Sequence[int]) -> Any:
        return whole.select_segments(list(positions))

    segments = (SourceSegment(i, problem=(problems or {}).get(i)) for i in places)
    return SourceRecording(block, name, tuple(segments), open_segments, lfp=lfp, **about)
