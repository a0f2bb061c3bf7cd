"""The fleet as text of at most 100 columns."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Iterator, Sequence

from dispatch_assets.errors import count
from dispatch_assets.status.models import FleetStatus, Problem, SessionStatus

WIDTH = 100
MOST_ROWS = 40  # of sessions that need nobody
MOST_ATTENTION_ROWS = 200
_HEADS = ("session", "recording", "state", "units", "next")
_LEAST = (12, 20, 0, 0, 20)  # columns may be shortened to these
_GAP = "  "
_ERROR_LINES = 3

Row = tuple[Sequence[str], str]
"""The cells of a line, and the error that stands below it."""


def print_status(status: FleetStatus, *, everything: bool = False) -> None:
    """Print a table, what needs a person first, and how many there are of each state.

    Parameters
    ----------
    status
        The fleet.
    everything
        Leave nothing out, however many lines it takes.
    """
    for problem in status.problems:
        print(_wrapped(f"{problem.where}: {problem.message}", indent=""))
    urgent = [s for s in status.sessions if s.needs_attention]
    others = [s for s in status.sessions if not s.needs_attention]
    rows, n_urgent_left = _at_most(urgent, None if everything else MOST_ATTENTION_ROWS)
    room = None if everything else max(0, MOST_ROWS - len(rows))
    more, n_left = _at_most(others, room)
    if rows or more:
        print(_lines([*rows, *more]))
    if n_left or n_urgent_left:
        said = f"{count(n_left, 'session')} that {'needs' if n_left == 1 else 'need'} nobody"
        said = f"{count(n_urgent_left, 'more')} that need attention, " * bool(n_urgent_left) + said
        print(f"... and {said} (--all shows them)")
    print("\n".join(("", *_summary(status))))


def _at_most(sessions: Sequence[SessionStatus], room: int | None) -> tuple[list[Row], int]:
    """Return the rows of the first sessions that fit in, and how many sessions do not."""
    rows: list[Row] = []
    for i, session in enumerate(sessions):
        if room is not None and len(rows) >= room:
            return rows, len(sessions) - i
        rows += _rows(session)
    return rows, 0


def _rows(session: SessionStatus) -> Iterator[Row]:
    if not session.recordings or session.state != "dispatched":
        whole = session.last_error
        said = _told(whole) if whole else session.why if session.needs_attention else ""
        if session.recordings and not whole:
            said = ""
        yield (session.session_name, "", str(session.state), "", session.next_step), said
    for r in session.recordings:
        cells = (session.session_name, r.recording_name, str(r.state), units_in_words(r.units))
        yield (*cells, r.next_step), _told(r.last_error) if r.last_error else ""


def units_in_words(units: dict[str, int] | None) -> str:
    """Return the number of units by label, ``good/mua/noise``; empty if nothing is sorted."""
    return "" if units is None else "/".join(map(str, units.values()))


def _told(problem: Problem) -> str:
    when = f" ({problem.at[:16].replace('T', ' ')} UTC)" if problem.at else ""
    where = f"{problem.where}: " if problem.where else ""
    return f"{where}{problem.message}{when}"


def _summary(status: FleetStatus) -> Iterator[str]:
    n, n_recordings = len(status.sessions), sum(status.n_recordings.values())
    yield _wrapped(f"{count(n, 'session')}: {_counts(status.n_sessions)}", indent="")
    yield _wrapped(f"{count(n_recordings, 'recording')}: {_counts(status.n_recordings)}", indent="")
    attention = status.n_need_attention
    if attention:
        yield f"{count(attention, 'session needs', 'sessions need')} attention."
    elif status.problems:
        yield "What stands above the table needs attention."
    else:
        yield "Nothing needs attention." if n else "No session has been looked at yet."


def _counts(numbers: dict[str, int]) -> str:
    return ", ".join(f"{n:,} {state}" for state, n in numbers.items()) or "none"


def _lines(rows: Sequence[Row]) -> str:
    lines = [_HEADS, *(tuple(map(plain, cells)) for cells, _ in rows)]
    widths = _widths(lines)
    out = [_line(_HEADS, widths)]
    for line, (_, error) in zip(lines[1:], rows, strict=True):
        out.append(_line(line, widths))
        if error:
            out.append(_wrapped(error))
    return "\n".join(out)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """Return the widths of columns; the widest of those that may be shortened give way."""
    widths = [max(cells(line[i]) for line in lines) for i in range(len(_HEADS))]
    while sum(widths) + len(_GAP) * (len(widths) - 1) > WIDTH:
        spare = [w - least if least else 0 for w, least in zip(widths, _LEAST, strict=True)]
        if max(spare) <= 0:
            break
        widths[spare.index(max(spare))] -= 1
    return widths


def _line(line: Iterable[str], widths: Sequence[int]) -> str:
    parts = []
    for text, width in zip(line, widths, strict=True):
        cut = shortened(text, width)
        parts.append(cut + " " * (width - cells(cut)))
    return _GAP.join(parts).rstrip()


def _wrapped(text: str, indent: str = "    ") -> str:
    lines = textwrap.wrap(
        plain(text),
        WIDTH,
        initial_indent=indent,
        subsequent_indent=indent,
        max_lines=_ERROR_LINES,
        placeholder=" ...",
    )
    return "\n".join(lines)


def plain(text: str) -> str:
    """Return `text` on one line and without what a terminal would obey."""
    text = " ".join(text.split())
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def cells(text: str) -> int:
    """Return how many columns of a terminal `text` takes (Unicode Standard Annex 11)."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def shortened(text: str, width: int) -> str:
    """Return `text` in at most `width` columns, shortened in the middle: names differ at ends."""
    if cells(text) <= width:
        return text
    tail = _fitting(text[::-1], width // 2)[::-1]
    return f"{_fitting(text, width - cells(tail) - 1)}\N{HORIZONTAL ELLIPSIS}{tail}"


def _fitting(text: str, width: int) -> str:
    taken = 0
    for i, c in enumerate(text):
        taken += cells(c)
        if taken > width:
            return text[:i]
    return text
