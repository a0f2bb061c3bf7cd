"""``session_inventory``: what is in the data root, session by session.

The order of its steps makes every interruption harmless. Changes are reported before shards are
written (a scan cut short reports them again, never not at all), shards are written before keys
become partitions (whoever runs a partition finds its shard).
"""

import time
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from dispatch_assets.defs.assets import GROUP, OWNERS
from dispatch_assets.defs.assets.recordings import MAX_NEW_REPORTED, events
from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.metadata import inventory_metadata
from dispatch_assets.defs.partitions import register
from dispatch_assets.defs.resources import DataRoot, DispatchParamsResource, Store
from dispatch_assets.errors import count
from dispatch_assets.scan import Change, Scan, scan

LOG_EVERY_S = 10.0


class InventoryConfig(dg.Config):
    """What one run looks at. It decides nothing about the jobs themselves."""

    sessions: list[str] = Field(
        default=[], description="Names of the sessions to look at; empty: the whole data root."
    )
    allow_mass_removal: bool = Field(
        default=False,
        description="Accept that the data root is empty or most sessions are gone. Off, this is an "
        "error, since an unmounted disk looks the same.",
    )


@dg.asset(
    description="Looks at every session of the data root, headers only, and writes down each "
    "stream: a job, or the reason why not. Registers one partition per recording and reports "
    "those that are new, changed or gone. Nothing is ever deleted.",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "json"},
    tags={"dispatch/layer": "plan"},
    code_version="1",
    pool="session_inventory",
)
def session_inventory(
    context: dg.AssetExecutionContext,
    config: InventoryConfig,
    data_root: DataRoot,
    store: Store,
    dispatch_params: DispatchParamsResource,
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Compare the data root with the store, and keep the store and the partitions up to date."""
    with as_failure():
        shards = store.shards()
        found = scan(
            data_root.folder(),
            dispatch_params.plain(),
            shards,
            sessions=config.sessions,
            allow_mass_removal=config.allow_mass_removal,
            on_session=_Progress(context),
        )
        yield from events(found.changed)
        found.save(shards)
        added = register(context.instance, found.jobs)
        yield from events(_to_report(found, added)[:MAX_NEW_REPORTED])
        yield dg.MaterializeResult(metadata=inventory_metadata(found, shards.place))


class _Progress:
    """Logs a line now and then; one for each session would cost as much as reading it."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self._log, self._n, self._due_s = context.log, 0, time.monotonic()

    def __call__(self, session: str) -> None:
        if time.monotonic() >= self._due_s:
            self._log.info(f"Reading {session} ({count(self._n, 'session')} done)")
            self._due_s = time.monotonic() + LOG_EVERY_S
        self._n += 1


def _to_report(found: Scan, added: list[str]) -> list[Change]:
    """Return the recordings that are new to the store, or to this Dagster instance."""
    known = {change.key for change in [*found.new, *found.changed]}
    elsewhere = [Change(key, found.jobs[key]) for key in added if key not in known]
    return [*found.new, *elsewhere]
