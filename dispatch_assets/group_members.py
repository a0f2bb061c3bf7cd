"""Members of groups: where they are found, and what has to be the same in all of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets import naming
from dispatch_assets.errors import NamingError, StreamError, UnknownJobError, count, did_you_mean
from dispatch_assets.jobs import select_group
from dispatch_assets.models import Inventory, InventoryEntry, Reason
from dispatch_assets.params import DispatchParams
from dispatch_assets.planning import SessionPlan, plan_session
from dispatch_assets.reading import reading
from dispatch_assets.stream_plans import PlannedJob

if TYPE_CHECKING:
    from spikeinterface.core import BaseRecording

_MAX_GUESSED_FROM = 5000  # looking for similar names takes time
_TOLERANCE = 1e-6  # relative: what rounding in metadata files may do


@dataclass(frozen=True)
class Member:
    """One recording of a group: its job as planned, and the plan of its session."""

    plan: SessionPlan
    job: PlannedJob

    @property
    def key(self) -> str:
        """Key of its own job."""
        return str(self.job.entry.job_key)

    def open(self) -> BaseRecording:
        """Open the channels that its own job has."""
        whole = self.job.source.open_segments(self.job.positions)
        return select_group(whole, self.job.entry.group)


class MemberPlans:
    """Finds the members of groups among the sessions that were planned, and among those known.

    Parameters
    ----------
    params
        The parameters of all sessions.
    known
        Returns the inventory that holds a job, for sessions that were not planned this time;
        raises `UnknownJobError`. None: there are no others.
    gone
        Names of the sessions that are there no more.
    """

    def __init__(
        self,
        params: DispatchParams,
        known: Callable[[str], Inventory] | None = None,
        gone: Collection[str] = (),
    ) -> None:
        self.params, self._known, self._gone = params, known, gone
        self._wanted = {key for keys in params.groups.values() for key in keys}
        self._members: dict[str, Member] = {}
        self._inventories: dict[str, Inventory] = {}

    def add(self, plan: SessionPlan) -> None:
        """Take note of a session; its plan is kept only if a group asks for one of its jobs."""
        self._inventories[plan.session.name] = plan.inventory
        for job in plan.jobs:
            if job.entry.job_key in self._wanted:
                self._members[str(job.entry.job_key)] = Member(plan, job)

    def covers(self, keys: Sequence[str]) -> bool:
        """Say whether the sessions of all of these jobs have been planned."""
        return all(k in self._members or _session_of(k) in self._inventories for k in keys)

    def touches(self, keys: Sequence[str]) -> bool:
        """Say whether a session of one of these jobs has been planned, or found to be gone."""
        looked_at = {*self._inventories, *self._gone}
        return any(k in self._members or _session_of(k) in looked_at for k in keys)

    def get(self, key: str) -> Member:
        """Return the member called `key`.

        Raises
        ------
        UnknownJobError
            With the reason why there is none, or what was perhaps meant.
        StreamError
            If the disk or share gave no answer of it.
        """
        elsewhere = key not in self._members and _session_of(key) not in self._inventories
        if elsewhere and self._known is not None:
            session = self._known(key).session
            self._wanted.add(key)
            self.add(plan_session(session, self.params))
        if key in self._members:
            return self._members[key]
        raise self._why_not(key)

    def _why_not(self, key: str) -> UnknownJobError | StreamError:
        session = _session_of(key)
        inventory = self._inventories.get(session)
        if inventory is None:
            others = (str(e.job_key) for i in self._inventories.values() for e in i.jobs)
            candidates = [k for k, _ in zip(others, range(_MAX_GUESSED_FROM), strict=False)]
            what = "there is no such recording"
        else:
            told = next(_told_of(key, inventory), None)
            if told is not None and told.reason == Reason.NO_ANSWER:
                return StreamError(told.message, key, reason=told.reason)
            if told is not None:
                return UnknownJobError(told.message, key)
            candidates = [str(e.job_key) for e in inventory.jobs]
            what = f"session {session!r} has no such recording"
        guess = did_you_mean(key, candidates)
        lists = "`dispatch-assets plan --json` lists the keys of all jobs"
        remedy = guess[:1].upper() + guess[1:] or lists
        return UnknownJobError(what, key, remedy)


def _session_of(key: str) -> str:
    try:
        return naming.parse_job_key(key)[0]
    except NamingError:
        return ""


def _told_of(key: str, inventory: Inventory) -> Iterator[InventoryEntry]:
    """Yield what an inventory says of a recording that is no job."""
    recording = naming.parse_job_key(key)[1]
    for e in inventory.entries:
        name = naming.recording_name(e.block, e.stream, segment=e.segment)
        if e.status != "job" and (recording.startswith(name) or not (e.block or e.stream)):
            yield e


@dataclass(frozen=True)
class Facts:
    """What has to be the same in all members."""

    channel_ids: list[Any]
    rate_hz: float
    dtype: str
    values: dict[str, Any]
    serial_numbers: list[str]
    folder: str

    @classmethod
    def of(cls, member: Member) -> Facts:
        """Return those of one member."""
        with reading(member.key):
            recording = member.open()
            probes = recording.get_probegroup().probes
            return cls(
                list(recording.channel_ids),
                float(recording.get_sampling_frequency()),
                str(recording.get_dtype()),
                {
                    "contact positions": np.asarray(recording.get_channel_locations()),
                    "gains": recording.get_property("gain_to_uV"),
                    "offsets": recording.get_property("offset_to_uV"),
                    "sample shifts": recording.get_property("inter_sample_shift"),
                },
                [str(p.serial_number) for p in probes if p.serial_number],
                member.plan.session.data_folder,
            )

    def unlike(self, other: Facts) -> list[str]:
        """Return in what another member differs from this one, as clauses."""
        if len(self.channel_ids) != len(other.channel_ids):
            has, not_ = (count(len(f.channel_ids), "channel") for f in (other, self))
            return [f"has {has}, not the {not_}"]
        told = []
        if self.channel_ids != other.channel_ids:
            told.append("has other channel ids than those")
        if self.rate_hz != other.rate_hz:
            told.append(f"is sampled at {other.rate_hz:.10g} Hz, not at the {self.rate_hz:.10g} Hz")
        if self.dtype != other.dtype:
            told.append(f"has samples of type {other.dtype}, not the {self.dtype}")
        told += [
            f"has other {name} than those"
            for name in self.values
            if not _alike(self.values[name], other.values[name])
        ]
        known = self.serial_numbers and other.serial_numbers
        if known and self.serial_numbers != other.serial_numbers:
            numbers = [", ".join(f.serial_numbers) for f in (other, self)]
            told.append(f"was made with probe {numbers[0]}, not the probe {numbers[1]}")
        if self.folder != other.folder:
            told.append("lies in another data folder than that")
        return told


def _alike(one: Any, other: Any) -> bool:  # noqa: ANN401 - properties of SpikeInterface
    if one is None or other is None:
        return one is other
    return np.shape(one) == np.shape(other) and np.allclose(one, other, rtol=_TOLERANCE, atol=1e-9)
