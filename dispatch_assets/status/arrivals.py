"""What is known about the entries of the data root: being copied, complete, changed, vanished."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from dispatch_assets.errors import DataRootError
from dispatch_assets.params import DispatchParams
from dispatch_assets.status.models import Problem
from dispatch_assets.watch.following import Options
from dispatch_assets.watch.roots import WatchedRoot
from dispatch_assets.watch.seen import Seen
from dispatch_assets.watch.states import EntryState
from dispatch_assets.watch.ticks import all_states, mass_removal


@dataclass(frozen=True)
class Arrivals:
    """A data root as the sensor `new_sessions` sees it.

    Attributes
    ----------
    data
        The data root.
    cursor
        What the sensor remembers; None if that cannot be had.
    params, options
        As the sensor has them.
    """

    data: str
    cursor: str | None = None
    params: DispatchParams = field(default_factory=DispatchParams)
    options: Options = field(default_factory=Options)

    def entries(self, store: str) -> tuple[list[EntryState], list[Problem]]:
        """Return the state of every entry, and what is wrong with the data root as a whole.

        Nothing is said about entries that neither an inventory nor the sensor has seen, if there
        was none of either: then all of them would look like just being copied.

        Raises
        ------
        StoreError
            If the store cannot be read.
        ParameterError
            If a parameter makes no sense.
        """
        try:
            looks = WatchedRoot(self.data, self.params).looks()
        except DataRootError as e:
            return [], [Problem(where="data", message=str(e))]
        seen = Seen.read(store, self.data)
        if not seen.entries and self.cursor is None:
            return [], []
        unmounted = mass_removal(looks, seen)
        problems = [Problem(where="data", message=unmounted)] if unmounted else []
        return all_states(self.cursor, looks, seen, datetime.now(UTC), self.options), problems
