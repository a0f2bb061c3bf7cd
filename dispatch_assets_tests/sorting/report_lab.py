"""Units by hand, as the step ``units`` would leave them, and a reader of the page about them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
from PIL import Image
from spikeinterface import create_sorting_analyzer
from spikeinterface.core import BaseSorting

from dispatch_assets.sorting.chain import STEPS, run_steps
from dispatch_assets.sorting.results import Check, StepResult
from dispatch_assets.sorting.step import UNITS, StepContext, StepOutcome
from dispatch_assets.sorting.units.step import ANALYZER, DROPPED, MERGES

EXTENSIONS: dict[str, dict[str, object]] = {
    "random_spikes": {"seed": 0, "max_spikes_per_unit": 100},
    "waveforms": {},
    "templates": {},
    "noise_levels": {},
    "spike_amplitudes": {},
    "spike_locations": {"method": "center_of_mass"},
    "unit_locations": {"method": "center_of_mass"},
    "correlograms": {"method": "numpy"},
    "quality_metrics": {"metric_names": ["firing_rate", "snr", "rp_violation", "isi_violation"]},
}
LABELS = ("good", "good", "mua", "good", "noise")


def publish_units(
    context: StepContext,
    labels: Sequence[str] | None = LABELS,
    extensions: dict[str, dict[str, object]] = EXTENSIONS,
    change: Callable[[BaseSorting], BaseSorting] = lambda sorting: sorting,
) -> StepResult:
    """Publish an analyzer of the sorted spikes; no analyzer if `change` leaves no unit."""

    def make(context: StepContext, folder: Path) -> StepOutcome:
        sorting = change(context.sorted())
        n_units = len(sorting.unit_ids)
        (folder / DROPPED).write_text("unit_id,spikes,reason,of\nx9,12,too_few_spikes,\n")
        pair = {"units": [0, 1], "presets": ["x_contaminations"], "scores": {"distance_um": 7.5}}
        (folder / MERGES).write_text(json.dumps({"proposals": [pair] if n_units else []}))
        outcome = StepOutcome(
            facts={"units": n_units, "dropped_too_few_spikes": 1, "dropped_duplicate": 0},
            checks=[Check(name="enough", passed=False, message="fewer units than hoped for")],
            warnings=["this <i>warning</i> is of the step units"],
        )
        if not n_units:
            return outcome
        if labels is not None:
            given = np.array([labels[i % len(labels)] for i in range(n_units)])
            sorting.set_property("label", given)
            sorting.set_property("failed", np.where(given == "good", "", "snr rp_contamination"))
        analyzer = create_sorting_analyzer(
            sorting,
            context.preprocessed(),
            format="binary_folder",
            folder=folder / ANALYZER,
            sparse=True,
            sparsity_kwargs={"method": "radius", "radius_um": 100.0},
            job_kwargs={"n_jobs": 1},
        )
        analyzer.compute(extensions, n_jobs=1)
        Image.new("RGB", (40, 30), "white").save(folder / "white.png")
        outcome.figures["white"] = "white.png"
        return outcome

    return next(
        run_steps([replace(STEPS[UNITS], run=make, check=lambda context: None)], context, "by-hand")
    )


@dataclass
class Page(HTMLParser):
    """What is in an HTML file: elements, texts by the element that they stand in."""

    elements: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    _open: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def read(cls, file: Path) -> Page:
        page = cls()
        page.feed(file.read_text(encoding="utf-8"))
        page.close()
        assert not page._open, f"never closed: {page._open}"
        return page

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in ("img", "meta", "input"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data.strip()))

    def all(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def inside(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def text(self) -> str:
        return " ".join(text for name, text in self.texts if name not in ("script", "style"))
