"""What runs of the sorting chain are given: parameters, a place for results, a launcher."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from pydantic import Field

from dispatch_assets.defs import environment
from dispatch_assets.errors import ParameterError
from dispatch_assets.sorting.params import (
    CurationParams,
    NwbParams,
    PostprocessingParams,
    PreprocessingParams,
    SortingParams,
    SpikesortingParams,
)


class PreprocessingConfig(PreprocessingParams, dg.Config):
    """How recordings are prepared for the sorter."""


class SpikesortingConfig(SpikesortingParams, dg.Config):
    """Which sorter, with which arguments."""


class PostprocessingConfig(PostprocessingParams, dg.Config):
    """What is computed about the units that the sorter found."""


class CurationConfig(CurationParams, dg.Config):
    """How units are labelled."""


class NwbConfig(NwbParams, dg.Config):
    """How units are written to NWB."""


class SortingParamsResource(dg.ConfigurableResource):  # type: ignore[type-arg]
    """The parameters of the sorting chain; a run may change them in the launchpad."""

    preprocessing: PreprocessingConfig = Field(default=PreprocessingConfig())
    spikesorting: SpikesortingConfig = Field(default=SpikesortingConfig())
    postprocessing: PostprocessingConfig = Field(default=PostprocessingConfig())
    curation: CurationConfig = Field(default=CurationConfig())
    nwb: NwbConfig = Field(default=NwbConfig())
    seed: int = Field(default=0, ge=0, lt=2**32, description="Seed of every random choice.")

    @classmethod
    def of(cls, params: SortingParams) -> "SortingParamsResource":
        """Return the resource with these parameters as its defaults."""
        return cls(**params.model_dump())

    def plain(self) -> SortingParams:
        """Return them as the core takes them."""
        wanted = set(SortingParams.model_fields)
        return SortingParams.model_validate(self.model_dump(include=wanted))


class WrongSortingParamsResource(SortingParamsResource):
    """Stands in for settings of the chain that make no sense: whoever sorts is told why."""

    why: str = Field(description="What is wrong.")

    def plain(self) -> SortingParams:
        """Refuse.

        Raises
        ------
        ParameterError
            Always.
        """
        raise ParameterError(self.why, remedy="Mend it, then reload the code location")


class Results(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Where the results of the sorting chain are kept: one folder per recording."""

    base: str = Field(description="Folder on a disk that all runs share.")

    def folder(self) -> Path:
        """Return the folder in which each recording has a folder of results.

        Raises
        ------
        ParameterError
            If the store is a URL and nobody has said which folder to use.
        """
        if not self.base or "://" in self.base:
            remedy = f"Set {environment.RESULTS} to a folder, then reload"
            raise ParameterError(
                "sorting needs a folder on a disk", self.base or "DISPATCH_STORE", remedy
            )
        return Path(self.base)


class Compute(environment.ComputeParams, dg.ConfigurableResource):  # type: ignore[type-arg]
    """How the commands of heavy steps are launched: directly, or through a cluster's launcher."""

    def command(self, *, gpu: bool) -> list[str]:
        """Return the beginning of a step's command line."""
        prefix = (self.gpu_prefix or self.prefix) if gpu else self.prefix
        return [*prefix, self.python or sys.executable, "-m", "dispatch_assets", "run"]

    def n_jobs_argument(self, runs_at_a_time: int) -> Sequence[str]:
        """Return how many workers a step may use, as arguments of its command."""
        if not self.n_jobs and self.prefix:
            return ()
        n_cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
        return ("--n-jobs", str(self.n_jobs or max(1, n_cores // max(1, runs_at_a_time))))


def runs_at_a_time(instance: dg.DagsterInstance, pool: str) -> int:
    """Return how many runs of a pool the instance allows at once; 1 where nothing is queued."""
    storage = instance.event_log_storage
    if storage.supports_global_concurrency_limits:
        limits = {limit.name: limit.limit for limit in storage.get_pool_limits()}
        if limit := limits.get(pool, instance.global_op_concurrency_default_limit):
            return limit
    queue = instance.get_concurrency_config().run_queue_config
    return max(1, queue.max_concurrent_runs) if queue is not None else 1
