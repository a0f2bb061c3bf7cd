"""The report of the units in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dispatch_assets.sorting.step import UNITS_REPORT
from dispatch_assets_tests.browser import Tab, browser_tab
from dispatch_assets_tests.sorting.lab import Known, run
from dispatch_assets_tests.sorting.report_lab import LABELS, publish_units
from dispatch_assets_tests.sorting.test_report import IDS, SCRIPT, prepared

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:spikeinterface.*", "ignore::RuntimeWarning:numpy.*"
)
ROWS = "#unit-table tbody tr"


@pytest.fixture(scope="module")
def tab(known: Known, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """The report of a session and units whose names are code."""
    with browser_tab() as tab:  # first: without a browser nothing has to be made
        context = prepared(known, tmp_path_factory.mktemp("browsed") / "results")
        publish_units(context, change=lambda sorting: sorting.rename_units(IDS))
        job = context.job.model_copy(update={"session_name": SCRIPT})
        run(replace(context, job=job), UNITS_REPORT)
        page: Path = context.results / UNITS_REPORT / "report.html"
        tab.open(page.as_uri())
        yield tab


def test_everything_shows_and_nothing_is_asked_for(tab: Tab) -> None:
    assert tab.texts("h1") == [SCRIPT]
    assert [row.split()[0] for row in tab.texts(ROWS)] == IDS
    broken = "[...document.images].filter(i => !i.complete || !i.naturalWidth).length"
    assert tab.evaluate(broken) == 0
    assert tab.evaluate("document.images.length") == 4 + len(IDS)
    assert tab.evaluate("document.scripts.length") == 1
    assert len(tab.requests) == 1
    assert tab.complaints == []


def test_labels_are_hidden_and_rows_sorted(tab: Tab) -> None:
    tab.click(".filter input[value=good]")
    assert len(tab.texts(ROWS)) == len(LABELS) - LABELS.count("good")
    tab.click(".filter input[value=good]")
    assert len(tab.texts(ROWS)) == len(LABELS)
    tab.click("#unit-table thead button")
    assert tab.evaluate("document.querySelector('#unit-table th').ariaSort") == "descending"
    assert [row.split()[0] for row in tab.texts(ROWS)] == IDS[::-1]
    tab.click("#unit-table thead button")
    assert [row.split()[0] for row in tab.texts(ROWS)] == IDS
    assert tab.complaints == []


def test_a_link_to_a_unit_opens_its_part_of_the_gallery(tab: Tab) -> None:
    noise = LABELS.index("noise")
    part = f"document.getElementById('unit-{noise}').closest('details').open"
    assert tab.evaluate(part) is False
    tab.click(f"#unit-table a[href='#unit-{noise}']")
    assert tab.wait_for(part) is True
    assert tab.complaints == []
