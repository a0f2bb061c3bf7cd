"""The step ``units_report``, from published results to its page."""

from __future__ import annotations

import io
import re
from base64 import b64decode, b64encode
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from spikeinterface.core import BaseRecording

from dispatch_assets.sorting.report import contents
from dispatch_assets.sorting.step import UNITS_REPORT, StepContext
from dispatch_assets_tests.sorting.lab import (
    Known,
    context_of,
    publish_raw,
    publish_sorting,
    run,
    write_known,
)
from dispatch_assets_tests.sorting.report_lab import EXTENSIONS, LABELS, Page, publish_units

SCRIPT = "</title></script><script>alert(1)</script>"
IDS = [f"<b>{i}</b>" for i in range(5)]

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:spikeinterface.*", "ignore::RuntimeWarning:numpy.*"
)


def prepared(known: Known, results: Path, *, split_groups: bool = True) -> StepContext:
    """Publish raw data and true spikes as if they were preprocessed and found."""
    context = context_of(known, results, split_groups=split_groups)
    publish_raw(context)
    publish_sorting(context, known.truth)
    return context


@pytest.fixture(scope="module")
def reported(known: Known, tmp_path_factory: pytest.TempPathFactory) -> StepContext:
    """A session and units whose names are code."""
    context = prepared(known, tmp_path_factory.mktemp("reported") / "results")
    publish_units(context, change=lambda sorting: sorting.rename_units(IDS))
    job = context.job.model_copy(update={"session_name": SCRIPT, "warnings": ["two probes <a>"]})
    context = replace(context, job=job)
    run(context, UNITS_REPORT)
    return context


@pytest.fixture(scope="module")
def page(reported: StepContext) -> Page:
    return Page.read(reported.results / UNITS_REPORT / "report.html")


def image(uri: str) -> Image.Image:
    head, _, data = uri.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(b64decode(data, validate=True)))


def test_result_says_what_there_is(reported: StepContext) -> None:
    result = reported.result_of(UNITS_REPORT)
    counts = {name: result.facts[name] for name in ("units", "good", "mua", "noise")}
    assert counts == {"units": 5, "good": 3, "mua": 1, "noise": 1}
    assert result.files == {"report": "report.html"}
    assert result.figures == {"overview": "overview.png"}
    assert result.warnings == []
    assert "matplotlib" in result.versions


def test_every_unit_has_a_row_and_a_picture(page: Page) -> None:
    rows = [row["data-label"] for row in page.all("tr") if "data-label" in row]
    assert rows == list(LABELS)
    cards = [card["id"] for card in page.all("article")]
    assert sorted(cards) == [f"unit-{i}" for i in range(5)]
    links = [a["href"] for a in page.all("a") if a["href"].startswith("#unit-")]
    assert links == [f"#unit-{i}" for i in range(5)]
    assert [text for text in page.inside("a") if text in IDS] == IDS
    drawn = [img["alt"] for img in page.all("img") if img["alt"].startswith("Unit ")]
    assert {alt.split(":")[0] for alt in drawn} == {f"Unit {unit_id}" for unit_id in IDS}


def test_good_units_come_first_and_are_open(page: Page) -> None:
    groups = [x for x in page.all("details") if "data-label" in x]
    assert [x["data-label"] for x in groups] == ["good", "mua", "noise"]
    assert ["open" in x for x in groups] == [True, False, False]


def test_pictures_are_whole_and_described(page: Page) -> None:
    # shank, traces, histograms, one of an earlier step, one per unit
    assert len(page.all("img")) == 4 + 5
    for img in page.all("img"):
        with image(img["src"]) as drawn:
            drawn.load()
            width, height = drawn.size
            several_colours = drawn.convert("RGB").getcolors(maxcolors=2) is None
        assert len(img["alt"]) > 10
        assert width / height == pytest.approx(int(img["width"]) / int(img["height"]), rel=0.02)
        if "white" not in img["alt"]:
            assert width >= 1000
            assert several_colours


def test_page_needs_nothing_else(page: Page) -> None:
    for _, attributes in page.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            assert attributes.get(name, "#").startswith(("#", "data:image/png;base64,"))
        assert not [name for name in attributes if name.startswith("on") or name == "style"]
    style = "".join(page.inside("style"))
    assert style
    assert not re.search(r"url\(|@import|http", style)


