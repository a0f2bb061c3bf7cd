"""The asset graph: session_inventory, recordings, sorting_jobs, and what they need."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path

import dagster as dg

from dispatch_assets.defs.assets.recordings import recordings
from dispatch_assets.defs.assets.session_inventory import session_inventory
from dispatch_assets.defs.checks import every_stream_accounted_for
from dispatch_assets.defs.environment import AUTOMATE, COMPUTE, PARAMS, SORTING, WATCH, Settings
from dispatch_assets.defs.io_managers import SortingJobIOManager
from dispatch_assets.defs.resources import (
    DataRoot,
    DispatchParamsResource,
    Store,
    WrongParamsResource,
)
from dispatch_assets.defs.sorting_resources import (
    Compute,
    Results,
    SortingParamsResource,
    WrongSortingParamsResource,
)
from dispatch_assets.sorting.sorters.catalogue import needs_gpu

with warnings.catch_warnings():  # whoever runs a command can do nothing about `backfill_policy`
    warnings.simplefilter("ignore", dg.BetaWarning)
    from dispatch_assets.defs.assets.sorted_units import sorting_assets
    from dispatch_assets.defs.assets.sorting_jobs import IO_MANAGER, sorting_jobs
    from dispatch_assets.defs.automation import automation


def build_definitions(settings: Settings, wrong: Mapping[str, str] | None = None) -> dg.Definitions:
    """Put the graph together.

    Parameters
    ----------
    settings
        Where the data and the store are, and the parameters of dispatch.
    wrong
        What makes no sense, by environment variable: runs that need it fail with that sentence, and
        sensors that need it ask for nothing and say so.
    """
    wrong = wrong or {}
    params = DispatchParamsResource(**settings.params.model_dump())
    if PARAMS in wrong:
        params = WrongParamsResource(why=wrong[PARAMS])
    sorting = SortingParamsResource.of(settings.sorting)
    if why := " ".join(wrong[name] for name in (SORTING, COMPUTE) if name in wrong):
        sorting = WrongSortingParamsResource(why=why)
    store = Store(base=settings.store)
    local = "" if "://" in settings.store else str(Path(settings.store, "sorting"))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", dg.BetaWarning)
        chain = sorting_assets(gpu=needs_gpu(settings.sorting.spikesorting.sorter))
    why = " ".join(wrong[name] for name in (WATCH, AUTOMATE) if name in wrong)
    by_itself = automation(settings.automate, settings.watch, why)
    return dg.Definitions(
        sensors=by_itself.sensors,
        schedules=by_itself.schedules,
        assets=[session_inventory, recordings, sorting_jobs, *chain],
        asset_checks=[every_stream_accounted_for],
        resources={
            "data_root": DataRoot(path=settings.data),
            "store": store,
            "dispatch_params": params,
            IO_MANAGER: SortingJobIOManager(store=store),
            "results": Results(base=settings.results or local),
            "sorting_params": sorting,
            "compute": Compute(**settings.compute.model_dump()),
        },
        executor=dg.in_process_executor,  # steps take seconds, a process of their own 2 to 6 more
    )
