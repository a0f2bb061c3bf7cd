"""``dispatch-assets materialize``: discover, then write every job that is new or changed.

Dagster's own commands take partitions by name, so none of them can materialize recordings that
nobody has discovered yet. This one runs `session_inventory`, then exactly those partitions of
`sorting_jobs` whose job is missing, was made from other files, parameters or code, or was never
shown as materialized. It needs no daemon; all runs can be seen in the UI afterwards.

Data, store and parameters come from flags, else from ``DISPATCH_DATA``, ``DISPATCH_STORE`` and
``DISPATCH_PARAMS``, else ``.dispatch/store`` and the defaults. Runs and partitions are kept in
``DAGSTER_HOME`` if that is set, else in ``dagster_home`` beside the store: for the default store
that is ``.dispatch/dagster_home``, where ``make dev`` looks too. (For a store that is a URL it is
that folder as well.) The folder gets a ``dagster.yaml`` if it has none.
"""

from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg

from dispatch_assets.arguments import add_parameters, params_from
from dispatch_assets.batch import data_version
from dispatch_assets.defs.environment import (
    DATA,
    STORE,
    Settings,
    absolute,
    refuse_store_among_sessions,
    settings_from,
)
from dispatch_assets.defs.instance import home_for, instance_at
from dispatch_assets.defs.partitions import contiguous, partition_tags, register
from dispatch_assets.defs.summary import Summary, print_summary
from dispatch_assets.errors import DispatchError, MassRemovalError, ParameterError
from dispatch_assets.job_files import JobFiles
from dispatch_assets.models import Inventory
from dispatch_assets.params import DispatchParams, parse_params
from dispatch_assets.scan import MOUNT_OR
from dispatch_assets.shards import Shards

MAX_PARTITIONS = 1000  # of one run

_INVENTORY, _JOBS = dg.AssetKey("session_inventory"), dg.AssetKey("sorting_jobs")
_CHANGES = ("new", "changed", "returned", "vanished")
_DATA_VERSION = "dagster/data_version"
_ALLOW_MASS_REMOVAL = "--allow-mass-removal"


def materialize(
    data: str | os.PathLike[str],
    store: str | os.PathLike[str],
    params: DispatchParams | None = None,
    *,
    home: str | os.PathLike[str] | None = None,
    allow_mass_removal: bool = False,
    on_progress: Callable[[str], None] = lambda _: None,
) -> Summary:
    """Discover recordings, and write the jobs that are new or out of date.

    Parameters
    ----------
    data
        The data root.
    store
        Folder or fsspec URL of inventories and jobs.
    params
        Parameters of dispatch; `sessions` narrows down what is looked at.
    home
        Folder of the Dagster instance; by default the one that goes with the store.
    allow_mass_removal
        Accept that most sessions are gone.
    on_progress
        Called with a few words from time to time.

    Raises
    ------
    DispatchError
        If nothing could be looked at: the data root is missing or empty, a parameter makes no
        sense, the store cannot be written. What is wrong with one recording is in the summary.
    """
    params = params or DispatchParams()
    settings = Settings(absolute(os.fspath(data)), absolute(os.fspath(store)), params)
    refuse_store_among_sessions(settings.store, settings.data)
    folder = Path(home) if home is not None else home_for(settings.store, os.environ)
    with instance_at(folder.absolute()) as instance:
        run = _Runs(settings, instance, on_progress)
        counts = run.inventory(allow_mass_removal)
        inventories = _inventories(Shards(settings.store), params.sessions)
        due, fresh = _due(inventories, settings, instance)
        others = [] if params.sessions else Shards(settings.store).not_sessions()
        failed = run.jobs(due)
    files = JobFiles(settings.store)
    return Summary(
        entries=(*(e for i in inventories for e in i.entries), *others),
        counts=counts,
        written={key: files.path(key) for key in due if key not in failed},
        failed=failed,
        up_to_date=tuple(fresh),
        data=settings.data,
        store=settings.store,
        home=str(folder.absolute()),
        params=_as_json(params),
    )


def main(parser: ArgumentParser, arguments: Sequence[str]) -> int:
    """Run the command and return its exit status."""
    parser.add_argument("--data", metavar="DIR", help=f"the data root (default: ${DATA})")
    parser.add_argument(
        "--store",
        metavar="DIR",
        help=f"folder or URL of inventories and jobs (default: ${STORE}, or .dispatch/store)",
    )
    parser.add_argument(
        _ALLOW_MASS_REMOVAL,
        action="store_true",
        help="accept an empty data root, or that most sessions are gone",
    )
    add_parameters(parser)
    options = parser.parse_args(arguments)
    settings = settings_from(os.environ)
    data = options.data or settings.data
    if not data:
        raise ParameterError("is missing", "--data", f"Name the data root, or set {DATA}")
    given = params_from(options).model_dump(exclude_unset=True)
    summary = materialize(
        data,
        options.store or settings.store,
        parse_params(settings.params.model_dump(exclude_unset=True) | given),
        allow_mass_removal=options.allow_mass_removal,
        on_progress=lambda text: print(text, file=sys.stderr, flush=True),
    )
    print_summary(summary)
    return summary.exit_status


