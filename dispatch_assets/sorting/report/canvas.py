"""Pictures: figures without global state, the same bytes every time, labels in colour and shape."""

from __future__ import annotations

import io
import warnings
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CSS_PX_PER_INCH = 100
_DPI = 144
_N_COLOURS = 256
_LOOK = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 9.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "text.parse_math": False,  # names of units and sessions are no formulas
}


MISSING = "\N{EN DASH}"
"""What stands for a number that there is not."""


@dataclass(frozen=True)
class Picture:
    """A PNG and what a page says about it.

    Attributes
    ----------
    png
        The file's bytes.
    alt
        What it shows, for those who cannot see it.
    width_px, height_px
        Its size on a page, in CSS pixels; the file has more.
    """

    png: bytes
    alt: str
    width_px: int
    height_px: int

    @property
    def uri(self) -> str:
        """The picture as a data URI."""
        return f"data:image/png;base64,{b64encode(self.png).decode()}"


def picture_in(png: bytes, alt: str) -> Picture:
    """Return a picture of a PNG that was drawn elsewhere, at its own size."""
    from PIL import Image

    with Image.open(io.BytesIO(png), formats=["PNG"]) as image:
        width, height = image.size
    return Picture(png, alt, width, height)


@dataclass(frozen=True)
class LabelStyle:
    """How units of one label look, in pictures and in text.

    Attributes
    ----------
    colour
        As CSS and Matplotlib write it.
    marker
        Matplotlib's marker.
    symbol
        The same shape as a character.
    dashes, hatch
        Matplotlib's style of a line, and of a surface.
    """

    colour: str
    marker: str
    symbol: str
    dashes: str
    hatch: str


# Okabe & Ito's palette, made for every kind of colour vision: https://jfly.uni-koeln.de/color/
_KNOWN = {
    "good": LabelStyle("#0072B2", "o", "●", "-", ""),
    "mua": LabelStyle("#D55E00", "^", "▲", "--", "////"),
    "noise": LabelStyle("#707070", "X", "✖", ":", "...."),
}
_OTHERS = (
    LabelStyle("#009E73", "s", "■", "-.", "xxxx"),
    LabelStyle("#CC79A7", "D", "◆", "--", "----"),
    LabelStyle("#8C6D31", "v", "▼", ":", "||||"),
    LabelStyle("#56B4E9", "P", "✚", "-.", "++++"),
)
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#8C6D31")
"""Colours of things that stand side by side without an order."""


def label_styles(labels: Iterable[str]) -> dict[str, LabelStyle]:
    """Return a style for each label, in the order in which people read them: good ones first."""
    present = set(labels)
    others = sorted(present - set(_KNOWN))
    order = [*(x for x in ("good", "mua") if x in present), *others]
    order += ["noise"] if "noise" in present else []
    spare = {name: _OTHERS[i % len(_OTHERS)] for i, name in enumerate(others)}
    return {name: _KNOWN.get(name) or spare[name] for name in order}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with our settings while the block runs, whatever those of this machine are."""
    from matplotlib import style

    with style.context(["default", _LOOK]), warnings.catch_warnings():
        # a session's name may hold characters that Matplotlib's font lacks: drawn as boxes
        warnings.filterwarnings("ignore", message=r"(?s)Glyph .* missing from font")
        yield


def new_figure(width_px: int, height_px: int) -> Figure:
    """Return a figure of that size in CSS pixels, unknown to pyplot."""
    from matplotlib.figure import Figure

    size = (width_px / CSS_PX_PER_INCH, height_px / CSS_PX_PER_INCH)
    return Figure(figsize=size, dpi=_DPI)


def picture_of(figure: Figure, alt: str, dpi: int = _DPI) -> Picture:
    """Draw a figure; the same figure gives the same bytes.

    A palette instead of true colours makes files of a third of the size.
    """
    from PIL import Image

    figure.set_dpi(dpi)
    pixels = io.BytesIO()
    figure.savefig(pixels, format="rgba", dpi=dpi)
    size = figure.canvas.get_width_height(physical=True)
    drawn = Image.frombuffer("RGBA", size, pixels.getvalue(), "raw", "RGBA", 0, 1).convert("RGB")
    few = drawn.quantize(_N_COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    png = io.BytesIO()
    few.save(png, "png")
    width, height = (round(inches * CSS_PX_PER_INCH) for inches in figure.get_size_inches())
    return Picture(png.getvalue(), alt, width, height)


def say_empty(axes: Axes, why: str) -> None:
    """Leave a panel empty, and say why."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color="0.35", wrap=True
    )
