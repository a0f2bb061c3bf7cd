"""Progress bars of other packages as lines of a log: "sorting: detect peaks: 40 %, 2 min left"."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

INTERVAL_S = 10.0


@contextmanager
def bars_as_lines(
    log: Callable[[str], None], prefix: str, interval_s: float = INTERVAL_S
) -> Iterator[None]:
    """Turn every tqdm bar in this process into log lines while the block runs.

    Parameters
    ----------
    log
        Takes a line.
    prefix
        What each line begins with: the step.
    interval_s
        Least time between two lines of one bar, in seconds. Bars that are done sooner give none.
    """
    from tqdm.std import tqdm

    originals = {name: getattr(tqdm, name) for name in ("display", "close")}

    def display(bar: Any, *_: object, **__: object) -> None:  # noqa: ANN401 - any kind of bar
        now = time.monotonic()
        if now - vars(bar).setdefault("last_line_s", now) < interval_s:
            return
        bar.last_line_s = now
        log(f"{prefix}: {_sentence(bar.format_dict)}")

    def close(bar: Any) -> None:  # noqa: ANN401
        bar.leave = False  # else it ends in an empty line on the terminal
        originals["close"](bar)

    # not assignments: tqdm's own type says that a method stays what it is
    for name, method in {"display": display, "close": close}.items():
        setattr(tqdm, name, method)
    try:
        yield
    finally:
        for name, method in originals.items():
            setattr(tqdm, name, method)


def _sentence(bar: dict[str, Any]) -> str:
    done, total, elapsed_s = bar["n"], bar["total"], bar["elapsed"]
    name = str(bar["prefix"]).partition(" (")[0].strip().rstrip(":").replace("_", " ") or "working"
    if not total:
        return f"{name}: {done} done"
    percent = 100 * done / total
    if not done or done >= total:
        return f"{name}: {percent:.0f} %"
    return f"{name}: {percent:.0f} %, {_duration(elapsed_s * (total - done) / done)} left"


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"about {seconds:.0f} s"
    minutes = seconds / 60
    return f"about {minutes:.0f} min" if minutes < 90 else f"about {minutes / 60:.1f} h"
