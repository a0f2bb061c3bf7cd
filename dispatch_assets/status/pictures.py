"""Geometry of the page's drawings, and thumbnails of what steps have drawn."""

from __future__ import annotations

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dispatch_assets.status.marks import MARKS, Mark
from dispatch_assets.status.models import RecordingStatus, SessionStatus
from dispatch_assets.status.table import shortened

BAR_WIDTH_PX, BAR_HEIGHT_PX = 1000, 26
ROW_PX, CELL_PX, LABEL_PX, HEAD_PX = 18, 92, 470, 22
MOST_PICTURES = 60
MOST_PICTURE_BYTES = 6_000_000
_LEAST_PX = 3.0  # a state that there is can be seen, however rare
_LABEL_COLUMNS = 62
_THUMBNAIL_PX = (420, 280)
_N_COLOURS = 64


@dataclass(frozen=True)
class Box:
    """A rectangle of a drawing, in CSS pixels, with what it stands for."""

    x: float
    y: float
    width: float
    height: float
    mark: Mark
    title: str
    text: str


@dataclass(frozen=True)
class GridRow:
    """One line of the grid: a recording, or a session without one."""

    label: str
    short: str
    y: float
    boxes: list[Box]


def bar(counts: Mapping[str, int], marks: Mapping[str, Mark]) -> list[Box]:
    """Return a stacked bar of how many there are of each state, in the order of `marks`."""
    shown = [(marks[state], n) for state, n in counts.items() if n]
    total = sum(n for _, n in shown)
    free = BAR_WIDTH_PX - _LEAST_PX * len(shown)
    boxes, x = list[Box](), 0.0
    for mark, n in shown:
        width = _LEAST_PX + free * n / total
        text = f"{n:,}" if width > 8 * len(f"{n:,}") + 6 else ""
        boxes.append(Box(round(x, 1), 0, round(width, 1), BAR_HEIGHT_PX, mark, f"{n:,}", text))
        x += width
    return boxes


def grid(sessions: Iterable[SessionStatus], at_most: int) -> list[GridRow]:
    """Return the first lines of the grid: sessions and recordings down, job and steps across."""
    rows: list[GridRow] = []
    for session in sessions:
        for name, cells in _cells(session):
            if len(rows) == at_most:
                return rows
            y = HEAD_PX + ROW_PX * len(rows)
            boxes = [_box(i, y, state, title) for i, (state, title) in enumerate(cells)]
            rows.append(GridRow(name, shortened(name, _LABEL_COLUMNS), y, boxes))
    return rows


Cells = Sequence[tuple[str, str]]


def _cells(session: SessionStatus) -> Iterator[tuple[str, Cells]]:
    """Yield the lines of a session; a cell is a state and what is said when pointed at."""
    name = session.session_name
    arrival = (str(session.state), f"session {session.state}: {session.why}")
    if not session.recordings:
        yield name, [arrival]
    for r in session.recordings:
        error = f": {r.last_error.message}" if r.last_error and r.job != "written" else ""
        steps = [(s.state, f"{s.step} {s.state}: {s.why or s.at}".rstrip(": ")) for s in r.steps]
        yield f"{name} / {r.recording_name}", [arrival, (r.job, f"job {r.job}{error}"), *steps]


def _box(column: int, y: float, state: str, title: str) -> Box:
    x = LABEL_PX + CELL_PX * column
    return Box(x, y + 1, CELL_PX - 2, ROW_PX - 2, MARKS[state], title, MARKS[state].symbol)


@dataclass(frozen=True)
class Thumbnail:
    """A small picture as it stands in the page, and its size there in CSS pixels."""

    uri: str
    width_px: int
    height_px: int


def thumbnails(recordings: Iterable[RecordingStatus]) -> dict[str, Thumbnail]:
    """Return small pictures of the units of recordings, by job key, as many as a page can hold.

    A picture that cannot be read is left out: the page says the rest without it.
    """
    found: dict[str, Thumbnail] = {}
    n_bytes = 0
    for r in recordings:
        file = _overview(r)
        if file is None:
            continue
        if len(found) == MOST_PICTURES or n_bytes > MOST_PICTURE_BYTES:
            break
        if (small := _small(file)) is not None:
            found[str(r.job_key)] = small
            n_bytes += len(small.uri)
    return found


def _overview(recording: RecordingStatus) -> Path | None:
    """Return the picture of a recording's units, which must lie in the folder of its results."""
    overview = recording.files.get("overview")
    if overview is None or recording.results is None:
        return None
    folder = Path(recording.results)
    file = folder / overview
    return file if file.resolve().is_relative_to(folder.resolve()) else None


def _small(file: Path) -> Thumbnail | None:
    from PIL import Image

    try:
        with Image.open(file, formats=["PNG"]) as image:
            small = image.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # what Pillow raises
        return None
    small.thumbnail(_THUMBNAIL_PX, Image.Resampling.LANCZOS)
    png = io.BytesIO()
    small.quantize(_N_COLOURS).save(png, "PNG", optimize=True)
    uri = f"data:image/png;base64,{b64encode(png.getvalue()).decode()}"
    return Thumbnail(uri, small.width, small.height)
