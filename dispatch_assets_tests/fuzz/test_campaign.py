"""A few hundred cases of the campaign, and that it would notice what it looks for."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from dispatch_assets.errors import StoreError
from dispatch_assets_tests.fuzz.campaign import main, run_cases, table
from dispatch_assets_tests.fuzz.corpus import HEALTHY, Arena, write_arenas
from dispatch_assets_tests.fuzz.examination import Findings, examine_file
from dispatch_assets_tests.fuzz.hostile import Traps
from dispatch_assets_tests.fuzz.mutations import MUTATORS, mutate
from dispatch_assets_tests.fuzz.texts import Target
from dispatch_assets_tests.fuzz.worker import LIMIT_MB, Cases, Result

SEED = 20_260_101
N_CASES = 84
BAD_CASE = "no number"


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    write_arenas(folder)
    return folder


@pytest.fixture
def arena(work: Path) -> Arena:
    (folder,) = write_arenas(work, ["folder"])
    return folder


@pytest.fixture
def traps(tmp_path: Path) -> Traps:
    (tmp_path / "outside").mkdir()
    return Traps(tmp_path / "marker", tmp_path / "outside")


def test_nothing_escapes_hangs_grows_or_runs(work: Path) -> None:
    """One process dies at once, of a number that is none; another one runs the cases."""
    died, *results = run_cases(work, SEED, [BAD_CASE, *range(N_CASES)])  # type: ignore[list-item]
    assert died.fate == "died"
    assert "invalid literal for int" in died.faults[0]
    faults = {f"{r.number}: {r.file}; {r.damage}": r.faults for r in results if r.faults}
    assert faults == {}, table(results)
    assert set(Counter(r.kind for r in results).values()) == {N_CASES // 21}  # of each kind
    fates = Counter(r.fate for r in results)
    assert min(fates["refused"], fates["unharmed"], fates["other jobs"]) >= 5  # damage does matter
    assert 0 < max(r.peak_mb for r in results) <= LIMIT_MB


def test_a_case_is_the_same_whenever_it_is_run(work: Path) -> None:
    one, two, other = Cases(work, SEED), Cases(work, SEED), Cases(work, SEED + 1)
    assert [one.about(n) for n in range(60)] == [two.about(n) for n in range(60)]
    assert [one.about(n) for n in range(60)] != [other.about(n) for n in range(60)]


@pytest.mark.parametrize("holds", MUTATORS)
def test_damage_can_be_repeated_and_changes_something(holds: str, traps: Traps) -> None:
    contents = {
        "json": b'{"a": [1, 2, {"b": "c"}]}',
        "xml": b'<SETTINGS><INFO>x</INFO><A b="c" d="1"/></SETTINGS>',
        "assignments": b"a=1\nb=(2,3)\n~c=x\n",
    }
    content = contents.get(holds, bytes(range(256)))
    for seed in range(30):
        assert mutate(content, holds, Random(seed), traps) == mutate(
            content, holds, Random(seed), traps
        )
    assert len({mutate(content, holds, Random(seed), traps)[0] for seed in range(30)}) > 10


def test_what_escapes_is_noted() -> None:
    found = Findings()
    with found.guarded("here"):
        raise KeyError("x")
    with found.guarded("there", StoreError):
        raise StoreError("damaged", "x.json", "Mend it")
    with found.guarded("anywhere"):
        raise StoreError("damaged", "x.json", "Mend it")
    escaped = [f.split(" escaped")[0] for f in found.faults]
    assert escaped == ["here: KeyError", "anywhere: StoreError"]
    assert found.fate == "refused"


def target(arena: Arena, name: str) -> Target:
    return next(t for t in arena.targets if t.path is not None and t.path.name == name)


def test_planted_code_and_a_harmed_sibling_are_noted(arena: Arena, traps: Traps) -> None:
    def run_trap(path: Path) -> None:
        traps.marker.mkdir()
        path.write_bytes(path.read_bytes())

    found = examine_file(arena, target(arena, "si_folder.json"), run_trap, Random(0), traps)
    assert found.faults == ["planted code has run"]
    traps.marker.rmdir()

    healthy = arena.data / HEALTHY / "recording" / "properties" / "gain_to_uV.npy"
    damaged = Target("a sibling's file", "npy", healthy, healthy.read_bytes())
    found = examine_file(arena, damaged, lambda path: path.unlink(), Random(0), traps)
    assert any("of the healthy session" in fault for fault in found.faults)
    assert healthy.read_bytes() == damaged.content  # it is mended


def test_undamaged_files_are_no_fault(arena: Arena, traps: Traps) -> None:
    def leave(path: Path) -> None:
        assert path.is_file()

    found = examine_file(arena, target(arena, "binary.json"), leave, Random(0), traps)
    assert found == Findings("unharmed", [])


def test_the_command_prints_a_table(
    work: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "log"
    about = ["--folder", str(work), "--seed", "3", "--log", str(log)]
    assert main([*about, "--cases", "2"]) == 0
    said = capsys.readouterr().out
    assert said.splitlines()[-1].split()[:2] == ["all", "2"]
    assert [Result(**json.loads(x)).number for x in log.read_text().splitlines()] == [0, 1]
