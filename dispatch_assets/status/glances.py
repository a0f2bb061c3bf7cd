"""Quick looks into files that can be large: what the status needs, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from dispatch_assets.errors import StoreError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.sorting.results import RESULT_FILE

_FINGERPRINT, _PARAMETERS = b'"fingerprint":"', b'"parameters_hash":"'


class _Glance(BaseModel):
    """A part of a JSON object; the rest is checked to be JSON, and never becomes an object."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class _JobGlance(_Glance):
    """What a job was made from."""

    fingerprint: str
    parameters_hash: str


class ResultGlance(_Glance):
    """What a published result was made from, and what a person looks at first."""

    job_key: str
    fingerprint: str
    inputs_hash: str
    follows_from: dict[str, str]
    seed: int
    parameters: dict[str, JsonValue]
    started_at: str
    finished_at: str
    cpu_s: float
    facts: dict[str, str | int | float | bool | None] = Field(default_factory=dict)
    files: dict[str, str] = Field(default_factory=dict)
    figures: dict[str, str] = Field(default_factory=dict)


@dataclass(frozen=True)
class Damaged:
    """A file that is there and cannot be read."""

    message: str


def glance_at_job(files: JobFiles, key: str) -> tuple[str, str] | Damaged:
    """Return the fingerprint and the hash of the parameters that a job's file was made from.

    A job of a Neuropixels probe has 40 KB, nearly all of it SpikeInterface's description of the
    recording. What is wanted stands behind it, so the file is searched from its end; whatever does
    not look as this version writes it is parsed as a whole.
    """
    try:
        content = files.content(key)
        if found := _from_the_end(content):
            return found
        parsed = _JobGlance.model_validate_json(content)
        return parsed.fingerprint, parsed.parameters_hash
    except (StoreError, ValidationError) as e:
        what = str(e) if isinstance(e, StoreError) else "its job file is damaged."
        return Damaged(f"{what} Materialize sorting_jobs for it again.")


def _from_the_end(content: bytes) -> tuple[str, str] | None:
    # a quote in a string is escaped, so that the pattern matches keys only; zeros are what a
    # power cut leaves behind in a file
    if content[:1] != b"{" or content[-2:] != b"}\n" or b"\0" in content:
        return None
    fingerprint, parameters_hash = (
        _text_after(content, key) for key in (_FINGERPRINT, _PARAMETERS)
    )
    return (fingerprint, parameters_hash) if fingerprint and parameters_hash else None


def _text_after(content: bytes, key: bytes) -> str:
    start = content.rfind(key)
    if start < 0:
        return ""
    start += len(key)
    text = content[start : content.find(b'"', start)]
    return text.decode("ascii", "replace") if text.isalnum() else ""


def glance_at_result(results: Path, step: str) -> ResultGlance | Damaged | None:
    """Return what a step has published; None if it has not."""
    file = results / step / RESULT_FILE
    try:
        return ResultGlance.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        if not file.parent.exists():  # it is just being replaced
            return None
        return Damaged(f"{file}: is missing from a published result. Run the step `{step}` again.")
    except (OSError, ValidationError) as e:
        why = e.strerror if isinstance(e, OSError) else "damaged"
        return Damaged(f"{file}: cannot be read ({why}). Run the step `{step}` again.")
