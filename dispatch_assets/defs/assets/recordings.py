"""``recordings``: the raw data, one partition per recording. Dagster does not make them.

Two events say that one is new or has changed. The observation makes jobs made from the old data
stale; the materialization is what automation waits for. Both carry the fingerprint of the raw
files as data version. An event costs 7 ms and 3 kB, so of new recordings only `MAX_NEW_REPORTED`
are reported per inventory run: they need no event to be dispatched. Changed ones all are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import dagster as dg

from dispatch_assets.changes import Change
from dispatch_assets.defs.assets import GROUP, OWNERS
from dispatch_assets.defs.metadata import recording_metadata
from dispatch_assets.defs.partitions import SORTING_JOBS

MAX_NEW_REPORTED = 500

KEY = dg.AssetKey("recordings")

recordings = dg.AssetSpec(
    KEY,
    description="Raw recordings on disk, one partition each. The data version is the fingerprint "
    "of the raw files: sizes and sampled content, never dates.",
    deps=["session_inventory"],
    partitions_def=SORTING_JOBS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"file"},
    tags={"dispatch/layer": "raw"},
)


def events(changes: Iterable[Change]) -> Iterator[dg.AssetObservation | dg.AssetMaterialization]:
    """Yield what to log about recordings that are new or have changed."""
    for change in changes:
        tags = {"dagster/data_version": str(change.now.fingerprint)}
        about = recording_metadata(change)
        yield dg.AssetObservation(KEY, partition=change.key, tags=tags, metadata=about)
        yield dg.AssetMaterialization(KEY, partition=change.key, tags=tags, metadata=about)
