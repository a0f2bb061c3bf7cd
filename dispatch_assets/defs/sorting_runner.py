"""Run the sorting chain of some recordings through Dagster, without a daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import dagster as dg

from dispatch_assets.defs.environment import Settings
from dispatch_assets.defs.partitions import contiguous, partition_tags
from dispatch_assets.sorting.chain import STEPS


def sort(
    settings: Settings,
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    steps: Sequence[str] = tuple(STEPS),
    loggers: Mapping[str, object] | None = None,
) -> dict[str, str]:
    """Materialize steps of the chain for recordings whose jobs are written.

    Parameters
    ----------
    settings
        Where the store is, and the parameters of the chain.
    instance
        Dagster's state; knows the partitions.
    keys
        Keys of the recordings.
    steps
        Which steps.
    loggers
        Run configuration of Dagster's loggers; quiet if not given.

    Returns
    -------
    dict of str to str
        Why runs failed, by the keys that each run was about.
    """
    from dispatch_assets.defs.graph import build_definitions

    job = build_definitions(settings).resolve_implicit_global_asset_job_def()
    quiet = {"console": {"config": {"log_level": "CRITICAL"}}}
    failed: dict[str, str] = {}
    for stretch in contiguous(instance, keys):
        try:
            job.execute_in_process(
                run_config={"loggers": loggers or quiet},
                asset_selection=[dg.AssetKey(step) for step in steps],
                tags=partition_tags(stretch),
                instance=instance,
            )
        except dg.Failure as e:
            failed |= dict.fromkeys(stretch, e.description or "")
    return failed
