"""Random choices of other packages follow from one seed, also in workers."""

from __future__ import annotations

import random
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest

from dispatch_assets.sorting.sorters.seeding import seeded


def draw(_: object = None) -> tuple[float, float]:
    return np.random.default_rng().random(), np.random.default_rng(None).random()


def test_random_choices_follow_from_the_seed_alone() -> None:
    def choices(seed: int) -> list[float]:
        with seeded(seed):
            return [np.random.default_rng().random(), np.random.rand(), random.random()]

    assert choices(1) == choices(1)
    assert all(a != b for a, b in zip(choices(1), choices(2), strict=True))
    with seeded(1):
        chosen = np.random.default_rng(5).random()
    assert chosen == np.random.default_rng(5).random()


def test_workers_draw_the_same_whatever_their_order() -> None:
    with seeded(3):
        here = draw()
        with ThreadPoolExecutor(4) as threads:
            assert set(threads.map(draw, range(8))) == {here}
        with ProcessPoolExecutor(2, mp_context=get_context("fork")) as processes:
            assert set(processes.map(draw, range(8))) == {here}


def test_generators_are_put_back() -> None:
    before = np.random.default_rng
    np.random.seed(11)
    random.seed(11)
    expected = np.random.rand(), random.random()
    np.random.seed(11)
    random.seed(11)
    with pytest.raises(ZeroDivisionError), seeded(3):
        int(np.random.rand()) // 0
    assert np.random.default_rng is before
    assert (np.random.rand(), random.random()) == expected
