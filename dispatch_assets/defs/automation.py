"""What runs by itself once it is switched on, in the UI or with ``DISPATCH_AUTOMATE``.

Four switches, each a sensor or schedule of its own:

``new_sessions``
    Watches the data root, and inventories session folders when they are complete.
``dispatch_new_recordings``
    Writes the job of each new or changed recording.
``sort_new_jobs``
    Runs the sorting chain on each new or changed job. What is there already and follows from the
    same inputs is left as it is, and switching it on does not sort what was there before.
``full_inventory``
    Looks at the whole data root once a day: finds files that were overwritten in place, and
    whatever the others have missed (a change in the very tick in which a job was written).

If the variables that set this up make no sense, ``new_sessions`` is switched on to say so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

import dagster as dg

from dispatch_assets.defs.assets import session_inventory, sorting_jobs
from dispatch_assets.defs.assets.session_inventory import InventoryConfig
from dispatch_assets.defs.assets.sorted_units import AUTOMATED
from dispatch_assets.defs.assets.sorted_units import GROUP as SORTING_GROUP
from dispatch_assets.defs.environment import Switch, WatchParams
from dispatch_assets.defs.sensors import MAX_RUNTIME_S, build_new_sessions

MAX_TICK_S = 30


@dataclass(frozen=True)
class Automation:
    """Sensors and schedules of the graph."""

    sensors: list[dg.SensorDefinition] = field(default_factory=list)
    schedules: list[dg.ScheduleDefinition] = field(default_factory=list)


def automation(on: Collection[Switch], watch: WatchParams, wrong: str = "") -> Automation:
    """Return the sensors and schedules.

    Parameters
    ----------
    on
        Those that run from the start; the others can be switched on in the UI.
    watch
        How the data root is watched.
    wrong
        What is wrong with either: nothing is then asked for.
    """
    says = bool(wrong) or Switch.NEW_SESSIONS in on
    return Automation(
        sensors=[
            build_new_sessions(running=says, watch=watch, wrong=wrong),
            _conditions(
                Switch.DISPATCH,
                dg.AssetSelection.assets(sorting_jobs.KEY),
                "Writes the jobs of recordings that are new or have changed.",
                on,
                watch,
                {"dagster/max_runtime": str(MAX_RUNTIME_S)},
            ),
            _conditions(
                Switch.SORT,
                dg.AssetSelection.groups(SORTING_GROUP),
                "Sorts recordings whose job is new or has changed.",
                on,
                watch,
                {},
            ),
        ],
        schedules=[_full_inventory(on, watch, wrong)],
    )


def _conditions(
    switch: Switch,
    target: dg.AssetSelection,
    about: str,
    on: Collection[Switch],
    watch: WatchParams,
    tags: Mapping[str, str],
) -> dg.AutomationConditionSensorDefinition:
    return dg.AutomationConditionSensorDefinition(
        switch.value,
        target=target,
        description=about,
        run_tags={AUTOMATED: "true", **tags},
        default_status=_sensor_status(switch in on),
        minimum_interval_seconds=min(MAX_TICK_S, watch.interval_s),
    )


def _sensor_status(on: bool) -> dg.DefaultSensorStatus:
    return dg.DefaultSensorStatus.RUNNING if on else dg.DefaultSensorStatus.STOPPED


def _full_inventory(
    on: Collection[Switch], watch: WatchParams, wrong: str
) -> dg.ScheduleDefinition:
    inventory = InventoryConfig(reconcile=True, only_complete=True, settle_s=watch.settle_s)
    config = dg.RunConfig({session_inventory.KEY.to_python_identifier(): inventory})
    running = Switch.FULL_INVENTORY in on
    tags = {"dagster/max_runtime": str(6 * MAX_RUNTIME_S), AUTOMATED: "true"}

    @dg.schedule(
        name=Switch.FULL_INVENTORY.value,
        target=dg.AssetSelection.assets(session_inventory.KEY),
        cron_schedule=watch.full_inventory_cron,
        description="Looks at the whole data root, and reports again what no job was made from.",
        default_status=dg.DefaultScheduleStatus.RUNNING
        if running
        else dg.DefaultScheduleStatus.STOPPED,
    )
    def full_inventory() -> dg.RunRequest | dg.SkipReason:
        return dg.SkipReason(wrong) if wrong else dg.RunRequest(run_config=config, tags=tags)

    return full_inventory
