"""What the distribution of the tests over processes rests on."""

from __future__ import annotations

from pathlib import Path

import pytest

from dispatch_assets_tests.distribution import COMPILING, LONG, CompilingOnce, order


@pytest.mark.parametrize("module", LONG)
def test_modules_that_begin_exist(module: str) -> None:
    assert (Path(__file__).parent / module).is_file()


def test_what_compiles_stays_together_and_begins() -> None:
    compiling = [f"dispatch_assets_tests/{module}::test_x[a]" for module in COMPILING]
    others = [f"dispatch_assets_tests/{module}::test_x" for module in ("test_a.py", "test_b.py")]
    scheduling = CompilingOnce.__new__(CompilingOnce)
    assert {scheduling._split_scope(nodeid) for nodeid in compiling} == {"compiling"}
    assert len({scheduling._split_scope(nodeid) for nodeid in [*compiling, *others]}) == 3
    assert sorted([*others, *reversed(compiling)], key=order) == [*compiling, *others]
