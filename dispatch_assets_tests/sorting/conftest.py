"""Known recordings, written once per test run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dispatch_assets_tests.sorting.lab import Known, write_known


@pytest.fixture(scope="session")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("known"))


@pytest.fixture(scope="session")
def two_segments(tmp_path_factory: pytest.TempPathFactory) -> Known:
    return write_known(tmp_path_factory.mktemp("two_segments"), durations_s=(12.0, 8.0), seed=2)


@pytest.fixture
def without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drawing is half of the work on recordings this short."""
    monkeypatch.setattr("dispatch_assets.sorting.preprocessing.step._draw", lambda *_: {})


@pytest.fixture(scope="module")
def without_compiling() -> Iterator[None]:
    """Compare templates as SpikeInterface does without numba: compiling that takes 20 CPU s."""
    from spikeinterface.postprocessing import template_similarity as si

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(si, "_compute_similarity_matrix", si._compute_similarity_matrix_numpy)
        yield
