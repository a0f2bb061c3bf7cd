"""One case after the other, in a process that may die of one: ``python -m ...worker WORK SEED``.

Reads numbers of cases from its standard input, one a line, and answers with one line of JSON each.
A case that takes longer than `LIMIT_S` ends the process, with a trace of where it was.
"""

from __future__ import annotations

import faulthandler
import json
import os
import resource
import sys
import time
import warnings
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random

from dispatch_assets_tests.fuzz.corpus import STORE_KINDS, Arena, write_arenas
from dispatch_assets_tests.fuzz.examination import Findings, examine_file, examine_text
from dispatch_assets_tests.fuzz.hostile import Traps
from dispatch_assets_tests.fuzz.mutations import mutate
from dispatch_assets_tests.fuzz.texts import Target, texts

LIMIT_S = 10.0
LIMIT_MB = 1_000.0
ADDRESSES = 8 * 2**30  # bytes; beyond, the machine would suffer: that is a MemoryError


@dataclass
class Result:
    """What came of one case.

    Attributes
    ----------
    number
        Of the case.
    kind, file, damage
        What was damaged, and how.
    fate
        As `examination.Findings`; ``died`` if the process did.
    seconds, peak_mb
        Time, and the largest resident memory of the process meanwhile.
    faults
        What must not be.
    """

    number: int
    kind: str
    file: str
    damage: str
    fate: str = "died"
    seconds: float = 0.0
    peak_mb: float = 0.0
    faults: list[str] = field(default_factory=list)


class Cases:
    """All cases of a seed.

    Parameters
    ----------
    work
        Folder for sample sessions; those that lie there already are used.
    seed
        The same seed gives the same cases.
    """

    def __init__(self, work: Path, seed: int) -> None:
        self._seed = seed
        self.traps = Traps(work / "trap_has_run", work / "outside")
        self.traps.outside.mkdir(parents=True, exist_ok=True)
        (self.traps.outside / "secret").write_text("secret")
        self._arenas = write_arenas(work)
        self._by_kind: dict[str, list[tuple[Arena, Target]]] = defaultdict(list)
        for arena in self._arenas:
            for target in arena.targets:
                self._by_kind[target.kind].append((arena, target))
        parsed_in = next(a for a in self._arenas if a.name == "store")
        for target in texts():
            self._by_kind[target.kind].append((parsed_in, target))

    def _chosen(self, number: int) -> tuple[Arena, Target, Random]:
        rng = Random(f"{self._seed}:{number}")
        kinds = sorted(self._by_kind)
        arena, target = rng.choice(self._by_kind[kinds[number % len(kinds)]])
        return arena, target, rng

    def about(self, number: int) -> Result:
        """Say what a case damages; nothing is done."""
        arena, target, rng = self._chosen(number)
        _, how = _damage(target, rng, self.traps)
        path = "" if target.path is None else str(target.path.relative_to(arena.data.parent))
        return Result(number, target.kind, f"{arena.name}: {path}", how)

    def run(self, number: int) -> Result:
        """Run one case."""
        arena, target, rng = self._chosen(number)
        damage, _how = _damage(target, rng, self.traps)
        result = self.about(number)
        _reset_peak()
        begin = time.monotonic()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = self._examined(arena, target, damage, rng)
        result.seconds, result.peak_mb = time.monotonic() - begin, _peak_mb()
        found.check(result.seconds <= LIMIT_S, f"took {result.seconds:.1f} s")
        found.check(result.peak_mb <= LIMIT_MB, f"took {result.peak_mb:.0f} MB")
        result.fate, result.faults = found.fate, found.faults
        return result

    def _examined(
        self, arena: Arena, target: Target, damage: Callable[[Path], None] | bytes, rng: Random
    ) -> Findings:
        if isinstance(damage, bytes):
            return examine_text(target, damage, arena)
        return examine_file(arena, target, damage, rng, self.traps)


def _damage(
    target: Target, rng: Random, traps: Traps
) -> tuple[Callable[[Path], None] | bytes, str]:
    """Return the damaged text, or what damages the file; and a word for it."""
    in_store = target.kind in STORE_KINDS  # which nobody but ourselves makes folders or pipes in
    if target.path is not None and not in_store and rng.random() < 0.02:
        how = rng.choice(sorted(_ODD_FILES))
        return _ODD_FILES[how], how
    content, how = mutate(target.content, target.holds, rng, traps)
    if target.path is None:
        return content, how
    return (lambda path: _overwrite(path, content)), how


def _overwrite(path: Path, content: bytes) -> None:
    path.write_bytes(content)


def _instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    def replace(path: Path) -> None:
        path.unlink()
        make(path)

    return replace


_ODD_FILES: dict[str, Callable[[Path], None]] = {
    "missing": lambda path: path.unlink(),
    "a folder": _instead(Path.mkdir),
    "a link to nowhere": _instead(lambda path: path.symlink_to("nowhere")),
    "a link to itself": _instead(lambda path: path.symlink_to(path.name)),
    "a pipe": _instead(os.mkfifo),
    "a link to a device": _instead(lambda path: path.symlink_to("/dev/zero")),
}


def _reset_peak() -> None:
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak_mb() -> float:
    """Return the largest resident memory since `_reset_peak`; on other systems, ever."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(x.split()[1]) for x in lines if x.startswith("VmHWM")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def serve(work: Path, seed: int) -> None:
    """Run the cases whose numbers come in."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESSES, ADDRESSES))
    cases = Cases(work, seed)
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print goes elsewhere
    for line in sys.stdin:
        number = int(line)
        print(json.dumps(asdict(cases.about(number))), file=answers, flush=True)
        # the first case of a process imports what it needs
        faulthandler.dump_traceback_later(LIMIT_S + 5, exit=True)
        result = cases.run(number)
        faulthandler.cancel_dump_traceback_later()
        print(json.dumps(asdict(result)), file=answers, flush=True)


if __name__ == "__main__":
    faulthandler.enable()
    serve(Path(sys.argv[1]), int(sys.argv[2]))
