"""The page, as a parser sees it; what a browser makes of it stands in `test_browser`."""

from __future__ import annotations

import io
import json
import re
from base64 import b64decode
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from PIL import Image

from dispatch_assets.errors import RefusedError
from dispatch_assets.naming import job_key
from dispatch_assets.status import page, pictures
from dispatch_assets.status.marks import SESSION_MARKS
from dispatch_assets.status.models import FleetStatus
from dispatch_assets_tests.status.lab import ALPHA, Fleet
from dispatch_assets_tests.status.test_table import HOSTILE, fleet_of, session

BETA = job_key("beta", "block0_imec0.ap_recording1")


def rows(html: str) -> list[list[object]]:
    (text,) = re.findall(r'<script type="application/json" id="rows">(.*?)</script>', html)
    data: list[list[object]] = json.loads(text)["rows"]
    return data


@pytest.fixture
def sorted_fleet(fleet: Fleet) -> Fleet:
    fleet.sort(ALPHA)
    fleet.fail(
        job_key("beta", "block0_imec0.ap_recording1"), "preprocessed", RefusedError("no <b>")
    )
    return fleet


def test_rows_say_what_the_status_says(sorted_fleet: Fleet, tmp_path: Path) -> None:
    html = page.render(sorted_fleet.status(), tmp_path)
    assert [(r[0], r[4], r[5]) for r in rows(html)] == [
        ("beta", None, "exclude, or adapt params"),
        ("alpha", [3, 2, 1], "look at report"),
        ("gamma", None, "run preprocessed"),
    ]
    assert "<title>1 to do: 3 sessions</title>" in html
    assert "no &lt;b&gt;" in html


def test_links_are_relative_below_the_page_and_file_urls_elsewhere(
    sorted_fleet: Fleet, tmp_path: Path
) -> None:
    for folder in (tmp_path, tmp_path / "elsewhere"):
        html = page.render(sorted_fleet.status(), folder)
        _, done, _ = rows(html)
        for link, file in zip(
            done[8:], ("units_report/report.html", "units_nwb/units.nwb"), strict=True
        ):
            parts = urlsplit(str(link))
            assert parts.scheme == ("" if folder == tmp_path else "file")
            target = folder / unquote(parts.path)
            assert target.resolve() == (sorted_fleet.results(ALPHA) / file).resolve()
            assert target.exists()
        assert f'<a href="{done[8]}">' in html


def test_page_needs_nothing_else(sorted_fleet: Fleet, tmp_path: Path) -> None:
    html = page.render(sorted_fleet.status(), tmp_path)
    for address in re.findall(r'(?:src|href)="([^"]*)"', html):
        assert address.startswith(("data:image/png;base64,", "store/sorting/"))
    assert not re.search(r"url\(|@import|https?:", html.replace("http-equiv", ""))
    assert not re.search(r'<[^>]* (on\w+|style)="', html)
    assert "default-src &#39;none&#39;" in html


def test_pictures_are_small_and_whole(sorted_fleet: Fleet, tmp_path: Path) -> None:
    html = page.render(sorted_fleet.status(), tmp_path)
    ((uri, width, height),) = re.findall(
        r'<img src="data:image/png;base64,([^"]*)" width="(\d+)" height="(\d+)"', html
    )
    with Image.open(io.BytesIO(b64decode(uri, validate=True))) as picture:
        picture.load()
        assert picture.size == (int(width), int(height))
        assert max(picture.size) == 420


@pytest.mark.parametrize("how", ["damaged", "outside", "missing", "huge"])
def test_pictures_that_cannot_be_shown_are_left_out(
    sorted_fleet: Fleet, tmp_path: Path, how: str
) -> None:
    overview = sorted_fleet.results(ALPHA) / "units_report" / "overview.png"
    if how == "damaged":
        overview.write_bytes(overview.read_bytes()[:200])
    elif how == "huge":  # its header promises 10 Gpixel
        png = bytearray(overview.read_bytes())
        png[16:24] = (100_000).to_bytes(4) * 2
        overview.write_bytes(png)
    else:
        overview.rename(tmp_path / "overview.png")
        if how == "outside":
            overview.symlink_to(tmp_path / "overview.png")
    html = page.render(sorted_fleet.status(), tmp_path)
    assert "<img" not in html
    assert len(rows(html)) == 3


def test_there_is_an_end_to_pictures(
    sorted_fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sorted_fleet.sort(job_key("gamma", "block0_imec0.ap_recording1"))
    monkeypatch.setattr(pictures, "MOST_PICTURES", 1)
    html = page.render(sorted_fleet.status(), tmp_path)
    assert html.count("<img") == 1
    assert "1 more are in the reports" in html


def test_hostile_names_are_text(tmp_path: Path) -> None:
    html = page.render(fleet_of(*(session(name, error=name) for name in HOSTILE)), tmp_path)
    kept = {name.encode("utf-8", "replace").decode() for name in HOSTILE}
    assert {str(r[0]).encode("utf-8", "replace").decode() for r in rows(html)} == kept
    assert html.count("<script") == 2
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    html.encode("utf-8")


def test_bars_show_the_rarest_state() -> None:
    boxes = pictures.bar({"dispatched": 9_999, "quarantined": 1}, SESSION_MARKS)
    assert [b.title for b in boxes] == ["9,999", "1"]
    assert boxes[1].width >= 3
    assert boxes[1].x + boxes[1].width == pytest.approx(pictures.BAR_WIDTH_PX, abs=0.2)
    assert pictures.bar({}, SESSION_MARKS) == []


def test_a_large_fleet_has_one_row_each_and_a_short_grid(tmp_path: Path) -> None:
    many: FleetStatus = fleet_of(*(session(f"s{i}") for i in range(3000)))
    html = page.render(many, tmp_path)
    assert len(rows(html)) == 3000
    assert html.count("<rect") < 5 * page.MOST_GRID_ROWS
    assert "The first 150 of 3,000 lines" in html


def test_an_empty_fleet(tmp_path: Path) -> None:
    html = page.render(fleet_of(), tmp_path)
    assert "<title>nothing to do: 0 sessions</title>" in html
    assert rows(html) == []
