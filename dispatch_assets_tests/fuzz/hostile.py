"""Values that nobody expects where they stand: numbers, texts, paths, and traps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from dispatch_assets_tests.samples.generic import pickle_trap

DEEP = 100_000  # brackets
LONG = 1_000_000  # letters
HUGE_DIGITS = 5_000  # more than Python turns into a number


@dataclass(frozen=True)
class Traps:
    """What nothing may touch.

    Attributes
    ----------
    marker
        A folder that planted code would make.
    outside
        A folder beside the data folder, with a file called ``secret``.
    """

    marker: Path
    outside: Path

    def pickle(self) -> bytes:
        """Return a pickle that makes `marker` when it is loaded."""
        return pickle_trap(self.marker)

    def foreign_class(self) -> dict[str, Any]:
        """Return what SpikeInterface would load as a call of ``os.mkdir``."""
        return {
            "class": "os.mkdir",
            "module": "os",
            "version": "0.105.0",
            "kwargs": {"path": str(self.marker)},
            "annotations": {},
            "properties": {},
            "relative_paths": False,
        }


NAMES = [
    "..",
    ".",
    "/",
    "../../evil",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\0b",
    "a\nb",
    "😀 é",
    "x" * 300,
    "a__b",
    "~",
    "~root",
    "a~b~~c",
    "-rf",
    "\ud800",
    "\x1b[2J",
    "\u202egnp.exe",
    "${HOME}",
    "{0.__class__}",
    "%s%n",
    "CON",
]
NUMBERS = [
    "0", "-1", "1", "-0.0", "1e308", "1e-320", "1e400", "-1e400", "nan", "inf", "-inf", "NaN",
    "Infinity", "2147483648", "-9223372036854775809", "18446744073709551616", "0x10", "1_000",
    "٣", "1,5", "30000.0000001", "9" * 400, "9" * HUGE_DIGITS,
]  # fmt: skip


def text(rng: Random, traps: Traps) -> str:
    """Return a text that is no good name, number or path."""
    made: list[Callable[[], str]] = [
        lambda: rng.choice(NAMES),
        lambda: rng.choice(NUMBERS),
        lambda: str(traps.outside / "secret"),
        lambda: f"../../../{traps.outside.name}/secret",
        lambda: f"s3://bucket/{rng.choice(NAMES)}",
        lambda: "",
        lambda: " ",
        lambda: "x" * rng.choice([255, 256, 4_097, LONG]),
        lambda: "".join(chr(rng.randrange(1, 0x3000)) for _ in range(20)),
        lambda: "os.system",
    ]
    return rng.choice(made)()


def value(rng: Random, traps: Traps) -> Any:
    """Return a JSON value of a type, size or meaning that nobody expects."""
    made: list[Callable[[], Any]] = [
        lambda: None,
        lambda: rng.choice([True, False]),
        lambda: rng.choice([0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400]),
        lambda: rng.choice([0.5, -0.0, 1e308, 1e-320, float("nan"), float("inf")]),
        lambda: text(rng, traps),
        lambda: text(rng, traps),
        list,
        dict,
        lambda: [[]],
        lambda: [None] * rng.choice([1, 3, 1_000]),
        lambda: {text(rng, traps): text(rng, traps)},
        lambda: [1e308, float("nan"), "x", None],
        lambda: traps.foreign_class(),
        lambda: {"id": "pickle", "protocol": 5},
        lambda: [0] * 100_000,
    ]
    return rng.choice(made)()
