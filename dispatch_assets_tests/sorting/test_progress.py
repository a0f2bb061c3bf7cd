"""Progress bars become lines, at a pace that people can read."""

from __future__ import annotations

import time

import pytest
from tqdm.auto import tqdm
from tqdm.std import tqdm as plain

from dispatch_assets.sorting.progress import bars_as_lines


def test_a_bar_becomes_lines_with_what_is_left(capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with bars_as_lines(lines.append, "sorting", interval_s=0.0):
        bar = tqdm(total=10, desc="detect_peaks (workers: 2 processes)", mininterval=0)
        time.sleep(0.02)
        bar.update(4)
        bar.close()
    assert any(line.startswith("sorting: detect peaks: 40 %, about ") for line in lines)
    assert all(" left" in line or "%" in line for line in lines)
    assert capfd.readouterr() == ("", "")  # nor an empty line where the bar ends


def test_a_bar_of_unknown_length_counts() -> None:
    lines: list[str] = []
    with bars_as_lines(lines.append, "sorting", interval_s=0.0):
        for _ in tqdm(iter("abc"), mininterval=0):
            pass
    assert "sorting: working: 3 done" in lines


def test_short_bars_say_nothing() -> None:
    lines: list[str] = []
    with bars_as_lines(lines.append, "sorting", interval_s=60.0):
        for _ in tqdm(range(100), mininterval=0):
            pass
    assert lines == []


def test_every_bar_keeps_its_own_time() -> None:
    lines: list[str] = []
    with bars_as_lines(lines.append, "sorting", interval_s=0.05):
        for _ in range(5):  # the memory of one bar may be given to the next
            bar = tqdm(total=1, mininterval=0)
            time.sleep(0.03)
            bar.close()
            del bar
    assert lines == []


@pytest.mark.parametrize(("left_s", "words"), [(60, "60 s"), (600, "10 min"), (9000, "2.5 h")])
def test_durations_are_said_in_fitting_units(left_s: float, words: str) -> None:
    from dispatch_assets.sorting import progress

    bar = {"n": 50, "total": 100, "elapsed": left_s, "prefix": ""}
    assert progress._sentence(bar) == f"working: 50 %, about {words} left"


def test_bars_are_themselves_again_afterwards() -> None:
    before = plain.display, plain.close
    with pytest.raises(ValueError, match="x"), bars_as_lines(print, "sorting"):
        raise ValueError("x")
    assert (plain.display, plain.close) == before
