"""How SpikeInterface computes in this step: workers, seed, its warnings, its errors."""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dispatch_assets.errors import StepError
from dispatch_assets.sorting.step import Log

_LONGEST_LINE = 300  # SpikeInterface names each unit that it warns of


@dataclass(frozen=True)
class Work:
    """What every computation is given: number of parallel workers, seed, and a log."""

    n_jobs: int
    seed: int
    log: Log

    @property
    def job_kwargs(self) -> dict[str, Any]:
        """SpikeInterface's arguments for parallel work.

        Threads cost the same CPU time as processes here, share the memory, and none outlives a
        step that is killed.
        """
        return {
            "n_jobs": self.n_jobs,
            "pool_engine": "thread",
            "chunk_duration": "1s",
            "progress_bar": True,
        }

    @contextmanager
    def computing(self, what: str, remedy: str = "") -> Iterator[None]:
        """Turn warnings into lines of the log, and any error into one that says what failed.

        Raises
        ------
        StepError
            If anything fails.
        """
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            try:
                yield
            except Exception as e:
                message = f"{what} cannot be computed ({type(e).__name__}: {e})"
                default = "Are the parameters of `postprocessing` right?"
                raise StepError(message, "", remedy or default) from e
        for text in dict.fromkeys(str(warning.message) for warning in caught):
            self.log(f"units: {textwrap.shorten(text, _LONGEST_LINE)}")
