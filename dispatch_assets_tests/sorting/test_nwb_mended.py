"""Results of which a part was made anew: nothing old is passed on as if it were new."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.chain import STEPS, run_steps
from dispatch_assets.sorting.nwb.session import write_session_nwb
from dispatch_assets.sorting.params import parse_sorting_params
from dispatch_assets.sorting.step import UNITS_NWB, StepContext
from dispatch_assets_tests.sorting.lab import context_of, publish_raw, write_known
from dispatch_assets_tests.sorting.nwb_lab import finish, nwb_path, opened


def test_what_was_replaced_or_mended_since_is_not_exported_as_if_it_were_new(
    tmp_path: Path,
) -> None:
    known = write_known(tmp_path / "data", n_channels=4, n_units=1, durations_s=(2.0,))
    context = context_of(known, tmp_path / "results")
    finish(context)
    for subject in ("M41", "M42"):
        about = {"subject_id": subject, "sex": "Female", "species": {"name": "Mus musculus"}}
        (known.session / "subject.json").write_text(json.dumps(about))
        list(run_steps([STEPS[UNITS_NWB]], context, subject, only_due=True))
        with opened(nwb_path(context)) as file:
            assert file.subject.subject_id == subject
    publish_raw(with_params(context))
    with pytest.raises(StepError, match="made from an earlier result of `preprocessed`"):
        write_session_nwb([context.results], tmp_path / "out")


def with_params(context: StepContext) -> StepContext:
    values = {"preprocessing": {"min_preprocessing_duration": 0.5}}
    return replace(context, params=parse_sorting_params(values)[0])
