"""The sessions of a store, and what in the data root is no session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from pydantic import ValidationError

from dispatch_assets.errors import StoreError
from dispatch_assets.models import Inventory, InventoryEntry, Reason
from dispatch_assets.naming import file_stem, unescape
from dispatch_assets.report import place
from dispatch_assets.shards import Shards, Tombstones
from dispatch_assets.status.models import Problem, RecordingState, RecordingStatus, SessionStatus
from dispatch_assets.status.recordings import Places, fault_status, recording_status
from dispatch_assets.watch.states import ABOUT, EntryState, State

_LOOK_AGAIN = "materialize session_inventory"
_EXCLUDED = "nothing: excluded"


class Look:
    """Looks at the sessions of a store once; what cannot be read is a problem of its own.

    Parameters
    ----------
    shards
        The inventories.
    places
        Where jobs and results are.
    watched
        Whether the sensor looks at the data root: else a session is complete once a person says so.

    Attributes
    ----------
    names
        File stems of all sessions.
    problems
        What is wrong with the store as a whole.
    """

    def __init__(self, shards: Shards, places: Places, *, watched: bool) -> None:
        self._shards, self._places, self._watched = shards, places, watched
        self.names = shards.names()
        self._buried = set(shards.with_tombstones())
        self.problems: list[Problem] = []

    def sessions(
        self, entries: Sequence[EntryState], wanted: Mapping[str, str]
    ) -> Iterator[SessionStatus]:
        """Yield the sessions, those of the names `wanted` only if there are any (by file stem)."""
        of_session = {name: e for e in entries for name in e.sessions}
        told = set()
        for stem in self.names:
            if not wanted or stem in wanted:
                session = self._session(stem, of_session)
                told.add(session.session_name)
                yield session
        others = self._others()
        for e in entries:
            if told.isdisjoint([e.entry, *e.sessions]) and _is_wanted(e.entry, wanted):
                yield _no_session(e, others.pop(e.entry, []), self._watched)
        for name, faults in others.items():
            if name not in told and _is_wanted(name, wanted):
                yield _no_session(None, faults, self._watched)

    def _session(self, stem: str, entries: Mapping[str, EntryState]) -> SessionStatus:
        try:
            inventory = self._shards.read(stem)
        except StoreError as e:
            return _damaged(unescape(stem), e)
        stones = self._tombstones(stem)
        entry = entries.get(inventory.session.name) or _entry_of(inventory, stones)
        gone, excluded = entry.state == State.VANISHED, _excluded(inventory)
        faults = [] if gone else [fault_status(e) for e in inventory.failures]
        recordings = [*faults, *self._recordings(inventory, stones)]
        if excluded or entry.state == State.QUARANTINED:
            recordings = [_there_all_the_same(r, excluded) for r in recordings]
        return SessionStatus(
            session_name=inventory.session.name,
            state=entry.state,
            since=entry.since,
            why=excluded or entry.why,
            input_format=inventory.session.input_format,
            path=inventory.session.path,
            n_left_out=sum(e.status == "skipped" for e in inventory.entries),
            recordings=recordings,
            next_step=_EXCLUDED if excluded else _next_step(entry.state, self._watched),
            needs_attention=entry.state == State.QUARANTINED
            or any(r.needs_attention for r in recordings),
        )

    def _recordings(
        self, inventory: Inventory, stones: Tombstones | None
    ) -> Iterator[RecordingStatus]:
        """Yield a session's recordings: those that it has, then those that it has no longer."""
        buried = stones.recordings if stones else {}
        parameters = inventory.parameters_hash
        for e in inventory.jobs:
            yield recording_status(e, parameters, buried.get(str(e.job_key)), self._places)
        there = {str(e.job_key) for e in inventory.jobs}
        for key, stone in buried.items():
            if key not in there:
                yield recording_status(stone.entry, parameters, stone, self._places)

    def _tombstones(self, stem: str) -> Tombstones | None:
        if stem not in self._buried:
            return None
        try:
            return self._shards.tombstones(stem)
        except StoreError as e:
            self.problems.append(Problem(where=f"vanished/{stem}.json", message=str(e)))
            return None

    def _others(self) -> dict[str, list[InventoryEntry]]:
        """Return the faults of entries of the data root that are no session, by entry."""
        faults: dict[str, list[InventoryEntry]] = {}
        try:
            for e in self._shards.not_sessions():
                if e.status == "failed":
                    faults.setdefault(e.session_name, []).append(e)
        except (StoreError, ValidationError) as e:
            what = str(e) if isinstance(e, StoreError) else "not_sessions.json: is damaged."
            message = f"{what} {_LOOK_AGAIN.capitalize()}."
            self.problems.append(Problem(where="not_sessions.json", message=message))
        return faults


def _is_wanted(name: str, wanted: Mapping[str, str]) -> bool:
    return not wanted or file_stem(name) in wanted


def _entry_of(inventory: Inventory, stones: Tombstones | None) -> EntryState:
    """Return the state of a session as far as the store alone knows it."""
    name, gone = inventory.session.name, stones.session_vanished_at if stones else None
    as_a_whole = next((e for e in inventory.failures if not place(e)), None)
    if as_a_whole is not None and not gone:
        why = as_a_whole.message
        return EntryState(entry=name, state=State.QUARANTINED, since="", why=why)
    state = State.VANISHED if gone else State.DISPATCHED
    return EntryState(entry=name, state=state, since=gone or "", why=f"{ABOUT[state]}.")


def _excluded(inventory: Inventory) -> str:
    """Return why a person has excluded a session, empty if nobody has."""
    found = (e for e in inventory.entries if e.reason == Reason.EXCLUDED and not place(e))
    return next((e.message for e in found), "")


def _there_all_the_same(recording: RecordingStatus, excluded: str) -> RecordingStatus:
    """Return what to say of a recording whose session is there, but is not read any more."""
    if recording.state != RecordingState.VANISHED or not recording.next_step.endswith("bring back"):
        return recording
    if excluded:
        why = Problem(where="", message=excluded)
        return recording.model_copy(update={"next_step": _EXCLUDED, "last_error": why})
    return recording.model_copy(update={"next_step": "mend its session"})


def _next_step(state: State, watched: bool) -> str:
    if not watched and state in (State.COPYING, State.SETTLED, State.CHANGED):
        return "materialize once complete"
    return {
        State.COPYING: "wait until complete",
        State.SETTLED: "wait for its inventory",
        State.DISPATCHED: "nothing",
        State.CHANGED: "wait until complete",
        State.VANISHED: "nothing, or bring back",
        State.QUARANTINED: "see why",
    }[state]


def _no_session(
    entry: EntryState | None, faults: Sequence[InventoryEntry], watched: bool
) -> SessionStatus:
    """Return an entry of the data root in which there is no session, or none yet."""
    name = entry.entry if entry else faults[0].session_name
    state = entry.state if entry else State.QUARANTINED
    return SessionStatus(
        session_name=name,
        state=state,
        since=entry.since if entry else "",
        why=entry.why if entry else faults[0].message,
        recordings=[fault_status(fault) for fault in faults],
        next_step=_next_step(state, watched),
        needs_attention=bool(faults) or state == State.QUARANTINED,
    )


def _damaged(name: str, error: StoreError) -> SessionStatus:
    problem = Problem(where="session_inventory", message=str(error))
    return SessionStatus(
        session_name=name,
        state=State.QUARANTINED,
        since="",
        why="its inventory cannot be read.",
        last_error=problem,
        next_step=_LOOK_AGAIN,
        needs_attention=True,
    )
