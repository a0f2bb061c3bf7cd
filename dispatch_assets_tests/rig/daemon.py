"""A real ``dagster-daemon`` with its code server, without a webserver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import psutil

from dispatch_assets.defs.instance import CONFIGURATION
from dispatch_assets.job_files import JobFiles
from dispatch_assets.shards import Shards

REPOSITORY = Path(__file__).parents[2]
DAEMON = str(Path(sys.executable).with_name("dagster-daemon"))
WATCH = {"interval_s": 5}


@dataclass
class Daemon:
    """A data root, a store and a Dagster home, with a daemon that can be started and killed."""

    folder: Path
    automate: str = "new_sessions,dispatch_new_recordings"
    environment: Mapping[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def __post_init__(self) -> None:
        for place in (self.data, self.home):
            place.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.read_text()
        # a worker that was killed is noticed within seconds instead of an hour
        text = text.replace("poll_interval_seconds: 60", "poll_interval_seconds: 5")
        text = text.replace("start_timeout_seconds: 180", "start_timeout_seconds: 40")
        (self.home / CONFIGURATION.name).write_text(text)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def jobs(self) -> JobFiles:
        return JobFiles(str(self.store))

    @property
    def shards(self) -> Shards:
        return Shards(str(self.store))

    @property
    def log(self) -> str:
        return (self.home / "daemon.log").read_text()

    @property
    def settings(self) -> dict[str, str]:
        """What its processes are told through the environment."""
        return {
            "DAGSTER_HOME": str(self.home),
            "DISPATCH_DATA": str(self.data),
            "DISPATCH_STORE": str(self.store),
            "DISPATCH_AUTOMATE": self.automate,
            "DISPATCH_WATCH": json.dumps(WATCH),
        }

    def start(self) -> None:
        """Start the daemon; it starts the code server and the runs."""
        with (self.home / "daemon.log").open("ab") as log:
            self.process = subprocess.Popen(
                [DAEMON, "run", "-m", "dispatch_assets.definitions"],
                cwd=REPOSITORY,
                env={**os.environ, **self.settings, **self.environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def processes(self) -> list[psutil.Process]:
        """Return the daemon and all that it has started, also what has outlived it."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("DAGSTER_HOME") == str(self.home):
                    found.append(process)
        return found

    def kill(self) -> None:
        """Kill everything at once, as a power cut does."""
        for process in self.processes():
            with suppress(psutil.Error):
                process.kill()
        if self.process is not None:
            self.process.wait(30)
            self.process = None

    def kill_alone(self) -> None:
        """Kill the daemon, and leave its code server and its runs behind."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    def stop(self) -> None:
        """Stop the daemon as an operator does, then whatever did not listen."""
        if self.process is not None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(20)
        self.kill()

    def written(self) -> Counter[str]:
        """Return how many times the job of each recording has been written."""
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            events = instance.fetch_materializations(dg.AssetKey("sorting_jobs"), limit=10_000)
        return Counter(str(record.partition_key) for record in events.records)

    def first_written(self, key: str) -> float:
        """Return when the job of a recording was written first, in seconds since 1970."""
        wanted = dg.AssetRecordsFilter(dg.AssetKey("sorting_jobs"), asset_partitions=[key])
        with dg.DagsterInstance.from_config(str(self.home)) as instance:
            events = instance.fetch_materializations(wanted, limit=100, ascending=True)
        return float(events.records[0].timestamp)


@contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """Start a daemon, and leave nothing behind."""
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.stop()
