"""``session_inventory``: what is in the data root, session by session.

The order of its steps makes every interruption harmless. Changes are reported before shards are
written (a scan cut short reports them again, never not at all), shards are written before keys
become partitions (whoever runs a partition finds its shard), and what was seen is noted last (until
then the sensor asks for it again).
"""

import time
from collections.abc import Iterator

import dagster as dg
from pydantic import Field

from dispatch_assets.changes import Change, Scan
from dispatch_assets.defs.assets import GROUP, OWNERS
from dispatch_assets.defs.assets.recordings import MAX_NEW_REPORTED, events
from dispatch_assets.defs.environment import refuse_store_among_sessions
from dispatch_assets.defs.failures import as_failure
from dispatch_assets.defs.metadata import inventory_metadata
from dispatch_assets.defs.partitions import register
from dispatch_assets.defs.reconcile import missed
from dispatch_assets.defs.resources import DataRoot, DispatchParamsResource, Store
from dispatch_assets.errors import count
from dispatch_assets.scan import scan
from dispatch_assets.watch.inventories import OnlyComplete, Watched

KEY = dg.AssetKey("session_inventory")
LOG_EVERY_S = 10.0


class InventoryConfig(dg.Config):
    """What one run looks at. It decides nothing about the jobs themselves."""

    sessions: list[str] = Field(
        default=[], description="Names of the sessions to look at; empty: the whole data root."
    )
    entries: list[str] = Field(
        default=[],
        description="Names in the data root to look at, whatever sessions they hold; the sensor "
        "`new_sessions` asks for these.",
    )
    reconcile: bool = Field(
        default=False,
        description="Report again what was not followed up: recordings whose job, or whose "
        "sorting, was made from something else. Automation then does so.",
    )
    only_complete: bool = Field(
        default=False,
        description="Leave alone what is new or has changed, and is still being copied.",
    )
    settle_s: float = Field(
        default=0.0,
        ge=0,
        description="Seconds that it has to stay as it is (a few in any case), which the run "
        "waits, with `only_complete`.",
    )
    looked_at: dict[str, str] = Field(
        default={},
        description="What the sensor saw of the entries: those that look different by now are "
        "left alone, with `only_complete`.",
    )
    allow_mass_removal: bool = Field(
        default=False,
        description="Accept that the data root is empty or most sessions are gone. Off, this is an "
        "error, since an unmounted disk looks the same.",
    )

    def wanted(self) -> OnlyComplete | None:
        """Return what entries that are new or have changed have to be like, None if anything."""
        return OnlyComplete(self.settle_s, self.looked_at) if self.only_complete else None


@dg.asset(
    description="Looks at every session of the data root, headers only, and writes down each "
    "stream: a job, or the reason why not. Registers one partition per recording and reports "
    "those that are new, changed or gone. Nothing is ever deleted.",
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "json"},
    tags={"dispatch/layer": "plan"},
    code_version="1",
    pool="dispatch",
)
def session_inventory(
    context: dg.AssetExecutionContext,
    config: InventoryConfig,
    data_root: DataRoot,
    store: Store,
    dispatch_params: DispatchParamsResource,
) -> Iterator[dg.AssetObservation | dg.AssetMaterialization | dg.MaterializeResult[None]]:
    """Compare the data root with the store, and keep the store and the partitions up to date."""
    with as_failure(context):
        root, params, shards = data_root.folder(), dispatch_params.plain(), store.shards()
        refuse_store_among_sessions(store.base, root)
        watched = Watched(
            store.base,
            root,
            params,
            config.sessions,
            config.entries,
            only_complete=config.wanted(),
        )
        found = scan(
            root,
            params,
            shards,
            watched.scope,
            allow_mass_removal=config.allow_mass_removal,
            on_session=_Progress(context),
        )
        yield from events(found.changed)
        found.save(shards, config.entries)
        added = register(context.instance, found.jobs)
        yield from events(_to_report(found, added)[:MAX_NEW_REPORTED])
        if config.reconcile:
            overdue = missed(context.instance, found)
            context.log.info(f"{count(len(overdue), 'recording')} reported again")
            yield from events(overdue)
        watched.note(found)
        metadata = inventory_metadata(found, shards.place, watched.incomplete)
        yield dg.MaterializeResult(metadata=metadata)


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
