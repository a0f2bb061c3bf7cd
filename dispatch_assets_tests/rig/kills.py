"""Kill -9 at random moments: ``python -m dispatch_assets_tests.rig.kills --kills 100``.

Sessions come, change and go all the while. After every kill the store must hold whole files only;
in the end every recording must have exactly its job. Prints what was killed, and when.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import psutil
from pydantic import BaseModel

from dispatch_assets.dispatch import plan
from dispatch_assets.models import Inventory, SortingJob
from dispatch_assets.params import DispatchParams
from dispatch_assets.shards import Tombstones
from dispatch_assets.watch.seen import Seen
from dispatch_assets_tests.defs.webserver import wait_for
from dispatch_assets_tests.rig.daemon import REPOSITORY, Daemon
from dispatch_assets_tests.samples import generic

COMMAND = "command line"
DAEMON = "daemon alone"
TARGETS = (COMMAND, "run worker", "code server", DAEMON, "everything")


class Lab:
    """A rig, a daemon, and someone who kills."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.daemon = Daemon(folder)
        self.random = random.Random(seed)
        self.n_written = 0
        self.killed: Counter[str] = Counter()
        for _ in range(4):
            self.change()

    def change(self) -> None:
        """Do what happens on a data root: something new, other content, a removal."""
        names = sorted(p.name for p in self.daemon.data.iterdir())
        what = self.random.choice(["new", "new", "again", "remove"]) if len(names) > 4 else "new"
        if what == "new":
            self.write(f"s{self.n_written:03d}")
        elif what == "again":
            self.write(self.random.choice(names))
        else:
            shutil.rmtree(self.daemon.data / self.random.choice(names))

    def write(self, name: str) -> None:
        self.n_written += 1
        staged = self.daemon.folder / "staged"
        generic.write_binary_folder(
            staged / "x", seconds=(0.05,), n_channels=4, seed=self.n_written
        )
        target = self.daemon.data / name
        if target.exists():
            shutil.rmtree(target)
        staged.rename(target)

    def kill(self, target: str) -> bool:
        """Kill something at a random moment; return whether there was anything to kill."""
        self.change()
        if target == COMMAND:
            return self.run_command(self.random.uniform(1.5, 6))
        if self.daemon.process is None:
            self.daemon.start()
        if target in ("everything", DAEMON):
            time.sleep(self.random.uniform(2, 15))
            self.daemon.kill() if target == "everything" else self.daemon.kill_alone()
            return True
        words = {"run worker": "multiprocessing", "code server": "grpc"}[target]
        return self.kill_process(words)

    def run_command(self, kill_after_s: float | None) -> bool:
        """Run ``dispatch-assets materialize``, and kill it if it is not done by then."""
        self.daemon.kill()  # it would do the same work
        command = [sys.executable, "-m", "dispatch_assets", "materialize"]
        places = ["--data", str(self.daemon.data), "--store", str(self.daemon.store)]
        with subprocess.Popen(
            [*command, *places],
            cwd=REPOSITORY,
            env={**os.environ, "DAGSTER_HOME": str(self.daemon.home)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as process:
            try:
                process.wait(kill_after_s)
            except subprocess.TimeoutExpired:
                process.kill()
                return True
        return False

    def look_at_everything(self) -> None:
        """Do what the schedule `full_inventory` does once a day.

        A run whose process is killed is started again twice, not more often; this follows it up.
        So many sessions may have gone meanwhile that a person has to say that it is meant.
        """
        config = {"reconcile": True, "only_complete": True, "allow_mass_removal": True}
        command = [str(Path(sys.executable).with_name("dagster")), "asset", "materialize"]
        command += ["-m", "dispatch_assets.definitions", "--select", "session_inventory"]
        command += ["--config-json", json.dumps({"ops": {"session_inventory": {"config": config}}})]
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env={**os.environ, **self.daemon.settings},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def kill_process(self, words: str) -> bool:
        """Wait for a process of the daemon's and kill it a moment later."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            for process in self.daemon.processes():
                with suppress(psutil.Error):
                    line = " ".join(process.cmdline())
                    if words in line and "resource_tracker" not in line:
                        time.sleep(self.random.uniform(0, 4))
                        process.kill()
                        return True
            time.sleep(0.3)
        return False

    def check_files(self) -> int:
        """Read every file of the store; return how many there are."""
        models: dict[str, type[BaseModel]] = {
            "session_inventory": Inventory,
            "vanished": Tombstones,
            "sorting_jobs": SortingJob,
        }
        n = 0
        for file in self.daemon.store.rglob("*.json"):
            if not file.name.startswith("."):
                value = json.loads(file.read_text())
                model = models.get(file.parent.name)
                if model is not None:
                    model.model_validate(value)
                n += 1
        return n

    def expected(self) -> dict[str, str]:
        entries = plan(self.daemon.data, DispatchParams()).entries
        return {str(e.job_key): str(e.fingerprint) for e in entries if e.status == "job"}

    def is_settled(self) -> bool:
        """Return whether every recording has its job, made from the files as they are."""
        try:
            jobs = {key: self.daemon.jobs.read(key).fingerprint for key in self.expected()}
        except OSError:
            return False
        return jobs == self.expected()


def trial(
    folder: Path,
    n_kills: int,
    seed: int,
    targets: Sequence[str] = TARGETS,
    say: Callable[[str], None] = print,
) -> Lab:
    """Kill so many times, then let everything come to rest, and check the result."""
    lab = Lab(folder, seed)
    try:
        while sum(lab.killed.values()) < n_kills:
            target = lab.random.choice(targets)
            if lab.kill(target):
                lab.killed[target] += 1
                say(f"kill {sum(lab.killed.values())}: {target}; {lab.check_files()} whole files")
        if set(targets) == {COMMAND}:
            lab.run_command(None)
        else:
            if lab.daemon.process is None:
                lab.daemon.start()
            lab.look_at_everything()
        wait_for("every recording to have its job", lab.is_settled, 300)
    finally:
        lab.daemon.stop()
    lab.check_files()
    keys = [job.job_key for job in map(lab.daemon.jobs.read, lab.daemon.jobs.keys())]
    assert len(keys) == len(set(keys)) == len(lab.daemon.jobs.keys())
    present = {str(e.job_key) for i in lab.daemon.shards.present() for e in i.jobs}
    assert set(lab.expected()) <= present
    assert Seen.read(str(lab.daemon.store), lab.daemon.data).entries
    return lab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="kills-"))
    print(f"in {folder}; it stays there if the trial fails")
    lab = trial(folder, options.kills, options.seed)
    for target, n in sorted(lab.killed.items()):
        print(f"{target}: killed {n} times")
    print(f"{len(lab.expected())} recordings, each with its job; {lab.check_files()} whole files")
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
