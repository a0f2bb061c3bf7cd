"""Calls into SpikeInterface: what they raise becomes an error of ours, what they warn of, text."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dispatch_assets.errors import DispatchError, StepError


@contextmanager
def building(steps: str) -> Iterator[None]:
    """Turn whatever a step of SpikeInterface raises when it is set up into a `StepError`."""
    try:
        yield
    except Exception as e:  # wrong types and values, or a recording that it does not suit
        what = f"preprocessing failed ({type(e).__name__}: {e})"
        raise StepError(what, steps, "Are its arguments right for this recording?") from e


@contextmanager
def working_on_data(where: str, data_folder: Path) -> Iterator[None]:
    """Turn whatever reading or writing traces raises into a `StepError`."""
    try:
        yield
    except DispatchError:
        raise
    except Exception as e:  # readers, filters and a full disk raise all kinds of things
        what = f"its data cannot be read or written ({type(e).__name__}: {e})"
        remedy = f"Are the raw files in {data_folder} whole, and is there space for results?"
        raise StepError(what, where, remedy) from e


@contextmanager
def warnings_as_text(into: list[str]) -> Iterator[None]:
    """Add what SpikeInterface warns of to a list, once each."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        yield
    texts = [" ".join(str(w.message).split()) for w in caught if w.category is UserWarning]
    into += [text for text in dict.fromkeys(texts) if text not in into]
