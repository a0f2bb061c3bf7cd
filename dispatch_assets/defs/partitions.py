"""The partitions: one per recording, the same all the way down."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import dagster as dg

from dispatch_assets.naming import natural_key

SORTING_JOBS = dg.DynamicPartitionsDefinition(name="sorting_jobs")

_NAME = "sorting_jobs"
_CHUNK = 5_000  # SQLite binds at most 32,766 values in one statement
_ATTEMPTS = 5


def register(instance: dg.DagsterInstance, keys: Iterable[str]) -> list[str]:
    """Make partitions of the keys that are none yet.

    Safe while other runs do the same.

    Returns
    -------
    list of str
        The keys added, in natural order.
    """
    known = set(instance.get_dynamic_partitions(_NAME))
    missing = sorted(set(keys) - known, key=natural_key)
    for start in range(0, len(missing), _CHUNK):
        _add(instance, missing[start : start + _CHUNK])
    return missing


def _add(instance: dg.DagsterInstance, keys: Sequence[str]) -> None:
    from sqlalchemy.exc import IntegrityError

    for attempt in range(1, _ATTEMPTS + 1):
        try:
            instance.add_dynamic_partitions(_NAME, keys)
        except IntegrityError:  # another run has just added some of them
            if attempt == _ATTEMPTS:
                raise
            time.sleep(0.1 * attempt)
        else:
            return


def contiguous(instance: dg.DagsterInstance, keys: Iterable[str]) -> list[list[str]]:
    """Cut `keys` into stretches without gaps: a run takes one key, or everything between two."""
    wanted = set(keys)
    stretches: list[list[str]] = []
    previous_wanted = False
    for key in instance.get_dynamic_partitions(_NAME):
        if key in wanted:
            if previous_wanted:
                stretches[-1].append(key)
            else:
                stretches.append([key])
        previous_wanted = key in wanted
    return stretches


def partition_tags(keys: Sequence[str]) -> dict[str, str]:
    """Return the tags of a run of one partition, or of all from the first to the last of `keys`."""
    if len(keys) == 1:
        return {"dagster/partition": keys[0]}
    start, end = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
    return {start: keys[0], end: keys[-1]}
