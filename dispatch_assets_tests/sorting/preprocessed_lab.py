"""Preprocessing of recordings in memory, and of known sessions on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
from spikeinterface.core import BaseRecording

from dispatch_assets.sorting.params import PreprocessingParams
from dispatch_assets.sorting.preprocessing.processing import Processed
from dispatch_assets.sorting.preprocessing.processing import process as process_all
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import PREPROCESSED, StepContext
from dispatch_assets_tests.sorting.lab import (
    run,
)


def process(recording: BaseRecording, params: PreprocessingParams) -> Processed:
    return process_all(recording, {}, params, "here", seed=0, n_jobs=1)


def params(**values: Any) -> PreprocessingParams:
    return PreprocessingParams.model_validate(values)


def preprocess(context: StepContext) -> tuple[StepResult, BaseRecording]:
    result = run(context, PREPROCESSED)[0]
    return result, context.preprocessed()


def traces(recording: BaseRecording, segment: int = 0, **options: Any) -> np.ndarray:
    return np.asarray(recording.get_traces(segment_index=segment, **options))
