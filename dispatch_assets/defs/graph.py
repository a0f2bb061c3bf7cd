"""The asset graph: session_inventory, recordings, sorting_jobs, and what they need."""

from __future__ import annotations

import warnings

import dagster as dg

from dispatch_assets.defs.assets.recordings import recordings
from dispatch_assets.defs.assets.session_inventory import session_inventory
from dispatch_assets.defs.checks import every_stream_accounted_for
from dispatch_assets.defs.environment import Settings
from dispatch_assets.defs.io_managers import SortingJobIOManager
from dispatch_assets.defs.resources import DataRoot, DispatchParamsResource, Store

with warnings.catch_warnings():  # whoever runs a command can do nothing about `backfill_policy`
    warnings.simplefilter("ignore", dg.BetaWarning)
    from dispatch_assets.defs.assets.sorting_jobs import IO_MANAGER, sorting_jobs


def build_definitions(settings: Settings) -> dg.Definitions:
    """Put the graph together.

    Parameters
    ----------
    settings
        Where the data and the store are, and the parameters of dispatch.
    """
    store = Store(base=settings.store)
    return dg.Definitions(
        assets=[session_inventory, recordings, sorting_jobs],
        asset_checks=[every_stream_accounted_for],
        resources={
            "data_root": DataRoot(path=settings.data),
            "store": store,
            "dispatch_params": DispatchParamsResource(**settings.params.model_dump()),
            IO_MANAGER: SortingJobIOManager(store=store),
        },
        executor=dg.in_process_executor,  # steps take seconds, a process of their own 2 to 6 more
    )
