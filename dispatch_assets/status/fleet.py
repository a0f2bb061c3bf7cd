"""Everything in a store: its sessions, what became of each recording, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from dispatch_assets.errors import ParameterError, StoreError, did_you_mean
from dispatch_assets.job_files import JobFiles
from dispatch_assets.naming import file_stem, natural_key, unescape
from dispatch_assets.shards import Shards
from dispatch_assets.sorting.chain import STEPS
from dispatch_assets.sorting.params import SortingParams
from dispatch_assets.status.arrivals import Arrivals
from dispatch_assets.status.models import FleetStatus, RecordingState, SessionStatus
from dispatch_assets.status.recordings import Places
from dispatch_assets.status.sessions import Look
from dispatch_assets.status.steps import Wanted
from dispatch_assets.watch.states import State


def fleet_status(
    store: str,
    *,
    results: str = "",
    sorting: SortingParams | None = None,
    arrivals: Arrivals | None = None,
    sessions: Sequence[str] = (),
) -> FleetStatus:
    """Look at everything in a store.

    Parameters
    ----------
    store
        Folder or URL of the store.
    results
        Folder of the results of sorting; empty: ``sorting`` in a local store.
    sorting
        Parameters that results should have been made with.
    arrivals
        The data root; without it, what is being copied is not known.
    sessions
        Names of the sessions to tell about; empty: all.

    Raises
    ------
    ParameterError
        If there is no store, or no session of a name.
    StoreError
        If the store cannot be listed.
    """
    _check_store(store)
    shards = Shards(store)
    places = _places(store, results, sorting or SortingParams())
    watched = arrivals is not None and arrivals.cursor is not None
    look = Look(shards, places, watched=watched)
    entries, problems = arrivals.entries(store) if arrivals else ([], [])
    found = list(look.sessions(entries, {file_stem(name): name for name in sessions}))
    found.sort(key=lambda s: (not s.needs_attention, natural_key(s.session_name)))
    _check_sessions(sessions, found, look.names)
    recordings = [r for s in found for r in s.recordings]
    return FleetStatus(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        data=arrivals.data if arrivals else "",
        store=store,
        results=str(places.results or ""),
        watched=watched,
        steps=list(STEPS),
        n_sessions=_counted(State, Counter(s.state for s in found)),
        n_recordings=_counted(RecordingState, Counter(r.state for r in recordings)),
        n_need_attention=sum(s.needs_attention for s in found),
        sessions=found,
        problems=[*problems, *look.problems],
    )


def _check_store(store: str) -> None:
    if "://" not in store and not Path(store).is_dir():
        remedy = "Name the store (or set DISPATCH_STORE); `dispatch-assets materialize` makes one"
        raise ParameterError(f"there is no store in {store!r}", "--store", remedy)


def _results_folder(store: str, results: str) -> Path | None:
    if results:
        return Path(results)
    return None if "://" in store else Path(store) / "sorting"


def _check_sessions(
    wanted: Sequence[str], found: Sequence[SessionStatus], known: Sequence[str]
) -> None:
    there = {s.session_name for s in found}
    for name in wanted:
        if name not in there:
            guess = did_you_mean(name, map(unescape, known))
            raise ParameterError(f"no session is called {name!r}", "SESSION", guess.capitalize())


def _counted(
    states: type[State] | type[RecordingState], counts: Mapping[str, int]
) -> dict[str, int]:
    return {str(state): counts[state] for state in states if counts.get(state)}


def _places(store: str, results: str, sorting: SortingParams) -> Places:
    jobs, folder = JobFiles(store), _results_folder(store, results)
    wanted = Wanted.of(sorting, jobs)
    return Places(jobs, jobs.keys(), jobs.failed_keys(), folder, _folders(folder), wanted)


def _folders(results: Path | None) -> set[str]:
    if results is None:
        return set()
    try:
        return {path.name for path in results.iterdir()}
    except FileNotFoundError:
        return set()
    except OSError as e:
        what = f"cannot be listed ({e.strerror})"
        raise StoreError(what, results, "Give the folder of results with --results") from e
