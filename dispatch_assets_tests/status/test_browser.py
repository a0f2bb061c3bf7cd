"""The page in a real browser: what a person sees and clicks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from dispatch_assets.errors import RefusedError
from dispatch_assets.naming import job_key
from dispatch_assets.status.page import render
from dispatch_assets_tests.browser import Tab, browser_tab
from dispatch_assets_tests.status.lab import Fleet
from dispatch_assets_tests.status.test_table import HOSTILE, fleet_of, session


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    with browser_tab() as tab:
        yield tab


def opened(tab: Tab, file: Path, html: str) -> None:
    file.write_text(html, encoding="utf-8")
    tab.open(file.as_uri())


def first_column(tab: Tab) -> list[str]:
    return tab.texts("#body td:first-child")


def test_what_a_person_sees(tab: Tab, fleet: Fleet, tmp_path: Path) -> None:
    gamma = job_key("gamma", "block0_imec0.ap_recording1")
    fleet.sort(gamma)
    beta = job_key("beta", "block0_imec0.ap_recording1")
    fleet.fail(beta, "preprocessed", RefusedError("is all zero", remedy="Look at the rig"))
    file = tmp_path / "status.html"
    opened(tab, file, render(fleet.status(), tmp_path))
    assert tab.texts("h1") == ["3 sessions, 3 recordings"]
    assert tab.texts("h2") == ["Needs a person", "All recordings", "Steps", "Units"]
    (urgent,) = tab.texts(".urgent li")
    assert "beta / block0_imec0.ap_recording1" in urgent
    assert "is all zero. Look at the rig." in urgent
    assert first_column(tab) == ["beta", "alpha", "gamma"]
    assert tab.texts("#body td.state") == ["? refused", "○ dispatched", "✓ done"]
    assert tab.texts("#body td.units") == ["", "", "3 / 2 / 1"]
    assert tab.texts("#body a") == ["report", "NWB"]
    assert tab.evaluate("document.querySelector('img').naturalWidth") == 420
    assert tab.texts("#grid svg > text")[:3] == ["session", "job", "preprocessed"]
    tab.click("#body a")
    tab.wait_for("document.title === 'units'")
    report = fleet.results(gamma) / "units_report" / "report.html"
    assert tab.requests == [file.as_uri(), report.as_uri()]
    assert tab.complaints == []


def test_filters_sorting_and_pages(tab: Tab, tmp_path: Path) -> None:
    many = [session(f"s{i}", "it broke" if i % 50 == 7 else "") for i in range(250)]
    file = tmp_path / "status.html"
    opened(tab, file, render(fleet_of(*many), tmp_path))
    assert tab.texts("#shown") == ["1 to 100 of 250"]
    assert first_column(tab)[:2] == ["s0", "s1"]
    tab.click("#after")
    tab.click("#after")
    assert tab.texts("#shown") == ["201 to 250 of 250"]
    assert first_column(tab)[-1] == "s249"
    assert tab.evaluate("document.querySelector('#after').disabled") is True
    tab.click("#urgent-only")
    assert first_column(tab) == ["s7", "s57", "s107", "s157", "s207"]
    assert tab.texts("#body td.error")[0] == "sorting: it broke"
    tab.click("thead button")  # by session, upwards
    tab.click("thead button")  # and downwards
    assert first_column(tab) == ["s207", "s157", "s107", "s57", "s7"]
    assert tab.evaluate("document.querySelector('th').getAttribute('aria-sort')") == "descending"
    tab.click("#urgent-only")
    tab.fill("#words", "S12 nothing like it")
    assert tab.texts("#shown") == ["nothing like that"]
    tab.fill("#words", "S12")
    assert first_column(tab) == [*(f"s{i}" for i in range(129, 119, -1)), "s12"]
    tab.fill("#words", "")
    tab.fill("#state", "failed")
    assert tab.evaluate("document.querySelector('#state').value") == ""  # no session is counted so
    assert tab.complaints == []


def test_hostile_names_do_nothing(tab: Tab, tmp_path: Path) -> None:
    opened(
        tab,
        tmp_path / "status.html",
        render(fleet_of(*(session(name, error=name) for name in HOSTILE)), tmp_path),
    )
    assert len(first_column(tab)) == len(HOSTILE)
    assert HOSTILE[0] in first_column(tab)
    assert tab.evaluate("document.querySelectorAll('script').length") == 2
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 400")
    assert len(tab.requests) == 1
    assert tab.complaints == []


def test_ten_thousand_sessions_open_and_filter_at_once(tab: Tab, tmp_path: Path) -> None:
    many = fleet_of(*(session(f"mouse{i:05d}_2026-01-01", n=2) for i in range(10_000)))
    opened(tab, tmp_path / "status.html", render(many, tmp_path))
    assert tab.texts("#shown") == ["1 to 100 of 20,000"]
    tab.fill("#words", "mouse09999")
    assert tab.texts("#shown") == ["1 to 2 of 2"]
    spent_ms = tab.evaluate(
        "(() => { const start = performance.now(); const e = document.querySelector('#words');"
        "e.value = ''; e.dispatchEvent(new Event('input')); return performance.now() - start })()"
    )
    assert spent_ms < 3000
    assert tab.evaluate("document.getElementsByTagName('*').length") < 10_000
