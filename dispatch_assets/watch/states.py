"""The states that an entry of the data root can be in, as people see them."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict, Field


class State(StrEnum):
    """State of an entry of the data root."""

    COPYING = "copying"
    SETTLED = "settled"
    DISPATCHED = "dispatched"
    CHANGED = "changed"
    VANISHED = "vanished"
    QUARANTINED = "quarantined"


ABOUT = {
    State.COPYING: "not complete yet, or still changing",
    State.SETTLED: "complete; its inventory has been asked for",
    State.DISPATCHED: "inventoried as it is now",
    State.CHANGED: "other than when it was dispatched, and not settled again",
    State.VANISHED: "was dispatched, and is not there any more; its results are kept",
    State.QUARANTINED: "needs a person: it never settles, or cannot be read as a whole",
}


class EntryState(BaseModel):
    """One entry of the data root: its state, since when, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry: str = Field(description="Its name in the data root.")
    state: State
    since: str = Field(description="When it came into this state, UTC, ISO 8601.")
    why: str = Field(description="What the state rests on, with the remedy if it needs one.")
    sessions: list[str] = Field(
        default_factory=list, description="Names of the sessions in it; empty until inventoried."
    )
