"""A name of its own for each session of a data folder."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path


def unique_names(named: Sequence[tuple[str, Path]], root: Path) -> list[str]:
    """Return a name for each session that no other one has, ignoring letter case.

    Parameters
    ----------
    named
        Name and path of each session. Those that share a name get their folders' in front.
    root
        The data folder.
    """
    spellings = [[name, *_longer_names(name, path, root)] for name, path in named]
    taken = [Counter(names[i].casefold() for names in spellings) for i in range(3)]
    chosen = [
        next((n for i, n in enumerate(names) if taken[i][n.casefold()] == 1), names[-1])
        for names in spellings
    ]
    clashes = Counter(name.casefold() for name in chosen)
    return [
        n if clashes[n.casefold()] == 1 else f"{n}-{_digest(os.path.relpath(path, root))}"
        for n, (_, path) in zip(chosen, named, strict=True)
    ]


def _digest(path: str) -> str:
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:8]


def _longer_names(name: str, path: Path, root: Path) -> tuple[str, str]:
    """Return the name with its folders in front, and the whole path in the data folder."""
    relative = path.relative_to(root) if path.is_relative_to(root) else path.relative_to("/")
    folder = "-".join(relative.parent.parts)
    return (f"{folder}-{name}" if folder else path.name), "-".join(relative.parts)
