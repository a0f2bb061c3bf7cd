"""The input formats, most specific first. Adding one: a module here and an entry below."""

from __future__ import annotations

from dispatch_assets.errors import ParameterError
from dispatch_assets.formats.aind import Aind
from dispatch_assets.formats.generic import Generic
from dispatch_assets.formats.nwb import Nwb
from dispatch_assets.formats.openephys import OpenEphys
from dispatch_assets.formats.spikeglx import SpikeGLX
from dispatch_assets.input_format import InputFormat

FORMATS: tuple[InputFormat, ...] = (Aind(), Nwb(), OpenEphys(), SpikeGLX(), Generic())


def by_name(name: str) -> InputFormat:
    """Return the input format called `name`.

    Raises
    ------
    ParameterError
        If there is none.
    """
    for input_format in FORMATS:
        if input_format.name == name:
            return input_format
    known = ", ".join(f.name for f in FORMATS)
    raise ParameterError(f"there is no input format {name!r}", "input", f"Known: {known}")