def test_names_are_text(page: Page) -> None:
    assert len(page.all("script")) == 1
    assert page.inside("b") == ["3", "1", "1", "units", "recording", "units"]
    assert page.inside("h1") == [SCRIPT]
    assert page.inside("title")[0].startswith(SCRIPT)
    assert "two probes <a>" in page.text
    assert "this <i>warning</i> is of the step units" in page.text
    assert not page.all("i")


def test_browsers_may_run_only_the_page_s_own_script(page: Page, reported: StepContext) -> None:
    html = (reported.results / UNITS_REPORT / "report.html").read_text(encoding="utf-8")
    policies = [m["content"] for m in page.all("meta") if "http-equiv" in m]
    assert len(policies) == 1
    assert policies[0].startswith("default-src 'none'; img-src data:;")
    for tag in ("script", "style"):
        (text,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, flags=re.DOTALL)
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policies[0]


def test_earlier_steps_are_told(page: Page) -> None:
    for told in (
        "fewer units than hoped for",  # a check that failed
        "spykingcircus2",
        "too few spikes",  # why a unit was dropped
        "0 + 1",  # a merge that was proposed
        "7.5",
        "20.0 s",
    ):
        assert told in page.text


def test_same_bytes_each_time(reported: StepContext) -> None:
    folder = reported.results / UNITS_REPORT
    before = {name: (folder / name).read_bytes() for name in ("report.html", "overview.png")}
    run(reported, UNITS_REPORT, attempt="again")
    assert reported.result_of(UNITS_REPORT).attempt == "again"
    for name, content in before.items():
        assert (folder / name).read_bytes() == content


def test_overview_is_a_thumbnail(reported: StepContext) -> None:
    file = reported.results / UNITS_REPORT / "overview.png"
    assert file.stat().st_size <= 150_000
    with Image.open(file) as drawn:
        assert drawn.width == 900


def test_without_units_there_is_a_short_report(known: Known, tmp_path: Path) -> None:
    context = prepared(known, tmp_path / "results")
    publish_units(context, change=lambda sorting: sorting.select_units([]))
    (result,) = run(context, UNITS_REPORT)
    page = Page.read(context.results / UNITS_REPORT / "report.html")
    assert result.facts["units"] == 0
    assert "None of the units that the sorter found was kept: 1 too few spikes." in page.text
    assert not page.all("article")
    alts = [img["alt"] for img in page.all("img")]
    assert any("raw and preprocessed" in alt for alt in alts)
    assert any("contacts with 0 units" in alt for alt in alts)
    hrefs = {a["href"].removeprefix("#") for a in page.all("a")}
    assert hrefs <= {attributes.get("id") for _, attributes in page.elements}


def test_extensions_may_be_missing(two_segments: Known, tmp_path: Path) -> None:
    context = prepared(two_segments, tmp_path / "results")
    some = {name: EXTENSIONS[name] for name in ("random_spikes",)}
    publish_units(context, labels=None, extensions=some)
    run(context, UNITS_REPORT)
    page = Page.read(context.results / UNITS_REPORT / "report.html")
    assert len(page.all("article")) == 5
    assert "unlabelled: 5 units" in page.text
    assert "in 2 segments" in page.text
    assert "There are no metrics to draw." in page.text


def in_two_groups(recording: BaseRecording) -> BaseRecording:
    recording.set_property("group", np.repeat([0, 1], recording.get_num_channels() // 2))
    return recording


def test_shanks_apart_raw_data_gone_and_more_units_than_pictures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = write_known(tmp_path / "data", durations_s=(6.0,), change=in_two_groups)
    context = prepared(known, tmp_path / "results", split_groups=False)
    some = {name: EXTENSIONS[name] for name in ("random_spikes", "templates", "unit_locations")}
    publish_units(context, extensions=some)
    known.session.rename(tmp_path / "elsewhere")
    monkeypatch.setattr(contents, "MOST_DRAWN", 2)
    (result,) = run(context, UNITS_REPORT)
    page = Page.read(context.results / UNITS_REPORT / "report.html")
    assert [text.split(":")[0] for text in page.inside("h3")][-2:] == ["group 0", "group 1"]
    assert any(img["alt"].startswith("Overview") for img in page.all("img"))
    assert len(result.warnings) == 1
    assert result.warnings[0].startswith("Raw traces are not shown: ")
    assert result.warnings[0] in page.text
    assert not any("raw and" in img["alt"] for img in page.all("img"))
    assert len(page.all("article")) == result.facts["units_drawn"] == 2
    assert "2 of 3 units" in page.text
    assert len([row for row in page.all("tr") if "data-label" in row]) == 5
