"""Sorters that the tests bring along: quick, and as bad as needed."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from spikeinterface.core import NumpySorting, load
from spikeinterface.sorters.basesorter import BaseSorter

from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import SORTING, StepContext
from dispatch_assets_tests.sorting.lab import SHORT, UV_PER_BIT, Known, context_of, publish_raw, run


class Threshold(BaseSorter):  # type: ignore[misc]
    """Finds one unit: all that is below a threshold on any channel."""

    sorter_name = "threshold"
    handle_multi_segment = False
    gpu_capability = "not-supported"
    _default_params: ClassVar[dict[str, Any]] = {
        "threshold_uv": 60.0,
        "mishap": "",
        "num_workers": None,
    }
    _params_description: ClassVar[dict[str, str]] = {}
    given: ClassVar[dict[str, Any]] = {}

    @classmethod
    def is_installed(cls) -> bool:
        return True

    @classmethod
    def get_sorter_version(cls) -> str:
        return "1.2.3"

    @classmethod
    def _setup_recording(cls, *_: object) -> None:
        pass

    @classmethod
    def _run_from_folder(cls, folder: Path, params: dict[str, Any], verbose: bool) -> None:
        recording = cls.load_recording_from_folder(folder.parent)
        cls.given.update(
            segments=recording.get_num_segments(),
            times=recording.get_times(segment_index=0)[[0, -1]].tolist(),
            params=params,
        )
        print("looking")
        samples = below(recording.get_traces(0), params["threshold_uv"])
        if params["mishap"] == "raises":
            raise ValueError("all traces are flat")
        if params["mishap"] == "worker dies":
            with ProcessPoolExecutor(1, mp_context=get_context("fork")) as pool:
                pool.submit(die).result()
        if params["mishap"] == "finds none":
            samples = samples[:0]
        if params["mishap"] == "finds too much":
            samples = np.concatenate([samples, recording.get_num_samples(0) + np.arange(3)])
        labels = np.zeros(samples.size, dtype=int)
        sorting = NumpySorting.from_samples_and_labels(
            [samples], [labels], recording.sampling_frequency, unit_ids=[0, 1]
        )
        sorting.save(folder=folder / "sorting")

    @classmethod
    def _get_result_from_folder(cls, folder: Path) -> Any:
        return load(folder / "sorting")


class ThresholdOfSegments(Threshold):
    sorter_name = "threshold_of_segments"
    handle_multi_segment = True


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def below(traces: np.ndarray, threshold_uv: float) -> np.ndarray:
    """Return where the lowest channel is at a minimum below the threshold."""
    lowest = traces.min(axis=1).astype(float) * UV_PER_BIT
    inner = lowest[1:-1]
    is_minimum = (inner < -threshold_uv) & (inner <= lowest[:-2]) & (inner < lowest[2:])
    return np.flatnonzero(is_minimum) + 1


def sorting_context(known: Known, results: Path, **spikesorting: object) -> StepContext:
    context = context_of(known, results, {**SHORT, "spikesorting": spikesorting})
    publish_raw(context)
    return context


def sort(known: Known, results: Path, **params: object) -> tuple[StepContext, StepResult]:
    context = sorting_context(known, results, sorter="threshold", sorter_params=params)
    return context, run(context, SORTING)[0]


def sorters() -> dict[str, type[BaseSorter]]:
    """Return the sorters by name."""
    return {s.sorter_name: s for s in (Threshold, ThresholdOfSegments)}
