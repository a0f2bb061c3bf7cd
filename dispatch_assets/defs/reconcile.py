"""What automation has missed: recordings whose job, or whose sorting, was made from something else.

Automation acts on events. One that falls in the tick in which a job is being written is lost, and
so is what happened while the daemon was down; the data versions in the event log tell.
"""

import dagster as dg

from dispatch_assets.batch import data_version
from dispatch_assets.changes import Change, Scan
from dispatch_assets.sorting.step import PREPROCESSED

_JOBS, _FIRST_STEP = dg.AssetKey("sorting_jobs"), dg.AssetKey(PREPROCESSED)
_DATA_VERSION = "dagster/data_version"
_MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


def missed(instance: dg.DagsterInstance, found: Scan) -> list[Change]:
    """Return the recordings that a scan found to be as before, but that were not followed up.

    Those are recordings without a job, with a job that was made from other raw files, parameters
    or code, or with a job that is newer than the results of the sorting chain.
    """
    wanted = {
        str(e.job_key): data_version(str(e.job_key), e.fingerprint, inventory.parameters_hash)
        for inventory in found.inventories
        for e in inventory.jobs
    }
    events = instance.event_log_storage
    shown = events.get_latest_tags_by_partition(_JOBS, _MADE, [_DATA_VERSION])
    made = events.get_latest_storage_id_by_partition(_JOBS, _MADE)
    sorted_at = events.get_latest_storage_id_by_partition(_FIRST_STEP, _MADE)
    jobs = found.jobs
    told = {change.key for change in [*found.new, *found.changed]}
    behind = (
        key
        for key, version in wanted.items()
        if shown.get(key, {}).get(_DATA_VERSION) != version
        or (key in sorted_at and sorted_at[key] < made[key])
    )
    return [Change(key, jobs[key], jobs[key]) for key in behind if key not in told]
