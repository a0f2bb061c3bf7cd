"""A step of the chain, what it is given and what it returns."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import JsonValue

from dispatch_assets.errors import RefusedError, UntrustedDataError
from dispatch_assets.models import SortingJob
from dispatch_assets.sorting.attempt import published
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.sorting.results import Check, Refusal, StepResult

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseSorting, SortingAnalyzer

PREPROCESSED, SORTING, UNITS = "preprocessed", "sorting", "units"
UNITS_REPORT, UNITS_NWB = "units_report", "units_nwb"

Log = Callable[[str], None]
Fact = str | int | float | bool | None


@dataclass(frozen=True)
class StepContext:
    """What a step is given.

    Attributes
    ----------
    job
        The recording's job.
    data_folder
        Folder that paths in the job are relative to.
    results
        Folder of the job's published results, one subfolder per step.
    params
        Parameters of the chain.
    n_jobs
        How many parallel workers it may use.
    log
        Takes a line for people to read.
    """

    job: SortingJob
    data_folder: Path
    results: Path
    params: SortingParams
    n_jobs: int
    log: Log

    def result_of(self, step: str) -> StepResult:
        """Return the published result of an earlier step.

        Raises
        ------
        StepError
            If there is none.
        RefusedError
            If it is the result of another recording, of other raw data or of a job that reads them
            otherwise; or if it was made from results that have been replaced since.
        """
        result = published(self.results, step)
        if result.job_hash != job_hash(self.job):
            what = f"the result of `{step}` belongs to another version of this recording"
            remedy = f"Run the step `{step}` again"
            raise RefusedError(what, self.results / step, remedy, Refusal.CHANGED)
        check_follows(self.results, result)
        return result

    def preprocessed(self) -> BaseRecording:
        """Return the preprocessed recording: int16, all segments, on the recording's clock."""
        from spikeinterface import load

        self.result_of(PREPROCESSED)
        return load(self.results / PREPROCESSED / "recording")

    def sorted(self) -> BaseSorting:
        """Return what the sorter found, with the segments of the recording."""
        from spikeinterface import load

        self.result_of(SORTING)
        return load(self.results / SORTING / "sorting")

    def analyzer(self) -> SortingAnalyzer | None:
        """Return the analyzer of the units; None if there are no units.

        It finds its recording beside it, wherever the results folder is moved. Its extensions are
        read once they are asked for.

        Raises
        ------
        UntrustedDataError
            If there are pickles in it, which the step does not write: loading them runs code.
        """
        from spikeinterface import load_sorting_analyzer

        self.result_of(UNITS)
        folder = self.results / UNITS / "analyzer"
        if not folder.exists():
            return None
        for pickled in [*folder.rglob("*.pkl"), *folder.rglob("*.pickle")]:
            raise UntrustedDataError("is a pickle", pickled, f"Run the step `{UNITS}` again")
        return load_sorting_analyzer(folder, load_extensions=False)


def job_hash(job: SortingJob) -> str:
    """Return a hash of which recording a job reads, and how: with which clock, how much of it."""
    read = [job.job_key, job.fingerprint, job.skip_times, job.recording_dict]
    return hashlib.sha256(json.dumps(read, sort_keys=True).encode()).hexdigest()[:32]


def check_follows(results: Path, result: StepResult) -> None:
    """Check that a result was made from what earlier steps have published.

    Raises
    ------
    RefusedError
        If an earlier step was run again since: units of one run and channels of another do not
        belong together.
    """
    for name, made_from in result.follows_from.items():
        earlier = published(results, name)
        if earlier.inputs_hash != made_from:
            what = f"the result of `{result.step}` was made from an earlier result of `{name}`"
            remedy = f"Run the step `{result.step}` again"
            raise RefusedError(what, results / result.step, remedy, Refusal.CHANGED)
        check_follows(results, earlier)


@dataclass
class StepOutcome:
    """What a step returns beside the files in its folder; see `results.StepResult`."""

    facts: dict[str, Fact] = field(default_factory=dict)
    tables: dict[str, list[dict[str, Fact]]] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    checks: list[Check] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One step of the chain.

    Attributes
    ----------
    name
        Name of the step, of its folder and of its asset.
    about
        What it makes, in a sentence.
    needs
        Earlier steps whose results it reads.
    sections
        Sections of `SortingParams` that its result depends on.
    code_version
        Raised when the same inputs give another result.
    run
        Takes the context and the folder to write into.
    check
        Raises if the parameters cannot work on this machine; called before any step runs.
    also_reads
        Returns what else, as JSON, the result follows from: besides raw data, parameters, earlier
        steps.
    """

    name: str
    about: str
    needs: tuple[str, ...]
    sections: tuple[str, ...]
    code_version: str
    run: Callable[[StepContext, Path], StepOutcome]
    check: Callable[[StepContext], None] = lambda context: None
    also_reads: Callable[[StepContext], JsonValue] = lambda context: None
