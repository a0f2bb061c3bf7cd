"""How the tests are spread over processes: what takes long begins, what compiles stays together.

numba compiles what the default sorter and SpikeInterface's metrics need once in each process, which
takes half a minute.
"""

from __future__ import annotations

from xdist.scheduler import LoadFileScheduling  # type: ignore[import-untyped]

_PACKAGE = "dispatch_assets_tests/"
COMPILING = (
    "sorting/test_sorters_spykingcircus2.py",
    "sorting/test_units.py",
    "sorting/test_units_recordings.py",
)
LONG = (*COMPILING, "rig/test_daemon.py", "defs/test_webserver.py")


class CompilingOnce(LoadFileScheduling):  # type: ignore[misc]
    """Gives each process whole modules, and all that compile to one process."""

    def _split_scope(self, nodeid: str) -> str:
        return "compiling" if module_of(nodeid) in COMPILING else str(super()._split_scope(nodeid))


def module_of(nodeid: str) -> str:
    """Return the file of a test, relative to the package of all tests."""
    return nodeid.partition("::")[0].removeprefix(_PACKAGE)


def order(nodeid: str) -> int:
    """Return a number by which tests that take long come first, and all others stay in order."""
    module = module_of(nodeid)
    return LONG.index(module) if module in LONG else len(LONG)
