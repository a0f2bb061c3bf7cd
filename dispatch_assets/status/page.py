"""The fleet as one HTML file that needs nothing else.

What can be long, the table of all recordings, stands in the page as data, of which the script shows
a hundred rows at a time: a page of twenty thousand recordings opens like one of twenty.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from dispatch_assets.errors import count
from dispatch_assets.sorting.report.page import self_contained
from dispatch_assets.status import pictures
from dispatch_assets.status.marks import MARKS, RECORDING_MARKS, SESSION_MARKS, Mark
from dispatch_assets.status.models import FleetStatus, RecordingStatus, SessionStatus
from dispatch_assets.status.table import units_in_words

if TYPE_CHECKING:
    from markupsafe import Markup

MOST_URGENT = 100
MOST_GRID_ROWS = 150
ROWS_AT_A_TIME = 100
_HERE = Path(__file__).parent
_STATES = list(MARKS)

Pair = tuple[SessionStatus, RecordingStatus]


def render(fleet: FleetStatus, folder: Path) -> str:
    """Return the page.

    Parameters
    ----------
    fleet
        What to show.
    folder
        Where the page will lie: results below it are linked relatively, others by ``file:`` URLs.
    """
    pairs = [(s, r) for s in fleet.sessions for r in s.recordings]
    small = pictures.thumbnails(r for _, r in pairs)
    n_rows = sum(max(1, len(s.recordings)) for s in fleet.sessions)
    columns = ["session", "job", *fleet.steps]
    content = {
        "fleet": fleet,
        "n_sessions": count(len(fleet.sessions), "session"),
        "n_recordings": count(len(pairs), "recording"),
        "bars": [
            _bar("Sessions", fleet.n_sessions, SESSION_MARKS),
            _bar("Recordings", fleet.n_recordings, RECORDING_MARKS),
        ],
        "urgent": list(islice(_urgent(fleet.sessions), MOST_URGENT)),
        "n_urgent": sum(1 for _ in _urgent(fleet.sessions)),
        "marks": MARKS,
        "columns": columns,
        "grid": pictures.grid(fleet.sessions, MOST_GRID_ROWS),
        "n_rows": n_rows,
        "px": pictures,
        "gallery": [_card(s, r, small, folder) for s, r in pairs if r.job_key in small],
        "n_pictures_left_out": max(0, sum("overview" in r.files for _, r in pairs) - len(small)),
        "states": [m for m in _STATES if m in {*fleet.n_recordings, *fleet.n_sessions}],
        "data": _data(fleet, folder),
    }
    page = self_contained(_own("page.html.j2"), _style(), _own("page.js"), content)
    # bytes of names that are no UTF-8 cannot stand in a page
    return page.encode("utf-8", "replace").decode()


def _style() -> str:
    """Return the page's style sheet, with the colours of the states."""
    grounds = (
        f".ground-{i} {{ background: {m.colour}; color: {m.ink}; }}\n"
        for i, m in enumerate(MARKS.values())
    )
    return _own("page.css") + "".join(grounds)


def _own(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _bar(title: str, counts: dict[str, int], marks: Mapping[str, Mark]) -> dict[str, Any]:
    shown = [(marks[state], n) for state, n in counts.items()]
    said = ", ".join(f"{n:,} {mark.name}" for mark, n in shown)
    return {"title": title, "boxes": pictures.bar(counts, marks), "shown": shown, "said": said}


def _urgent(sessions: Iterable[SessionStatus]) -> Iterable[dict[str, Any]]:
    """Yield what needs a person."""
    for s in sessions:
        told = any(r.needs_attention for r in s.recordings)
        if s.last_error or (s.needs_attention and not told):
            why = s.last_error.message if s.last_error else s.why
            yield {"name": s.session_name, "mark": MARKS[s.state], "why": why, "next": s.next_step}
        for r in s.recordings:
            if r.needs_attention:
                yield {
                    "name": f"{s.session_name} / {r.recording_name}",
                    "mark": MARKS[r.state],
                    "why": r.last_error.message if r.last_error else "",
                    "where": r.last_error.where if r.last_error else "",
                    "at": r.last_error.at if r.last_error else "",
                    "next": r.next_step,
                }


def _card(
    session: SessionStatus, r: RecordingStatus, small: dict[str, Any], folder: Path
) -> dict[str, Any]:
    return {
        "session": session.session_name,
        "recording": r.recording_name,
        "picture": small[str(r.job_key)],
        "units": units_in_words(r.units),
        "report": _link(r, "report", folder),
    }


def _data(fleet: FleetStatus, folder: Path) -> Markup:
    """Return the rows of the table as JSON that may stand in a page as it is."""
    from markupsafe import Markup

    number = {state: i for i, state in enumerate(_STATES)}
    rows = [
        row
        for s in fleet.sessions
        for row in ([_row(s, r, number, folder) for r in s.recordings] or [_bare(s, number)])
    ]
    marks = [[m.name, m.symbol, m.about] for m in MARKS.values()]
    data = {"rows": rows, "marks": marks, "steps": ["job", *fleet.steps], "page": ROWS_AT_A_TIME}
    text = json.dumps(data, ensure_ascii=True, separators=(",", ":"))
    for code in "<>&":  # else a name could end the element that the data stand in
        text = text.replace(code, f"\\u{ord(code):04x}")
    return Markup(text)  # noqa: S704 - nothing in it is markup any more


def _row(
    s: SessionStatus, r: RecordingStatus, number: dict[str, int], folder: Path
) -> Sequence[Any]:
    """Return what ``page.js`` calls by the names of its columns."""
    error = f"{r.last_error.where}: {r.last_error.message}" if r.last_error else ""
    return (
        s.session_name,
        r.recording_name,
        number[r.state],
        [number[r.job], *(number[step.state] for step in r.steps)],
        list(r.units.values()) if r.units is not None else None,
        r.next_step,
        error,
        int(r.needs_attention),
        _link(r, "report", folder),
        _link(r, "nwb", folder),
    )


def _bare(s: SessionStatus, number: dict[str, int]) -> Sequence[Any]:
    error = s.last_error.message if s.last_error else s.why
    urgent = int(s.needs_attention)
    return (s.session_name, "", number[s.state], [], None, s.next_step, error, urgent, "", "")


def _link(r: RecordingStatus, what: str, folder: Path) -> str:
    """Return the address of a file of the results, empty if there is none."""
    if what not in r.files or r.results is None:
        return ""
    file = Path(r.results).absolute() / r.files[what]
    if file.is_relative_to(folder):
        return quote(os.fsencode(file.relative_to(folder)))
    return file.as_uri()
