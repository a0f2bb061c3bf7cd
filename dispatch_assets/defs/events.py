"""Materializations that a run of many partitions logs itself, one per partition."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from dispatch_assets.defs.metadata import Metadata


def materialization(
    asset: dg.AssetKey,
    partition: str,
    *,
    data_version: str,
    code_version: str,
    follows_from: Mapping[dg.AssetKey, tuple[str, int]],
    metadata: Metadata,
) -> dg.AssetMaterialization:
    """Return the event that Dagster would log for a run of this partition alone.

    Parameters
    ----------
    asset
        The asset.
    partition
        The partition.
    data_version
        Data version of this partition.
    code_version
        Code version of the asset.
    follows_from
        Data version of each asset that it was made from, with `newest_event` of that asset.
    metadata
        What people see.
    """
    tags = {
        "dagster/data_version": data_version,
        "dagster/data_version_is_user_provided": "true",
        "dagster/code_version": code_version,
    }
    for key, (version, event) in follows_from.items():
        name = key.to_user_string()
        tags[f"dagster/input_data_version/{name}"] = version
        tags[f"dagster/input_event_pointer/{name}"] = str(event)
    return dg.AssetMaterialization(asset, partition=partition, tags=tags, metadata=metadata)


def newest_event(instance: dg.DagsterInstance, asset: dg.AssetKey) -> int:
    """Return the id of the newest event of an asset; later ones make what follows from it stale.

    Never 0, which would stand for "unknown": then no later event would count.
    """
    pages = (
        instance.fetch_observations(asset, limit=1),
        instance.fetch_materializations(asset, limit=1),
    )
    return max([1, *(record.storage_id for page in pages for record in page.records)])