def _as_json(params: DispatchParams) -> str:
    given = params.model_dump(mode="json", exclude_defaults=True, exclude={"sessions"})
    return json.dumps(given) if given else ""


def _inventories(shards: Shards, sessions: Sequence[str]) -> list[Inventory]:
    return [i for i in shards.present() if not sessions or i.session.name in sessions]


def _due(
    inventories: Sequence[Inventory], settings: Settings, instance: dg.DagsterInstance
) -> tuple[list[str], list[str]]:
    """Return the keys whose job has to be written, and those whose job is as it should be."""
    shown = instance.event_log_storage.get_latest_tags_by_partition(
        _JOBS, dg.DagsterEventType.ASSET_MATERIALIZATION, [_DATA_VERSION]
    )
    files = JobFiles(settings.store)
    due: list[str] = []
    fresh: list[str] = []
    for entry, parameters in ((e, i.parameters_hash) for i in inventories for e in i.jobs):
        key = str(entry.job_key)
        wanted = data_version(key, entry.fingerprint, parameters)
        # the file counts too: several stores may share an instance
        as_it_should_be = shown.get(key, {}).get(_DATA_VERSION) == wanted and files.is_made_from(
            key, entry.fingerprint, parameters
        )
        (fresh if as_it_should_be else due).append(key)
    return due, fresh


class _Runs:
    """Runs of the asset job in this process."""

    def __init__(
        self, settings: Settings, instance: dg.DagsterInstance, on_progress: Callable[[str], None]
    ) -> None:
        from dispatch_assets.defs.graph import build_definitions

        # which sessions to look at is asked of each run, not built into the graph
        params = settings.params.model_copy(update={"sessions": []})
        self._sessions = settings.params.sessions
        definitions = build_definitions(Settings(settings.data, settings.store, params))
        self._job = definitions.resolve_implicit_global_asset_job_def()
        self._instance = instance
        self._on_progress = on_progress

    def inventory(self, allow_mass_removal: bool) -> dict[str, int]:
        """Look at the data root and return how many recordings are new, changed and so on."""
        self._on_progress("looking at the data root")
        config = {"sessions": self._sessions, "allow_mass_removal": allow_mass_removal}
        ops = {_INVENTORY.to_python_identifier(): {"config": config}}
        with _as_errors():
            result = self._execute(_INVENTORY, config={"ops": ops})
        events = result.asset_materializations_for_node(_INVENTORY.to_python_identifier())
        found = next(e.metadata for e in events if e.asset_key == _INVENTORY)
        return {what: int(str(found[what].value)) for what in _CHANGES}

    def jobs(self, keys: Sequence[str]) -> dict[str, str]:
        """Write jobs, a run per stretch of neighbouring partitions; return what failed, and why."""
        from dispatch_assets.defs.assets.sorting_jobs import failures_of

        failed: dict[str, str] = {}
        done = 0
        register(self._instance, keys)  # those of sessions that only another instance has seen
        for stretch in contiguous(self._instance, keys):
            for start in range(0, len(stretch), MAX_PARTITIONS):
                part = stretch[start : start + MAX_PARTITIONS]
                first, done = done + 1, done + len(part)
                these = f"jobs {first:,} to {done:,}" if done > first else f"job {done:,}"
                self._on_progress(f"writing {these} of {len(keys):,}")
                try:
                    self._execute(_JOBS, tags=partition_tags(part))
                except dg.Failure as e:
                    failed |= failures_of(e) or dict.fromkeys(part, e.description or "")
        return failed

    def _execute(
        self,
        asset: dg.AssetKey,
        *,
        config: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> dg.ExecuteInProcessResult:
        quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
        try:
            return self._job.execute_in_process(
                run_config={**quiet, **(config or {})},
                asset_selection=[asset],
                tags=tags,
                instance=self._instance,
            )
        except dg.DagsterExecutionInterruptedError as e:
            raise KeyboardInterrupt from e


@contextmanager
def _as_errors() -> Iterator[None]:
    """Turn a Dagster failure back into the error of ours that it was made from."""
    try:
        yield
    except dg.Failure as e:
        if isinstance(e.__cause__, MassRemovalError):  # its remedy is one of the launchpad
            remedy = f"{MOUNT_OR} with {_ALLOW_MASS_REMOVAL}"
            raise MassRemovalError(e.__cause__.what, e.__cause__.where, remedy) from None
        if isinstance(e.__cause__, DispatchError):
            raise e.__cause__ from None
        raise
