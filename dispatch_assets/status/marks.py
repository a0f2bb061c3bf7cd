"""Colour and symbol of every state, which people tell apart with or without seeing colours.

Colours are those of Okabe and Ito, "Color Universal Design" (2008), https://jfly.uni-koeln.de/color/
"""

from __future__ import annotations

from dataclasses import dataclass

from dispatch_assets.status.models import ABOUT_RECORDINGS, RecordingState
from dispatch_assets.watch.states import ABOUT, State

_VERMILLION, _ORANGE, _GREEN = "#d55e00", "#e69f00", "#009e73"
_SKY, _BLUE, _PURPLE = "#56b4e9", "#0072b2", "#cc79a7"
_PALE, _WHITE = "#d9dde0", "#f5f6f7"
_DARK, _LIGHT = "#1a1a1a", "#ffffff"


@dataclass(frozen=True)
class Mark:
    """How a state is drawn.

    Attributes
    ----------
    name
        The state.
    symbol
        One character.
    colour, ink
        Colour of the ground and of what stands on it.
    about
        What the state means.
    """

    name: str
    symbol: str
    colour: str
    ink: str = _DARK
    about: str = ""


_DRAWN = {
    "damaged": ("\N{MULTIPLICATION X}", _VERMILLION, _LIGHT),
    "faulty": ("\N{MULTIPLICATION X}", _VERMILLION, _LIGHT),
    "quarantined": ("\N{MULTIPLICATION X}", _VERMILLION, _LIGHT),
    "failed": ("!", _VERMILLION, _LIGHT),
    "killed": ("\N{DAGGER}", _VERMILLION, _LIGHT),
    "refused": ("?", _PURPLE, _DARK),
    "no job": ("\N{HORIZONTAL ELLIPSIS}", _PALE, _DARK),
    "missing": ("\N{HORIZONTAL ELLIPSIS}", _PALE, _DARK),
    "out of date": ("~", _ORANGE, _DARK),
    "changed": ("~", _ORANGE, _DARK),
    "running": ("\N{RIGHTWARDS ARROW}", _SKY, _DARK),
    "copying": ("\N{RIGHTWARDS ARROW}", _SKY, _DARK),
    "settled": ("\N{WHITE CIRCLE}", _PALE, _DARK),
    "partly sorted": ("\N{CIRCLE WITH LEFT HALF BLACK}", _BLUE, _LIGHT),
    "done": ("\N{CHECK MARK}", _GREEN, _LIGHT),
    "written": ("\N{CHECK MARK}", _GREEN, _LIGHT),
    "dispatched": ("\N{WHITE CIRCLE}", _PALE, _DARK),
    "vanished": ("\N{EN DASH}", _WHITE, _DARK),
    "none": ("", _WHITE, _DARK),
}
_ABOUT = {
    **{str(state): about for state, about in ABOUT.items()},
    **{str(state): about for state, about in ABOUT_RECORDINGS.items()},
}


def mark(state: str) -> Mark:
    """Return how a state of an entry, a recording, a job or a step is drawn."""
    symbol, colour, ink = _DRAWN[state]
    return Mark(state, symbol, colour, ink, _ABOUT.get(state, ""))


MARKS = {name: mark(name) for name in _DRAWN}
SESSION_MARKS: dict[str, Mark] = {
    state: Mark(state, *_DRAWN[state], about=ABOUT[state])
    for state in State  # "dispatched" and "vanished" are said of recordings, too
}
RECORDING_MARKS: dict[str, Mark] = {state: MARKS[state] for state in RecordingState}
