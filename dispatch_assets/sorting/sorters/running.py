"""One call of a sorter: whatever the sorter, segments in, segments out, and its own account."""

from __future__ import annotations

import json
import shutil
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, redirect_stdout
from dataclasses import dataclass
from io import TextIOBase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dispatch_assets.errors import SorterError
from dispatch_assets.sorting.sorters.arguments import Arguments
from dispatch_assets.sorting.sorters.containers import none_left
from dispatch_assets.sorting.sorters.seeding import seeded
from dispatch_assets.sorting.step import SORTING, Log, StepContext

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording, BaseSorting


@dataclass(frozen=True)
class Found:
    """What a sorter found.

    Attributes
    ----------
    sorting
        Units with spikes, in memory, with the segments of the recording.
    n_outside
        How many spikes the sorter put before or behind the recording; they are left out.
    log
        SpikeInterface's log of the call: sorter_version, run_time in s, and others.
    concatenated
        Whether the sorter was given the segments as one.
    """

    sorting: BaseSorting
    n_outside: int
    log: dict[str, Any]
    concatenated: bool


def run(
    context: StepContext, recording: BaseRecording, arguments: Arguments, scratch: Path
) -> Found:
    """Run a sorter and return what it found.

    Parameters
    ----------
    context
        Says which sorter, where it runs, the seed of random choices that no argument reaches
        (not in a container), and takes what the sorter prints and warns about.
    recording
        Preprocessed recording. Its times are forgotten: a sorter counts samples.
    arguments
        What the sorter is given.
    scratch
        New folder that the sorter works in; deleted afterwards.

    Raises
    ------
    SorterError
        If the sorter fails, with its own trace.
    """
    from spikeinterface.sorters import sorter_dict

    recording.reset_times()
    takes_segments = sorter_dict[context.params.spikesorting.sorter].handle_multi_segment
    concatenated = recording.get_num_segments() > 1 and not takes_segments
    given = _as_one_segment(recording) if concatenated else recording
    try:
        folder = scratch / "sorter"  # containers are handed files beside it
        with none_left(context.params.spikesorting.container, scratch, context.log):
            sorting = _call(context, given, arguments, folder)
        found, n_outside = _in_segments(sorting, recording, concatenated)
        account = _account(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return Found(found, n_outside, account, concatenated)


def _as_one_segment(recording: BaseRecording) -> BaseRecording:
    from spikeinterface.core import concatenate_recordings

    return concatenate_recordings([recording])


def _call(
    context: StepContext, recording: BaseRecording, arguments: Arguments, folder: Path
) -> BaseSorting:
    from spikeinterface.sorters import run_sorter

    params = context.params.spikesorting
    image = params.container_image or True
    # files that a container is handed have names drawn at random, which had better differ
    one_seed = seeded(context.params.seed) if params.container == "none" else nullcontext()
    try:
        with one_seed, _printed_to(lambda line: context.log(f"{SORTING}: {line}")):
            return run_sorter(
                params.sorter,
                recording,
                folder=folder,
                verbose=True,  # else its progress is not shown
                docker_image=image if params.container == "docker" else False,
                singularity_image=image if params.container == "singularity" else False,
                **arguments.given,
            )
    except Exception as e:  # whatever a sorter raises
        trace = "\n".join(_account(folder).get("error_trace") or []) or traceback.format_exc()
        what = f"the sorter {params.sorter!r} failed ({_cause(trace)})"
        remedy = "Its trace says where. Other parameters or another sorter may do"
        raise SorterError(what, context.job.job_key, remedy, trace) from e


def _account(folder: Path) -> dict[str, Any]:
    file = folder / "spikeinterface_log.json"
    account: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return account


def _cause(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[-1] if lines else "it left no trace"


def _in_segments(
    sorting: BaseSorting, recording: BaseRecording, concatenated: bool
) -> tuple[BaseSorting, int]:
    """Return the sorting in memory, split like the recording, and the count of spikes outside."""
    from spikeinterface.core import NumpySorting, split_sorting
    from spikeinterface.curation import remove_excess_spikes

    n_before = sorting.to_spike_vector().size
    if concatenated:
        one = _as_one_segment(recording)
        inside = split_sorting(remove_excess_spikes(sorting, one), one)
    else:
        inside = remove_excess_spikes(sorting, recording)
    kept = inside.remove_empty_units()
    spikes = kept.to_spike_vector().copy()
    found = NumpySorting(spikes, sorting.sampling_frequency, kept.unit_ids)
    for key in kept.get_property_keys():
        values = kept.get_property(key)
        if values.dtype.kind in "biufU":  # nothing that would be saved as a pickle
            found.set_property(key, values)
    return found, n_before - spikes.size


@contextmanager
def _printed_to(log: Log) -> Iterator[None]:
    """Send what is printed and warned about to the log while the block runs."""

    def show(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        log(f"{category.__name__}: {message}")

    with redirect_stdout(_Lines(log)), warnings.catch_warnings():
        warnings.simplefilter("default")
        warnings.showwarning = show
        yield


class _Lines(TextIOBase):
    """A text file whose lines go to a log."""

    def __init__(self, log: Log) -> None:
        self._log, self._begun = log, ""

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line.strip():
                self._log(line.rstrip())
        return len(text)
