"""`dispatch-assets run` with what people get wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets.cli import main
from dispatch_assets.sorting.step import PREPROCESSED
from dispatch_assets_tests.sorting.lab import Known, context_of

RUN = ("run", PREPROCESSED, "--params", '{"preprocessing": {"min_preprocessing_duration": 1}}')


@pytest.fixture
def job(known: Known, tmp_path: Path) -> Path:
    file = tmp_path / "job.json"
    file.write_text(context_of(known, tmp_path / "unused").job.to_json())
    return file


def test_a_section_that_is_none(
    job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["run", PREPROCESSED, "--job", str(job), "--out", str(tmp_path / "out")]
    status = main([*arguments, "--params", '{"spikesorting": null}', "--sorter", "lupin"])
    assert status == 2
    assert "--params spikesorting: must be a JSON object" in capsys.readouterr().err


def test_a_damaged_job_does_not_stop_the_others(
    known: Known, job: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged, out = tmp_path / "damaged.json", tmp_path / "out"
    damaged.write_text("{")
    data = str(context_of(known, tmp_path / "unused").data_folder)
    more = ["--out", str(out), "--data", data, "--job"]
    assert main([*RUN, *more, str(damaged), str(job)]) == 1
    told = capsys.readouterr()
    assert "damaged.json" in told.out + told.err
    (results,) = out.iterdir()
    assert (results / PREPROCESSED / "result.json").exists()
    assert main([*RUN, *more, str(damaged)]) in (1, 2)
