"""What no linter checks: the core lives without Dagster, and starts quickly."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import dispatch_assets

PACKAGE = Path(dispatch_assets.__file__).parent
WITHOUT_DAGSTER = """
import sys
class NoDagster:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0].startswith("dagster"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, NoDagster())
"""


def run(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_core_and_the_command_line_work_without_dagster(tmp_path: Path) -> None:
    code = WITHOUT_DAGSTER + "from dispatch_assets.cli import main; sys.exit(main(sys.argv[1:]))"
    done = run(code, "plan", str(tmp_path))
    assert "0 jobs" in done.stdout, done.stderr
    done = run(code, "materialize", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "needs Dagster" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_core_module_imports_without_dagster() -> None:
    modules = [
        ".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts)
        for p in PACKAGE.rglob("*.py")
        if "defs" not in p.parts and p.name not in ("definitions.py", "__init__.py")
    ]
    assert len(modules) > 20
    done = run(
        WITHOUT_DAGSTER + "import importlib\nfor m in sys.argv[1:]: importlib.import_module(m)",
        *modules,
    )
    assert done.returncode == 0, done.stderr


def test_help_imports_nothing_heavy() -> None:
    code = """
import sys
from dispatch_assets.cli import main
try: main(["--help"])
except SystemExit as e: assert not e.code
heavy = {"numpy", "pydantic", "spikeinterface", "dagster", "neo", "tqdm"} & set(sys.modules)
sys.exit(f"imported {heavy}" if heavy else 0)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr
    assert "dispatch" in done.stdout


def test_parameters_and_models_need_no_reader() -> None:
    code = """
import sys, dispatch_assets.params, dispatch_assets.models, dispatch_assets.discovery
import dispatch_assets.planning
sys.exit("imported spikeinterface" if "spikeinterface" in sys.modules else 0)
"""
    done = run(code)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", sorted(PACKAGE.rglob("*.py")), ids=lambda p: p.name)
def test_modules_are_small(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 300
