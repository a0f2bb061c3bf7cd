"""What the sensor `new_sessions` remembers, for those who only look."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.scheduler.instigation import SensorInstigatorData

from dispatch_assets.defs.instance import CONFIGURATION, home_for

SENSOR = "new_sessions"


def cursor_of(store: str, environment: Mapping[str, str]) -> str | None:
    """Return the cursor of the sensor, None if there is no instance or the sensor never ran.

    Parameters
    ----------
    store
        The store; the instance that goes with it is looked at (`instance.home_for`).
    environment
        The environment.

    Raises
    ------
    ParameterError
        If ``DAGSTER_HOME`` is no absolute path.
    """
    home = home_for(store, environment)
    if not (home / CONFIGURATION.name).exists():
        return None  # opening it would make one
    with dg.DagsterInstance.from_config(str(home)) as instance:
        for state in instance.all_instigator_state(instigator_type=InstigatorType.SENSOR):
            data = state.instigator_data
            if state.name == SENSOR and isinstance(data, SensorInstigatorData) and data.cursor:
                return str(data.cursor)
    return None
