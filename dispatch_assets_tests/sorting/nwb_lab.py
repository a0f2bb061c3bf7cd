"""Jobs with units made by hand of known spikes, and NWB files read back."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from spikeinterface import create_sorting_analyzer
from spikeinterface.core import BaseRecording, BaseSorting, NumpySorting

from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams
from dispatch_assets.sorting.chain import STEPS, run_steps
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.source import read_job
from dispatch_assets.sorting.step import UNITS, UNITS_NWB, StepContext, StepOutcome
from dispatch_assets_tests.samples.payload import FloatArray
from dispatch_assets_tests.sorting.lab import SHORT, publish_raw, publish_sorting, run

RATE_HZ = 30_000.0
LABELS = ("good", "mua", "noise")
Spikes = dict[str, list[np.ndarray]]
"""Sample indices by unit, one array per segment."""


def contexts(
    data: Path, results: Path, params: dict[str, object] | None = None, **dispatch_params: object
) -> list[StepContext]:
    """Dispatch everything in a data folder and return what steps of each job are given."""
    jobs = results / "jobs"
    dispatch(data, jobs, DispatchParams.model_validate(dispatch_params))
    return [
        StepContext(
            job=job,
            data_folder=data,
            results=results / job.job_key,
            params=parse_sorting_params({**SHORT, **(params or {})})[0],
            n_jobs=1,
            log=lambda line: None,
        )
        for job in (read_job(path) for path in sorted(jobs.glob("job_*.json")))
    ]


def some_spikes(recording: BaseRecording, n_units: int = 2, n_spikes: int = 40) -> Spikes:
    """Return spikes at known samples, spread over every segment, none near an edge."""
    rng = np.random.default_rng(0)
    n_samples = [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
    return {
        f"u{unit}": [
            np.sort(rng.choice(np.arange(100, n - 100), n_spikes, False)) for n in n_samples
        ]
        for unit in range(n_units)
    }


def sorting_of(spikes: Spikes, rate_hz: float) -> BaseSorting:
    n_segments = len(next(iter(spikes.values())))
    segments = [{unit: trains[i] for unit, trains in spikes.items()} for i in range(n_segments)]
    return NumpySorting.from_unit_dict(segments, rate_hz)


def publish_units(context: StepContext) -> StepResult:
    """Publish an analyzer of the published spikes; none if there are none."""

    def make(context: StepContext, folder: Path) -> StepOutcome:
        sorting = context.sorted()
        if not len(sorting.unit_ids):
            return StepOutcome()
        labels = [LABELS[i % len(LABELS)] for i in range(len(sorting.unit_ids))]
        sorting.set_property("label", np.array(labels))
        analyzer = create_sorting_analyzer(
            sorting,
            context.preprocessed(),
            format="binary_folder",
            folder=folder / "analyzer",
            sparsity_kwargs={"method": "radius", "radius_um": 60.0},
        )
        analyzer.compute({"random_spikes": {"seed": 0}, "waveforms": {}, "noise_levels": {}})
        analyzer.compute("templates", operators=["average", "std"])
        analyzer.compute("unit_locations", method="center_of_mass")
        names = ["num_spikes", "snr", "firing_rate", "presence_ratio"]
        with warnings.catch_warnings():  # too short for presence_ratio, which is NaN then
            warnings.filterwarnings("ignore", message="Bin duration of")
            analyzer.compute("quality_metrics", metric_names=names)
        return StepOutcome()

    return next(run_steps([replace(STEPS[UNITS], run=make)], context, "by-hand"))


def publish_spikes(context: StepContext, sorting: BaseSorting | Spikes | None = None) -> None:
    """Publish the raw recording, and `sorting` (some spikes by default) as a sorter's."""
    publish_raw(context)
    recording = context.preprocessed()
    spikes = some_spikes(recording) if sorting is None else sorting
    if isinstance(spikes, dict):
        spikes = sorting_of(spikes, recording.get_sampling_frequency())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The extractor is not serializable")
        publish_sorting(context, spikes)


def finish(context: StepContext, sorting: BaseSorting | Spikes | None = None) -> StepResult:
    """Publish spikes and their units, and run the step."""
    publish_spikes(context, sorting)
    publish_units(context)
    return run(context, UNITS_NWB)[0]


def nwb_path(context: StepContext) -> Path:
    return next((context.results / UNITS_NWB).glob("units.nwb*"))


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield what pynwb reads."""
    if path.is_dir():
        from hdmf_zarr import NWBZarrIO as NwbIO
    else:
        from pynwb import NWBHDF5IO as NwbIO
    with NwbIO(str(path), "r", load_namespaces=False) as io:  # reading the schema takes longest
        yield io.read()


def unit_rows(path: Path) -> dict[str, dict[str, Any]]:
    """Return each unit's row by the unit's name; references as what they refer to."""
    with opened(path) as file:
        table = file.units.to_dataframe(index=True)
        groups = [group.name for group in table.pop("electrode_group")] if len(table) else []
        rows = table.to_dict("records")
    return {
        str(row["unit_name"]): {**row, "electrode_group": group}
        for row, group in zip(rows, groups, strict=True)
    }


def complaints(path: Path) -> set[str]:
    """Return which checks of nwbinspector found something critical, or a violation.

    A check that stumbles itself has found nothing: one cannot index Zarr arrays, others want a
    first row in every table.
    """
    from nwbinspector import Importance, inspect_nwbfile, inspect_nwbfile_object

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if path.is_dir():  # nwbinspector 0.7 opens no Zarr file by its path
            with opened(path) as file:
                found = list(inspect_nwbfile_object(file))
        else:
            found = list(inspect_nwbfile(nwbfile_path=path))
    bad = Importance.BEST_PRACTICE_VIOLATION.value
    names = {m.check_function_name for m in found if m.importance.value >= bad}
    return {name for name in names if not name.startswith("During evaluation of")}


def with_times(
    edit: Callable[[FloatArray], FloatArray], t0_s: float = 3.25
) -> Callable[[BaseRecording], BaseRecording]:
    """Return a change that gives a recording timestamps: 3 ppm slow, then edited."""

    def change(lazy: BaseRecording) -> BaseRecording:
        # times set on a preprocessed recording are overruled by those of its parent
        recording: BaseRecording = lazy.save(format="memory", verbose=False)
        for i in range(recording.get_num_segments()):
            n, rate_hz = recording.get_num_samples(i), recording.get_sampling_frequency()
            times = t0_s + 100 * i + np.arange(n) * (1 + 3e-6) / rate_hz
            recording.set_times(edit(times), segment_index=i)
        return recording

    return change


def assert_same(found: dict[str, np.ndarray], expected: dict[str, np.ndarray]) -> None:
    assert found.keys() == expected.keys()
    for unit, times in expected.items():
        np.testing.assert_array_equal(found[unit], times)


def spike_times(path: Path) -> dict[str, np.ndarray]:
    return {name: np.asarray(row["spike_times"]) for name, row in unit_rows(path).items()}
