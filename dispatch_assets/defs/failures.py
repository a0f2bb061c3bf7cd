"""Errors as the Dagster UI shows them: a sentence and a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from dispatch_assets.errors import DispatchError
from dispatch_assets.transient import is_transient

MAX_RETRIES = 3
FIRST_WAIT_S = 10  # doubled with every retry


@contextmanager
def as_failure(context: dg.AssetExecutionContext | None = None) -> Iterator[None]:
    """Turn an error of ours into a Dagster failure that says the same.

    Retrying cures few of them: a file is damaged, a key unknown, a disk full. What a network share
    may get over is retried with growing pauses. (A retry policy of Dagster's would retry the
    others, too, and a run that somebody has cancelled.)

    Parameters
    ----------
    context
        The run's context; without it nothing is retried.
    """
    try:
        yield
    except DispatchError as e:
        n_retries = context.retry_number if context is not None else MAX_RETRIES
        if is_transient(e) and n_retries < MAX_RETRIES:
            wait_s = FIRST_WAIT_S * 2**n_retries
            raise dg.RetryRequested(max_retries=MAX_RETRIES, seconds_to_wait=wait_s) from e
        raise dg.Failure(description=str(e), allow_retries=False) from e
