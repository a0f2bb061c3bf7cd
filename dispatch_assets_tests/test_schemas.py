"""The committed JSON schemas are those of the code, and real jobs satisfy them."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from dispatch_assets.dispatch import dispatch
from dispatch_assets.params import DispatchParams
from dispatch_assets.schemas import SCHEMAS, schema_text
from dispatch_assets_tests.samples import generic

COMMITTED = Path(__file__).parents[1] / "schemas"


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_the_committed_schema_is_that_of_the_code(name: str) -> None:
    committed = (COMMITTED / f"{name}.json").read_text(encoding="utf-8")
    assert committed == schema_text(name), f"run: dispatch-assets schema {name} > schemas/..."


@pytest.mark.parametrize("name", sorted(SCHEMAS))
def test_schemas_are_valid(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text(name)))


def test_a_real_job_satisfies_the_schema(tmp_path: Path) -> None:
    generic.write_binary_folder(tmp_path / "data" / "session" / "recording", n_channels=4)
    report = dispatch(tmp_path / "data", tmp_path / "results", DispatchParams())
    (file,) = report.job_files.values()
    job = json.loads(Path(file).read_text())
    jsonschema.validate(job, json.loads(schema_text("job")))
    del job["recording_dict"]
    with pytest.raises(jsonschema.ValidationError, match="recording_dict"):
        jsonschema.validate(job, json.loads(schema_text("job")))
