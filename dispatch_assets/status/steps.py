"""How far the sorting of one recording has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from dispatch_assets.errors import DispatchError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.sorting.attempt import attempts, last_failure
from dispatch_assets.sorting.chain import STEPS, inputs_hash
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.sorting.results import StepFailure
from dispatch_assets.sorting.step import UNITS, UNITS_NWB, UNITS_REPORT, Step, StepContext
from dispatch_assets.status.glances import Damaged, ResultGlance, glance_at_result
from dispatch_assets.status.models import StepStatus

LABELS = ("good", "mua", "noise")
_KILLED = (
    "its process was killed, often for lack of memory. Allow fewer workers (n_jobs), then run "
    "`{step}` again."
)
_NO_ACCOUNT = "it failed, and what it wrote about that cannot be read. Run `{step}` again."


@dataclass(frozen=True)
class Wanted:
    """What results should have been made with now.

    Attributes
    ----------
    params
        Parameters of the chain.
    jobs
        The job files.
    sections
        The parameters by section, as results keep them.
    """

    params: SortingParams
    jobs: JobFiles
    sections: Mapping[str, Any]

    @classmethod
    def of(cls, params: SortingParams, jobs: JobFiles) -> Wanted:
        """Return what is wanted with these parameters."""
        return cls(params, jobs, params.model_dump(mode="json"))


@dataclass
class Sorted:
    """What there is of a recording's results."""

    steps: list[StepStatus] = field(default_factory=list)
    units: dict[str, int] | None = None
    files: dict[str, str] = field(default_factory=dict)


_NONE = {step: StepStatus(step=step, state="none") for step in STEPS}  # most steps of a large fleet


def nothing_sorted() -> Sorted:
    """Return what there is of a recording without results."""
    return Sorted([*_NONE.values()])


def look_at_steps(folder: Path, key: str, fingerprint: str, wanted: Wanted) -> Sorted:
    """Look at the results of one recording.

    Parameters
    ----------
    folder
        Folder of its results.
    key
        Key of its job.
    fingerprint
        Identity of its raw files now.
    wanted
        What results should have been made with.
    """
    look = _Look(folder, key, fingerprint, wanted)
    found = Sorted()
    for step in STEPS.values():
        found.steps.append(look.at(step))
    for name, result in look.results.items():
        found.files |= _files(name, result)
    if (units := look.results.get(UNITS)) is not None:
        found.units = {name: int(units.facts.get(name) or 0) for name in LABELS}
    return found


class _Look:
    """Looks at the steps of one recording, in their order."""

    def __init__(self, folder: Path, key: str, fingerprint: str, wanted: Wanted) -> None:
        self._folder, self._key = folder, key
        self._fingerprint, self._wanted = fingerprint, wanted
        self.results: dict[str, ResultGlance] = {}
        self._states: dict[str, StepStatus] = {}
        try:
            self._names = {path.name for path in folder.iterdir()}
        except OSError:
            self._names = set()
        hidden = any(n.startswith(".") and n != ".lock" for n in self._names)
        self._unfinished = attempts(folder) if hidden else {}
        self._job_written = _mtime(wanted.jobs.path(key)) if self._names else None

    def at(self, step: Step) -> StepStatus:
        """Return the state of a step; those before it have been looked at."""
        name = step.name
        result = glance_at_result(self._folder, name) if name in self._names else None
        if isinstance(result, ResultGlance):
            self.results[name] = result
        status = self._unfinished_or_failed(name) or self._published(step, result)
        self._states[name] = status
        return status

    def _unfinished_or_failed(self, name: str) -> StepStatus | None:
        at_work = self._unfinished.get(name)
        if at_work is not None:
            why = "" if at_work else _KILLED.format(step=name)
            return StepStatus(step=name, state="running" if at_work else "killed", why=why)
        if f"{name}.failed.json" not in self._names:
            return None
        failure = last_failure(self._folder, name)
        if failure is None:
            return StepStatus(step=name, state="failed", why=_NO_ACCOUNT.format(step=name))
        return self._failed(failure)

    def _failed(self, failure: StepFailure) -> StepStatus:
        failed_at, written = _seconds(failure.failed_at), self._job_written
        # a failure is about the job as it was; times of failures are whole seconds
        before = failed_at is not None and written is not None and written > failed_at + 1
        why = failure.message
        return StepStatus(
            step=failure.step,
            state="out of date" if before else "failed",
            at=failure.failed_at,
            why=f"failed before its job was written anew: {why}" if before else why,
            refused=failure.refused,
        )

    def _published(self, step: Step, result: ResultGlance | Damaged | None) -> StepStatus:
        if result is None:
            return _NONE[step.name]
        if isinstance(result, Damaged):
            return StepStatus(step=step.name, state="damaged", why=result.message)
        why = self._why_out_of_date(step, result)
        return StepStatus(
            step=step.name,
            state="out of date" if why else "done",
            at=result.finished_at,
            why=why,
            cpu_s=result.cpu_s,
        )

    def _why_out_of_date(self, step: Step, result: ResultGlance) -> str:
        if (result.job_key, result.fingerprint) != (self._key, self._fingerprint):
            return "made from other raw data."
        for name in step.needs:
            earlier = self.results.get(name)
            if earlier is None or result.follows_from.get(name) != earlier.inputs_hash:
                return f"made from an earlier result of `{name}`."
            if self._states[name].state == "out of date":
                return f"follows from `{name}`, which is out of date."
        for section in step.sections:
            if result.parameters.get(section) != self._wanted.sections[section]:
                changed = self._changed(section, result)
                return f"made with other parameters than DISPATCH_SORTING sets now ({changed})."
        if result.seed != self._wanted.params.seed:
            return f"made with another seed ({result.seed})."
        return self._why_job_differs(step, result)

    def _changed(self, section: str, result: ResultGlance) -> str:
        then, now = result.parameters.get(section), self._wanted.sections[section]
        if not isinstance(then, dict) or not isinstance(now, dict):
            return section
        names = sorted(n for n in then.keys() | now.keys() if then.get(n) != now.get(n))
        return ", ".join(f"{section}.{name}" for name in names[:3])

    def _why_job_differs(self, step: Step, result: ResultGlance) -> str:
        """Compare with the job itself, which is costly, if it was written after the result.

        Later steps follow from the first ones, which are compared.
        """
        started, written = _seconds(result.started_at), self._job_written
        if step.needs or started is None or written is None or written <= started:
            return ""
        try:
            job = self._wanted.jobs.read(self._key)
        except DispatchError:
            return ""  # said of the job itself
        context = StepContext(
            job, Path(job.data_folder), self._folder, self._wanted.params, 1, lambda line: None
        )
        same = inputs_hash(step, context) == result.inputs_hash
        return "" if same else "made from another job, or by an older version of the step."


def _files(step: str, result: ResultGlance) -> dict[str, str]:
    """Return what a person wants to look at."""
    if step == UNITS_REPORT:
        overview = result.figures.get("overview")
        found = {"report": result.files.get("report"), "overview": overview}
    elif step == UNITS_NWB:
        found = {"nwb": result.files.get("NWB")}
    else:
        found = {}
    return {what: f"{step}/{file}" for what, file in found.items() if file and _stays_inside(file)}


def _stays_inside(file: str) -> bool:
    path = PurePosixPath(file)
    return not path.is_absolute() and ".." not in path.parts


def _mtime(path: str) -> float | None:
    try:
        return Path(path).stat().st_mtime  # of a file that we write ourselves
    except OSError:
        return None  # missing, or a URL


def _seconds(time: str) -> float | None:
    try:
        moment = datetime.fromisoformat(time)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
