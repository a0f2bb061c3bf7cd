"""Groups: recordings of one probe, over sessions or blocks, that are sorted as one.

A group is declared by the keys of its members' jobs (`DispatchParams.groups`). It gets an
inventory of its own, as a session has one, whose name no folder can have; its members keep theirs.
Members are compared here; nothing but headers is read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from dispatch_assets import naming
from dispatch_assets.entries import session_entry
from dispatch_assets.errors import DispatchError, StreamError, UnknownJobError, count
from dispatch_assets.group_members import Facts, Member, MemberPlans
from dispatch_assets.models import Inventory, InventoryEntry, Reason, Session
from dispatch_assets.params import DispatchParams
from dispatch_assets.reading import reading
from dispatch_assets.transient import is_transient

GROUP = "group"
"""What stands in the place of an input format for a group."""
_MAX_TOLD = 5


@dataclass(frozen=True)
class GroupPlan:
    """The inventory of a group, and its members if it is a job."""

    inventory: Inventory
    params: DispatchParams
    members: tuple[Member, ...] = ()


def group_name(session: Session) -> str:
    """Return what the group is called that stands in the place of a session."""
    return session.name.removeprefix(naming.group_session(""))


def plan_groups(params: DispatchParams, members: MemberPlans, data_folder: str) -> list[GroupPlan]:
    """Plan every group that is declared.

    Parameters
    ----------
    params
        The parameters of all sessions.
    members
        Where its members are found.
    data_folder
        Absolute path of the data folder.

    Returns
    -------
    list of GroupPlan
        One per group; one that cannot be sorted has an inventory with one failed entry, which
        says why. If only some sessions are looked at, groups that others belong to are left alone.
    """
    return [
        plan_group(name, keys, members, data_folder)
        for name, keys in params.groups.items()
        if not params.sessions or members.covers(keys)
    ]


def plan_group(name: str, keys: Sequence[str], members: MemberPlans, data_folder: str) -> GroupPlan:
    """Plan one group; raises nothing that the group or a member could cause."""
    params = members.params
    session = Session(
        name=naming.group_session(name),
        path=data_folder,
        data_folder=data_folder,
        input_format=GROUP,
    )
    found: list[Member] = []
    hashes: list[str] = []
    try:
        with reading(session.name):
            found = _members(keys, members, session.name)
            hashes = [m.plan.inventory.parameters_hash for m in found]
            entry = _entry(session, name, found, params)
    except DispatchError as e:
        reason = Reason.NO_ANSWER if is_transient(e) else Reason.BAD_GROUP
        refusal = StreamError(e.what, e.where, e.remedy, reason)
        entry, found = session_entry(session, refusal), []
    inventory = Inventory(
        session=session,
        parameters_hash=_hash("\0".join([params.hash(), *hashes]))[:16],
        parameters={**params.changed(), "groups": {name: list(keys)}, **_own_parameters(found)},
        entries=[entry],
    )
    return GroupPlan(inventory, params, tuple(found))


def _own_parameters(members: Sequence[Member]) -> dict[str, JsonValue]:
    """Return the parameters of sessions that have settings of their own, to tell what changed."""
    plans = {m.plan.session.name: m.plan for m in members if m.plan.session.settings}
    return {f"settings of {name}": p.inventory.parameters for name, p in plans.items()}


def _members(keys: Sequence[str], members: MemberPlans, where: str) -> list[Member]:
    """Return the members of a group, which fit together.

    Raises
    ------
    StreamError
        Naming the members that do not, and why.
    """
    twice = [key for key, n in Counter(keys).items() if n > 1]
    if twice:
        raise StreamError(f"{twice[0]} is a member twice", where, "Name every recording once")
    if len(keys) < 2:
        what = f"{count(len(keys), 'member is', 'members are')} too few for a group"
        raise StreamError(what, where, "Name two recordings or more, by the keys of their jobs")
    found, missing = list[Member](), list[str]()
    for key in keys:
        try:
            found.append(members.get(key))
        except UnknownJobError as e:
            missing.append(str(e))
    if missing:
        what = f"lacks {count(len(missing), 'member')}: {' '.join(missing[:_MAX_TOLD])}"
        raise StreamError(what, where)
    first = Facts.of(found[0])
    for i, member in enumerate(found[1:], start=2):
        problems = first.unlike(Facts.of(member))
        if problems:
            what = f"member {i}, {member.key}, {'; '.join(problems)} of member 1, {found[0].key}"
            remedy = "Only recordings of the same channels of one probe can be sorted as one"
            raise StreamError(what, where, remedy)
    return found


def _entry(
    session: Session, name: str, members: Sequence[Member], params: DispatchParams
) -> InventoryEntry:
    entries = [m.job.entry for m in members]
    first, block = entries[0], f"{GROUP}-{name}"
    own_name = naming.recording_name(block, first.stream, group=first.group)
    with_session = session.name if params.multi_session else None
    return first.model_copy(
        update={
            "session_name": session.name,
            "input_format": session.input_format,
            "block": block,
            "segment": None,
            "job_key": naming.job_key(session.name, own_name),
            "recording_name": naming.recording_name(
                block, first.stream, group=first.group, session=with_session
            ),
            "n_samples": [sum(n for e in entries for n in e.n_samples)],
            "duration_s": sum(e.duration_s or 0.0 for e in entries),
            "has_lfp": False,
            "fingerprint": _hash("\0".join(str(e.fingerprint) for e in entries)),
            "size_bytes": sum(e.size_bytes for e in entries),
            "raw_files": {
                f"{e.session_name}: {file}": about
                for e in entries
                for file, about in e.raw_files.items()
            },
            "members": [str(e.job_key) for e in entries],
        }
    )


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
