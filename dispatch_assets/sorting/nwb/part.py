"""What one job contributes to an NWB file: units, their recording, its clock, session facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import StepError, StoreError
from dispatch_assets.models import SortingJob
from dispatch_assets.naming import natural_key
from dispatch_assets.sorting.attempt import published
from dispatch_assets.sorting.clock import RecordingClock, Span
from dispatch_assets.sorting.nwb.facts import SessionFacts
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.source import read_job
from dispatch_assets.sorting.step import (
    PREPROCESSED,
    SORTING,
    UNITS,
    UNITS_NWB,
    StepContext,
    check_follows,
)

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, SortingAnalyzer

JOB_FILE, FACTS_FILE = "job.json", "session.json"
_MAX_FACTS_BYTES = 10_000_000

SegmentKey = tuple[str, int]
"""(block, zero-based segment): the same for recordings that were made at the same time."""


@dataclass(frozen=True)
class Part:
    """What one job contributes.

    Attributes
    ----------
    job
        The job.
    results
        Published results by step, those that the units follow from.
    recording
        The preprocessed recording.
    analyzer
        Its units; None if there are none.
    facts
        What is known about the session.
    """

    job: SortingJob
    results: Mapping[str, StepResult]
    recording: BaseRecording
    analyzer: SortingAnalyzer | None
    facts: SessionFacts

    @cached_property
    def clock(self) -> RecordingClock:
        """The times of its samples."""
        return RecordingClock(self.recording, self.job.timestamps, self.job.concatenated)

    @property
    def unit_ids(self) -> list[Any]:
        """Ids of its units."""
        return [] if self.analyzer is None else list(self.analyzer.unit_ids)

    @property
    def segment_keys(self) -> list[SegmentKey]:
        """What its segments are called in the session."""
        first = self.job.segment or 0
        return [(self.job.block, first + i) for i in range(self.clock.n_segments)]

    @property
    def order(self) -> tuple[Any, ...]:
        """Sort key: by block, segment, stream and group, as people count them."""
        job = self.job
        group = natural_key(job.group or "")
        return (natural_key(job.block), job.segment or 0, natural_key(job.stream), group)


def part_of(context: StepContext, facts: SessionFacts) -> Part:
    """Return the part of the job whose units were just made."""
    steps = (PREPROCESSED, SORTING, UNITS)
    return Part(
        job=context.job,
        results={step: context.result_of(step) for step in steps},
        recording=context.preprocessed(),
        analyzer=context.analyzer(),
        facts=facts,
    )


def write_sources(part: Part, folder: Path) -> None:
    """Keep the job and the facts beside the NWB file, for `read_part`."""
    (folder / JOB_FILE).write_text(part.job.to_json(), encoding="utf-8")
    (folder / FACTS_FILE).write_text(part.facts.model_dump_json() + "\n", encoding="utf-8")


def read_part(results: Path) -> Part:
    """Return the part of a job whose chain is done, from the folder of its results.

    Raises
    ------
    StepError
        If the steps up to ``units_nwb`` have no results there, or results of different runs.
    StoreError
        If they are damaged.
    """
    from spikeinterface import load, load_sorting_analyzer

    exported = published(results, UNITS_NWB)
    check_follows(results, exported)
    by_step = {step: published(results, step) for step in (PREPROCESSED, SORTING, UNITS)}
    versions = {(r.job_key, r.fingerprint, r.job_hash) for r in (exported, *by_step.values())}
    if len(versions) > 1:
        remedy = "Run the chain again, all of it"
        raise StepError("the steps are of different versions of the recording", results, remedy)
    analyzer = results / UNITS / "analyzer"
    return Part(
        job=read_job(results / UNITS_NWB / JOB_FILE),
        results=by_step,
        recording=load(results / PREPROCESSED / "recording"),
        analyzer=load_sorting_analyzer(analyzer) if analyzer.exists() else None,
        facts=_read_facts(results / UNITS_NWB / FACTS_FILE),
    )


def _read_facts(file: Path) -> SessionFacts:
    try:
        if file.stat().st_size > _MAX_FACTS_BYTES:
            raise ValueError("it is too large")
        return SessionFacts.model_validate_json(file.read_bytes())
    except (OSError, ValueError) as e:
        remedy = f"Run the step `{UNITS_NWB}` again"
        raise StoreError(f"cannot be read ({type(e).__name__})", file, remedy) from e


def session_spans(parts: list[Part]) -> dict[SegmentKey, Span]:
    """Return when each segment of the session began and ended, over all of its recordings."""
    spans: dict[SegmentKey, Span] = {}
    for part in parts:
        for i, key in enumerate(part.segment_keys):
            one = part.clock.span(i)
            known = spans.get(key, one)
            spans[key] = Span(min(one.start_s, known.start_s), max(one.stop_s, known.stop_s))
    return {k: spans[k] for k in sorted(spans, key=lambda k: (natural_key(k[0]), k[1]))}
