"""``new_sessions``: asks for an inventory of the session folders that are new, changed or gone."""

import time
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from dispatch_assets.defs.assets.session_inventory import KEY, InventoryConfig
from dispatch_assets.defs.assets.sorted_units import AUTOMATED
from dispatch_assets.defs.environment import WatchParams
from dispatch_assets.defs.resources import DataRoot, DispatchParamsResource, Store
from dispatch_assets.errors import DispatchError
from dispatch_assets.watch.following import Options, Questions, Request
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.states import EntryState, State
from dispatch_assets.watch.ticks import Tick, tick

NAME = "new_sessions"
ENTRIES = "dispatch/entries"
"""Tag of a run: the entries that it was asked for, as far as there is room."""
MAX_CHECK_S = 20.0
"""Of one tick spent on looking into entries; Dagster gives a tick a minute."""
MAX_RUNTIME_S = 3_600
"""Of an inventory or of writing jobs; a run whose worker was killed blocks its pool so long."""
_MAX_TAG, _MAX_WHY, _MAX_TOLD = 200, 200, 5
_TOLD = (State.QUARANTINED, State.CHANGED, State.COPYING, State.SETTLED, State.VANISHED)


def build_new_sessions(
    *, running: bool, watch: WatchParams, wrong: str = ""
) -> dg.SensorDefinition:
    """Return the sensor.

    Parameters
    ----------
    running
        Whether it runs from the start; else it can be switched on in the UI.
    watch
        How often it looks, and how patient it is.
    wrong
        What is wrong with the settings: it says that, and asks for nothing.
    """

    @dg.sensor(
        name=NAME,
        target=dg.AssetSelection.assets(KEY),
        minimum_interval_seconds=watch.interval_s,
        default_status=dg.DefaultSensorStatus.RUNNING
        if running
        else dg.DefaultSensorStatus.STOPPED,
        description="Looks at the data root without opening anything, and asks for an inventory of "
        "the session folders that are new, changed or gone, once they are complete.",
    )
    def new_sessions(
        context: dg.SensorEvaluationContext,
        data_root: DataRoot,
        store: Store,
        dispatch_params: DispatchParamsResource,
    ) -> dg.SensorResult | dg.SkipReason:
        if wrong:
            return dg.SkipReason(_storable(wrong))
        try:
            result = _look(context, watch, data_root, store, dispatch_params)
        except DispatchError as e:  # the next tick may find it mended
            return dg.SkipReason(_storable(str(e)))
        if result.requests:
            context.log.info(summary(result.states))
            requests = [_run_request(r) for r in result.requests]
            return dg.SensorResult(run_requests=requests, cursor=result.cursor)
        why = _storable(result.problem) or summary(result.states)
        return dg.SensorResult(skip_reason=why, cursor=result.cursor)

    return new_sessions


def _look(
    context: dg.SensorEvaluationContext,
    watch: WatchParams,
    data_root: DataRoot,
    store: Store,
    dispatch_params: DispatchParamsResource,
) -> Tick:
    root = WatchedRoot(data_root.folder(), dispatch_params.plain())
    looks = root.looks()
    deadline_s = time.monotonic() + MAX_CHECK_S
    questions = Questions(
        root.why_unsettled,
        may_check=lambda: time.monotonic() < deadline_s,
        in_flight=lambda: _in_flight(context.instance),
    )
    options = Options(watch.settle_s, watch.stuck_after_s)
    seen, now = Seen.read(store.base, root.path), datetime.now(UTC)
    return tick(context.cursor, looks, seen, now, questions, options)


def _in_flight(instance: dg.DagsterInstance) -> Collection[str]:
    """Return the entries of the runs that this sensor has asked for and that have not ended."""
    unfinished = [s for s in dg.DagsterRunStatus if s not in _ENDED]
    wanted = dg.RunsFilter(tags={"dagster/sensor_name": NAME}, statuses=unfinished)
    return {entry for run in instance.get_runs(wanted) for entry in _entries_of(run)}


def _entries_of(run: dg.DagsterRun) -> Sequence[str]:
    """Return the entries in a run's config, which a person may have edited."""
    config: Any = run.run_config
    for key in ("ops", KEY.to_python_identifier(), "config", "entries"):
        config = config.get(key) if isinstance(config, dict) else None
    return [e for e in config if isinstance(e, str)] if isinstance(config, list) else []


_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def _run_request(request: Request) -> dg.RunRequest:
    names = _storable(", ".join(request.entries))
    tags = {
        ENTRIES: names if len(names) <= _MAX_TAG else f"{names[:_MAX_TAG]} ...",
        AUTOMATED: "true",
        "dagster/max_runtime": str(MAX_RUNTIME_S),
    }
    config = InventoryConfig(
        entries=list(request.entries),
        looked_at=dict(request.looks),
        reconcile=True,
        only_complete=True,
    )
    name = KEY.to_python_identifier()
    return dg.RunRequest(
        run_key=request.run_key, run_config=dg.RunConfig({name: config}), tags=tags
    )


def summary(states: Sequence[EntryState]) -> str:
    """Return one line about the entries that are not at rest: ``3 copying, 1 quarantined: M7``."""
    if not states:
        return "Every entry of the data root is dispatched as it is."
    counts = Counter(s.state for s in states)
    line = ", ".join(f"{counts[s]:,} {s}" for s in _TOLD if counts[s])
    stuck = [s for s in states if s.state == State.QUARANTINED]
    told = [f"{s.entry} ({_shortened(s.why)})" for s in stuck[:_MAX_TOLD]]
    if len(stuck) > _MAX_TOLD:
        told.append(f"{len(stuck) - _MAX_TOLD:,} more")
    return _storable(f"{line}: {'; '.join(told)}") if told else line


def _storable(text: str) -> str:
    """Return a text that Dagster's database takes: names of files may be no UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()


def _shortened(text: str) -> str:
    return text if len(text) <= _MAX_WHY else f"{text[:_MAX_WHY]} ..."
