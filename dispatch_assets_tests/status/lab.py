"""Small fleets on disk: real sessions, stores made by the core, results published by real steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from PIL import Image, ImageDraw

from dispatch_assets.batch import build
from dispatch_assets.errors import DispatchError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import SortingJob
from dispatch_assets.naming import job_key
from dispatch_assets.params import DispatchParams
from dispatch_assets.scan import scan
from dispatch_assets.shards import Shards
from dispatch_assets.sorting.chain import STEPS, StepFailed, run_steps
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.sorting.step import UNITS, UNITS_NWB, UNITS_REPORT, StepContext, StepOutcome
from dispatch_assets.status.arrivals import Arrivals
from dispatch_assets.status.fleet import fleet_status
from dispatch_assets.status.models import FleetStatus, RecordingStatus, SessionStatus
from dispatch_assets.watch.inventories import Watched
from dispatch_assets_tests.samples import spikeglx

ALPHA = job_key("alpha", "block0_imec0.ap_recording1")
FACTS = {"units": 6, "good": 3, "mua": 2, "noise": 1}


@dataclass
class Fleet:
    """A data root and a store."""

    root: Path
    watched: bool = False  # whether inventories write down what the entries look like
    params: DispatchParams = field(default_factory=DispatchParams)
    sorting: SortingParams = field(default_factory=SortingParams)

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def store(self) -> Path:
        return self.root / "store"

    @property
    def jobs(self) -> JobFiles:
        return JobFiles(str(self.store))

    def add(self, session: str, *, probes: int = 1, damaged: bool = False) -> None:
        """Copy a SpikeGLX run of one gate and trigger into the data root."""
        named = {f"imec{i}": "NP1" for i in range(probes)}
        cut = {"imec0.ap": 500} if damaged else {}
        spikeglx.write_run(
            self.data / session, "run", named, seconds=0.1, saved=range(4), nidq=False,
            bin_samples=cut,
        )  # fmt: skip

    def change(self, session: str) -> None:
        """Copy other samples over those of a session."""
        for file in (self.data / session).rglob("*.ap.bin"):
            file.write_bytes(bytes(reversed(file.read_bytes())))

    def inventory(self) -> None:
        """Do what the asset `session_inventory` does with the store."""
        shards = Shards(str(self.store))
        watched = Watched(str(self.store), str(self.data), self.params)
        found = scan(str(self.data), self.params, shards, watched.scope)
        found.save(shards)
        if self.watched:
            watched.note(found)

    def dispatch(self, *sessions: str) -> list[str]:
        """Write jobs of all sessions or of some, as `sorting_jobs` does; return their keys."""
        shards = Shards(str(self.store))
        present = map(shards.read, sessions) if sessions else shards.present()
        keys = [str(e.job_key) for i in present for e in i.jobs]
        for outcome in build(keys, shards, self.params):
            assert isinstance(outcome.job, SortingJob), outcome
            self.jobs.write(outcome.job)
        return keys

    def results(self, key: str) -> Path:
        return self.store / "sorting" / key

    def context(self, key: str) -> StepContext:
        job = self.jobs.read(key)
        return StepContext(
            job, self.data, self.results(key), self.sorting, 1, lambda line: None
        )  # fmt: skip

    def sort(self, key: str, *steps: str) -> None:
        """Publish results of steps, all of them if none is named; their content is made up."""
        for step in steps or STEPS:
            self._run(key, step, _OUTCOMES.get(step, lambda folder: StepOutcome()))

    def fail(self, key: str, step: str, error: DispatchError) -> None:
        """Let a step fail."""

        def fail(folder: Path) -> StepOutcome:
            raise error

        try:
            self._run(key, step, fail)
        except StepFailed:
            return
        raise AssertionError(f"{step} did not fail")

    def _run(self, key: str, step: str, make: Callable[[Path], StepOutcome]) -> None:
        unchecked = replace(
            STEPS[step], run=lambda context, folder: make(folder), check=lambda context: None
        )
        list(run_steps([unchecked], self.context(key), "by-hand"))

    def status(self, *sessions: str, cursor: str | None = None) -> FleetStatus:
        return fleet_status(
            str(self.store),
            sorting=self.sorting,
            arrivals=Arrivals(str(self.data), cursor, self.params),
            sessions=sessions,
        )

    def session(self, name: str) -> SessionStatus:
        (found,) = [s for s in self.status().sessions if s.session_name == name]
        return found

    def recording(self, session: str) -> RecordingStatus:
        (found,) = self.session(session).recordings
        return found


def states(fleet: Fleet, session: str = "alpha") -> list[str]:
    """Return the states of the steps of a session's only recording."""
    return [step.state for step in fleet.recording(session).steps]


def _units(folder: Path) -> StepOutcome:
    return StepOutcome(facts=dict(FACTS))


def _report(folder: Path) -> StepOutcome:
    (folder / "report.html").write_text("<!doctype html><title>units</title>")
    picture = Image.new("RGB", (1100, 500), "white")
    ImageDraw.Draw(picture).ellipse((100, 100, 400, 400), fill="navy")
    picture.save(folder / "overview.png")
    return StepOutcome(files={"report": "report.html"}, figures={"overview": "overview.png"})


def _nwb(folder: Path) -> StepOutcome:
    (folder / "units.nwb").write_bytes(b"not looked into")
    return StepOutcome(files={"NWB": "units.nwb"})


_OUTCOMES: dict[str, Callable[[Path], StepOutcome]] = {
    UNITS: _units,
    UNITS_REPORT: _report,
    UNITS_NWB: _nwb,
}
