"""The data root against the store: what is new, what changed, what vanished.

Opens headers only and writes nothing until `changes.Scan.save`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dispatch_assets.changes import Scan
from dispatch_assets.data_root import is_empty
from dispatch_assets.discovery import Discovery, discover
from dispatch_assets.errors import MassRemovalError, ParameterError, UnknownJobError, count
from dispatch_assets.group_members import MemberPlans
from dispatch_assets.groups import GROUP, plan_group
from dispatch_assets.models import Inventory, Reason, Session
from dispatch_assets.naming import file_stem, group_session
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import plan_session
from dispatch_assets.shards import Shards, Tombstones

FEW_SESSIONS = 3  # so many may always vanish at once
MANY_SESSIONS = 0.2  # more than this part of all sessions look like an unmounted disk
MOUNT_OR = "Mount the disk; if they are gone for good, run again"


@dataclass(frozen=True)
class Scope:
    """What to look at; everything if both are empty.

    Attributes
    ----------
    sessions
        Names of sessions.
    entries
        Names in the data root: of session folders, files, folders of sessions. Those that are not
        there (any more) are no error.
    sessions_before
        Names of the sessions that these entries are known to have held.
    without
        Entries to leave alone: nothing is read, and nothing is said of them.
    """

    sessions: tuple[str, ...] = ()
    entries: tuple[str, ...] = ()
    sessions_before: tuple[str, ...] = ()
    without: frozenset[str] = frozenset()

    @property
    def whole(self) -> bool:
        """Whether everything is to be looked at."""
        return not self.sessions and not self.entries


def entry_of(session: Session) -> str:
    """Return the name in the data root that a session lies under."""
    path, root = Path(session.path), Path(session.data_folder)
    below = path != root and path.is_relative_to(root)
    return path.relative_to(root).parts[0] if below else path.name


def scan(
    root: str,
    params: DispatchParams,
    shards: Shards,
    scope: Scope | None = None,
    *,
    allow_mass_removal: bool = False,
    on_session: Callable[[str], None] = lambda _: None,
) -> Scan:
    """Look at the sessions of a data root, header by header.

    Parameters
    ----------
    root
        The data root.
    params
        What to dispatch; its `sessions` narrow down every scan without a scope.
    shards
        What is known.
    scope
        What to look at; by default everything.
    allow_mass_removal
        Accept that most sessions are gone.
    on_session
        Called with each session's name when its turn comes.

    Raises
    ------
    DataRootError
        If the data root is missing.
    MassRemovalError
        If it is empty, or looks unmounted; with a remedy for the Dagster launchpad.
    ParameterError
        If a named session neither exists nor ever existed.
    """
    if scope is None or not scope.sessions:
        scope = replace(scope or Scope(), sessions=tuple(params.sessions))
    known = set(shards.names())
    found = _discover(root, params.model_copy(update={"sessions": []}), scope, shards, known)
    there = {file_stem(s.name): s for s in found.sessions}
    groups = {file_stem(group_session(name)): name for name in params.groups}
    wanted = _wanted(scope, there, known | set(groups))
    lost = _lost(shards, known - set(there) - set(groups), wanted, found)
    if not allow_mass_removal:
        sessions_lost = [i for i, _ in lost if i.session.input_format != GROUP]
        _refuse_unmounted(root, found, scope, sessions_lost, len(known))
    others = [e for e in found.others if e.session_name not in scope.without]
    result = Scan(whole=scope.whole, others=others)
    gone = {i.session.name for i, _ in lost}
    members = MemberPlans(params, _finder(shards, gone), gone)
    for stem, session in there.items():
        left_alone = entry_of(session) in scope.without
        if not left_alone and (wanted is None or stem in wanted):
            on_session(session.name)
            plan = plan_session(session, params)
            members.add(plan)
            result.add(plan.inventory, shards)
    for stem, name in groups.items():
        keys = params.groups[name]
        if wanted is None or stem in wanted or members.touches(keys):
            group = plan_group(name, keys, members, _root(found, root))
            result.add(group.inventory, shards)
    for inventory, stones in lost:
        result.bury(inventory, stones)
    result.recognise(shards)
    return result


def _finder(shards: Shards, gone: Collection[str]) -> Callable[[str], Inventory]:
    """Return what finds the inventory of a job whose session has not been looked at just now."""

    def find(key: str) -> Inventory:
        inventory = shards.find(key)
        if inventory.session.name in gone:
            remedy = "Bring it back, or take it out of the group"
            raise UnknownJobError("its session is not in the data folder any more", key, remedy)
        return inventory

    return find


def _root(found: Discovery, root: str) -> str:
    """Return the data root as its sessions know it."""
    return found.sessions[0].data_folder if found.sessions else os.path.abspath(root)  # noqa: PTH100


def _discover(
    root: str, params: DispatchParams, scope: Scope, shards: Shards, known: Collection[str]
) -> Discovery:
    """Find sessions; in named entries only, unless one of them is called as another session is."""
    found = discover(root, params, scope.entries)
    if not scope.entries:
        return found
    for session in found.sessions:
        stem = file_stem(session.name)
        namesake = shards.read_or_none(stem) if stem in known else None
        if namesake is not None and namesake.session.path != session.path:
            everything = discover(root, params)
            mine = (s for s in everything.sessions if entry_of(s) in scope.entries)
            return replace(everything, sessions=tuple(mine), others=found.others)
    return found


def _wanted(scope: Scope, there: Mapping[str, Session], known: Collection[str]) -> set[str] | None:
    """Return the stems of the sessions to look at, None for all."""
    if scope.entries:
        held = {*there, *map(file_stem, scope.sessions_before)}
        return held & {*map(file_stem, scope.sessions)} if scope.sessions else held
    stems = {file_stem(name): name for name in scope.sessions}
    unknown = sorted(
        name for stem, name in stems.items() if stem not in there and stem not in known
    )
    if unknown:
        what = f"no session is called {', '.join(map(repr, unknown))}"
        some = ", ".join(s.name for s in [*there.values()][:20])
        raise ParameterError(what, "sessions", f"There are: {some or 'none'}")
    return set(stems) or None


def _lost(
    shards: Shards, missing: set[str], wanted: set[str] | None, found: Discovery
) -> list[tuple[Inventory, Tombstones | None]]:
    """Return the known sessions that are not there, without those known to have vanished.

    Of an entry that gave no answer nobody knows what is there.
    """
    silent = {e.session_name for e in found.others if e.reason == Reason.NO_ANSWER}
    lost = []
    for stem in sorted(missing if wanted is None else missing & wanted):
        stones, inventory = shards.tombstones_or_none(stem), shards.read_or_none(stem)
        if inventory is None or entry_of(inventory.session) in silent:
            continue
        if stones is None or stones.session_vanished_at is None:
            lost.append((inventory, stones))
    return lost


def _refuse_unmounted(
    root: str, found: Discovery, scope: Scope, lost: Sequence[object], n_known: int
) -> None:
    remedy = f"{MOUNT_OR} session_inventory with `allow_mass_removal: true` in its run config"
    anything = found.sessions or found.others or (scope.entries and not is_empty(root))
    if not anything:
        raise MassRemovalError("the data folder is empty", root, remedy)
    too_many = len(lost) > max(FEW_SESSIONS, MANY_SESSIONS * n_known)
    if lost and (too_many or not (found.sessions or scope.entries)):
        known = count(n_known, "known session is", "known sessions are")
        raise MassRemovalError(f"{len(lost):,} of {known} missing", root, remedy)
