"""Parts of the report: clock, limits, labels, what is chosen to be drawn."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from spikeinterface.core import NumpyRecording

from dispatch_assets.sorting.params import CurationParams
from dispatch_assets.sorting.report.canvas import MISSING, label_styles
from dispatch_assets.sorting.report.clock import Clock
from dispatch_assets.sorting.report.findings import Findings, Shank, Spikes, Unit
from dispatch_assets.sorting.report.gallery import _step_um
from dispatch_assets.sorting.report.histograms import histograms_picture, read_limits
from dispatch_assets.sorting.report.moments import SNIPPET_S, moments
from dispatch_assets.sorting.report.raster import some
from dispatch_assets.sorting.report.reading import read_shanks
from dispatch_assets.sorting.report.unit_table import number

RATE_HZ = 1000.0


def recording_of(*durations_s: float, n_channels: int = 4) -> NumpyRecording:
    zeros = [np.zeros((int(d * RATE_HZ), n_channels), dtype="int16") for d in durations_s]
    recording = NumpyRecording(zeros, RATE_HZ)
    recording.set_dummy_probe_from_locations(
        np.column_stack([[0] * n_channels, 20 * np.arange(n_channels)])
    )
    return recording


def unit(index: int, label: str, channel: int = 0, **metrics: float) -> Unit:
    return Unit(
        f"u{index}", index, label, "probe", channel, (0.0, 20.0 * channel), 9, 1.0, 80.0, metrics
    )


def findings_of(
    recording: NumpyRecording, units: list[Unit], spikes: list[tuple[int, int, int]]
) -> Findings:
    """Spikes are (segment, sample, unit)."""
    segment, sample, index = np.array(sorted(spikes), dtype=np.int64).reshape(-1, 3).T
    found = Spikes(sample, segment, index, None, np.zeros(len(sample)))
    return Findings(recording, Clock.of(recording), read_shanks(recording), None, units, found)


def test_spikes_stand_at_their_time_on_the_recording_s_clock() -> None:
    recording = recording_of(10.0, 4.0)
    recording.set_times(100 + np.arange(10_000) / RATE_HZ * 1.5, segment_index=0)  # a slow clock
    recording.shift_times(50.0, segment_index=1)
    found = findings_of(recording, [unit(0, "good")], [(0, 0, 0), (0, 5000, 0), (1, 1000, 0)])
    assert found.clock.starts_s == pytest.approx((100, 50))
    assert found.clock.durations_s == pytest.approx((15.0, 4.0), abs=1e-2)
    at = found.positions(np.arange(3))
    assert at[:2] == pytest.approx([0, 7.5])
    assert at[2] - found.clock.offsets[1] == pytest.approx(1.0)
    assert found.clock.offsets[1] > 15.0  # a gap is between segments


@pytest.mark.parametrize(
    ("starts_s", "ticks", "name"),
    [
        ((0.0,), ["0", "20", "40", "60"], "time (s)"),
        ((700.0,), ["700", "720", "740", "760"], "time (s)"),
        ((1.7e9,), ["0", "20", "40", "60"], "time (s) after 1700000000.00 s"),
    ],
)
def test_axis_tells_the_time(starts_s: tuple[float, ...], ticks: list[str], name: str) -> None:
    axes = Figure().add_subplot()
    Clock(starts_s, (60.0,)).dress(axes, n_ticks=4)
    assert [text.get_text() for text in axes.get_xticklabels()] == ticks
    assert axes.get_xlabel() == name


def test_ticks_of_many_segments_do_not_touch() -> None:
    axes = Figure().add_subplot()
    clock = Clock(tuple(range(0, 400, 10)), (9.5,) * 40)
    clock.dress(axes)
    assert len(axes.get_xticks()) >= 3
    assert np.diff(axes.get_xticks()).min() > 0.08 * clock.width
    assert axes.get_xlabel() == "time (s), 40 segments"


def test_groups_are_shanks() -> None:
    recording = recording_of(1.0)
    assert [s.name for s in read_shanks(recording)] == ["probe"]
    recording.set_property("group", [10, 10, 9, 9])
    first, second = read_shanks(recording)
    assert (first.name, second.name) == ("group 9", "group 10")
    assert first.channels.tolist() == [2, 3]
    assert first.locations_um[:, 1].tolist() == [40, 60]


def test_limits_are_the_strictest_that_a_good_unit_keeps() -> None:
    params = CurationParams(
        qc_thresholds={"rp_contamination": {"less": 0.5}, "presence_ratio": {"greater": None}},
        good_thresholds={"rp_contamination": {"less": 0.1, "greater": -1}},
        noise_thresholds={"half_width": {"greater": 0.1, "less": float("nan"), "abs": True}},
    )
    limits = read_limits(params)
    assert {name: str(x) for name, x in limits.items()} == {
        "rp_contamination": "≥ -1 and ≤ 0.1",
        "half_width": "≥ 0.1",
    }
    assert [(x.beyond, x.absolute) for x in limits.values()] == [("mua", False), ("noise", True)]


def test_metrics_without_values_are_told_not_drawn() -> None:
    units = [unit(0, "good", snr=7.0), unit(1, "noise", snr=float("nan"))]
    styles, limits = label_styles(u.label for u in units), read_limits(CurationParams())
    picture, missing = histograms_picture(units, limits, styles)
    assert picture is not None
    assert "Histograms of snr;" in picture.alt
    assert "presence_ratio" in missing
    assert "snr" not in missing
    assert histograms_picture([unit(0, "good")], limits, styles)[0] is None


def test_labels_differ_in_shape_and_colour() -> None:
    styles = label_styles(["noise", "good", "non_soma", "mua", "unlabelled", "good"])
    assert list(styles) == ["good", "mua", "non_soma", "unlabelled", "noise"]
    for looks in ("colour", "marker", "symbol", "hatch"):
        assert len({getattr(style, looks) for style in styles.values()}) == len(styles)


def test_a_choice_of_spikes_is_even_and_the_same_each_time() -> None:
    spikes = np.arange(10_000)
    chosen = some(spikes, 500, seed=3)
    assert len(np.unique(chosen)) == 500
    assert (np.diff(chosen) > 0).all()
    assert abs(chosen.mean() - 5000) < 500
    assert (chosen == some(spikes, 500, seed=3)).all()
    assert (chosen != some(spikes, 500, seed=4)).any()
    assert (some(spikes[:500], 500, seed=3) == spikes[:500]).all()


def test_moments_are_those_with_most_spikes_of_good_units() -> None:
    recording = recording_of(3.0, 1.0, n_channels=40)
    units = [unit(0, "good", channel=30), unit(1, "noise", channel=2)]
    n = round(SNIPPET_S * RATE_HZ)
    busy = [(0, 12 * n + i, 0) for i in range(5)] + [(1, 4 * n + i, 0) for i in range(5)]
    noise = [(0, 3 * n + i, 1) for i in range(20)]
    found = findings_of(recording, units, [*busy, *noise, (0, 30 * n, 0), (0, 5 * n, 0)])
    (shank,) = found.shanks
    chosen = moments(found, shank, 3)
    assert [(m.segment, m.start, m.end) for m in chosen] == [
        (0, 12 * n, 13 * n),
        (0, 30 * n, 31 * n),
        (1, 4 * n, 5 * n),
    ]
    for moment in chosen:
        assert 30 in moment.channels
        assert len(moment.channels) == 16
        assert (np.diff(moment.channels) == 1).all()


def test_moments_without_units_are_spread_evenly() -> None:
    found = findings_of(recording_of(3.0), [], [])
    starts_s = [m.start / RATE_HZ for m in moments(found, found.shanks[0], 3)]
    assert starts_s == pytest.approx([0.5, 1.5, 2.5])


def test_moments_of_other_shanks_do_not_count() -> None:
    recording = recording_of(2.0)
    recording.set_property("group", [0, 0, 1, 1])
    elsewhere = Unit("u0", 0, "good", "group 1", 2, (0.0, 40.0), 9, 1.0, 80.0)
    found = findings_of(recording, [elsewhere], [(0, 100, 0)])
    here: Shank = found.shanks[0]
    assert [m.start for m in moments(found, here, 1)] == [1000]
    assert [m.start for m in moments(found, found.shanks[1], 1)] == [100]


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.0, "0"), (14.96, "15"), (193.6, "194"), (12345.0, "12,345"), (float("nan"), MISSING)],
)
def test_numbers_are_short(value: float, written: str) -> None:
    assert number(value) == written


def test_neighbours_have_the_distance_of_sites_above_each_other() -> None:
    staggered = np.array([[0, 0], [0, 20], [16, 10], [16, 30]], dtype=float)
    assert _step_um(staggered) == 20
    assert _step_um(np.array([[0.0, 5.0], [30.0, 5.0]])) > 0  # a row, or a single site
