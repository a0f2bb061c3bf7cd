"""One seed for every random choice that other packages make, whether they take a seed or not."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Make random choices follow from `seed` while the block runs.

    SpikeInterface calls ``numpy.random.default_rng(None)`` in places that no seed reaches. Here
    such a generator begins with `seed`, each time anew: what one caller draws then depends
    neither on other callers nor on the order in which threads reach them. The global generators
    are seeded too, and all of them are put back afterwards. Workers that are forked inherit this.

    Parameters
    ----------
    seed
        At least 0, below 2**32.
    """
    import numpy as np

    original = np.random.default_rng
    python_state, numpy_state = random.getstate(), np.random.get_state()

    instead_of_none = seed

    def default_rng(seed: Any = None) -> np.random.Generator:  # noqa: ANN401 - as numpy's own
        return original(instead_of_none if seed is None else seed)

    random.seed(seed)
    np.random.seed(seed)  # the generator that scikit-learn draws from
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)
    np.random.default_rng = default_rng
    try:
        yield
    finally:
        np.random.default_rng = original
        random.setstate(python_state)
        np.random.set_state(numpy_state)
