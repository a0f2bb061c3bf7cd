"""Errors as the Dagster UI shows them: a sentence and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dispatch_assets.errors import DispatchError


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn an error of ours into a Dagster failure that says the same.

    Retrying cures none of them: a file is damaged, a key unknown, a disk full.
    """
    try:
        yield
    except DispatchError as e:
        raise dg.Failure(description=str(e), allow_retries=False) from e
