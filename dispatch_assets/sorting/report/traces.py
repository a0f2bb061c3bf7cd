"""A few moments of a shank: raw and preprocessed traces, with the spikes that were found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dispatch_assets.errors import DispatchError, StepError
from dispatch_assets.sorting.report.canvas import PALETTE, Picture, new_figure, picture_of
from dispatch_assets.sorting.report.moments import SNIPPET_S, Moment, moments, spikes_between
from dispatch_assets.sorting.source import load_recording
from dispatch_assets.sorting.step import StepContext

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.report.findings import Findings, Shank, Unit

_OTHER_COLOUR = "black"
_SPIKE_MS = (0.4, 0.9)  # how much of a trace is coloured, before and after a spike
_WIDTH_PX, _ROW_PX, _HEAD_PX = 1060, 340, 24


class Traces:
    """Draws moments of shanks, preprocessed and, as long as the raw data are there, raw beside it.

    Parameters
    ----------
    context
        Says where the raw data are.
    findings
        What was found.

    Attributes
    ----------
    note
        Why there are no raw traces; empty if there are.
    """

    def __init__(self, context: StepContext, findings: Findings) -> None:
        self._findings, self.note = findings, ""
        self._raw: BaseRecording | None = None
        try:
            self._raw = _same_samples(
                load_recording(context.job, context.data_folder), findings.recording
            )
        except DispatchError as e:
            self.note = f"Raw traces are not shown: {e}"

    def picture(self, shank: Shank, n: int) -> Picture:
        """Draw at most `n` moments of a shank.

        Raises
        ------
        StepError
            If the preprocessed traces cannot be read.
        """
        if self._raw is not None:
            try:
                return _draw_all(self._findings, shank, self._raw, n)
            except StepError as e:
                self._raw, self.note = None, f"Raw traces are not shown: {e}"
        return _draw_all(self._findings, shank, None, n)


def _same_samples(raw: BaseRecording, preprocessed: BaseRecording) -> BaseRecording:
    """Return a raw recording, whose samples must be those of the preprocessed one."""
    n_raw, n_here = (
        [recording.get_num_samples(i) for i in range(recording.get_num_segments())]
        for recording in (raw, preprocessed)
    )
    if n_raw != n_here:
        what = f"they have {n_raw} samples, and the preprocessed recording {n_here}"
        raise StepError(what, raw, "Dispatch the session again")
    return raw


def _draw_all(findings: Findings, shank: Shank, raw: BaseRecording | None, n: int) -> Picture:
    chosen = moments(findings, shank, n)
    height_px = _HEAD_PX + _ROW_PX * len(chosen)
    figure = new_figure(_WIDTH_PX, height_px)
    spikes = ", with the spikes that were found" if findings.on(shank) else ""
    recordings = [(f"preprocessed{spikes}", findings.recording)]
    if raw is not None:
        recordings.insert(0, ("raw", raw))
    width = 0.97 / len(recordings) - 0.07
    for column, (title, recording) in enumerate(recordings):
        left = 0.06 + column * (width + 0.07)
        figure.text(left, 1 - 16 / height_px, title, fontsize=9, weight="bold")
        for row, moment in enumerate(chosen):
            bottom = (height_px - _HEAD_PX - (row + 1) * _ROW_PX + 48) / height_px
            axes = figure.add_axes((left, bottom, width, (_ROW_PX - 84) / height_px))
            values = _read(recording, findings.recording, moment)
            _draw(axes, findings, moment, values)
            if column == len(recordings) - 1:
                _draw_spikes(axes, findings, shank, moment, values)
    which = " and ".join(title for title, _ in recordings)
    alt = f"{shank.name}: {len(chosen)} moments of {SNIPPET_S * 1000:.0f} ms, {which}"
    return picture_of(figure, alt)


def _read(
    recording: BaseRecording, preprocessed: BaseRecording, moment: Moment
) -> NDArray[np.float64]:
    """Return shape (samples, channels) in µV, each channel around zero."""
    try:
        values = recording.get_traces(
            segment_index=moment.segment,
            start_frame=moment.start,
            end_frame=moment.end,
            channel_ids=preprocessed.channel_ids[moment.channels],
            return_in_uV=True,
        )
    except Exception as e:  # whatever a reader of SpikeInterface raises
        what = f"traces cannot be read ({type(e).__name__}: {e})"
        raise StepError(what, recording, "Are the files still where they were?") from e
    centred = values - np.median(values, axis=0)
    return np.asarray(centred, dtype=np.float64)


def _step_uv(values: NDArray[np.float64]) -> float:
    """Return the distance between two traces: enough for the noise, not for each spike."""
    noise = float(np.median(np.abs(values))) / 0.6745  # Gaussian: median |x| = 0.6745 sd
    return max(8 * noise, 0.6 * float(np.percentile(np.abs(values), 99.9)), 1.0)


def _draw(axes: Axes, findings: Findings, moment: Moment, values: NDArray[np.float64]) -> None:
    step = _step_uv(values)
    time_ms = np.arange(len(values)) / findings.recording.sampling_frequency * 1000
    axes.plot(time_ms, values + step * np.arange(values.shape[1]), color="0.35", lw=0.5)
    axes.set_xlim(0, time_ms[-1])
    lowest = float(np.clip(values[:, 0].min(), -3 * step, -step))  # artefacts may leave the panel
    axes.set_ylim(1.1 * lowest, step * (values.shape[1] + 0.4))
    along = findings.recording.get_channel_locations()[moment.channels, 1]
    every = max(1, len(along) // 8)
    axes.set_yticks(step * np.arange(len(along))[::every], [f"{y:g}" for y in along[::every]])
    axes.set_ylabel("channel, along the probe (µm)")
    start_s = findings.recording.sample_index_to_time(moment.start, segment_index=moment.segment)
    many = findings.recording.get_num_segments() > 1
    where = f"segment {moment.segment}, " if many else ""
    axes.set_xlabel(f"time (ms) after {where}{start_s:.3f} s")
    bar_uv = _round(step)
    x = time_ms[-1] * 1.012
    axes.plot([x, x], [0, bar_uv], color="black", lw=1.5, clip_on=False)
    axes.text(x * 1.006, bar_uv / 2, f"{bar_uv:g} µV", rotation=90, va="center", fontsize=6.5)


def _round(value: float) -> float:
    """Return the largest of 1, 2, 5, 10, 20, ... that is not above a value."""
    power = 10.0 ** np.floor(np.log10(value))
    return float(power * max(x for x in (1, 2, 5) if x * power <= value))


def _draw_spikes(
    axes: Axes, findings: Findings, shank: Shank, moment: Moment, values: NDArray[np.float64]
) -> None:
    """Colour the spikes on their peak channels; units beyond the palette are black."""
    rate_hz, step = findings.recording.sampling_frequency, _step_uv(values)
    rows = {int(c): i for i, c in enumerate(moment.channels)}
    found = spikes_between(findings, shank, moment.segment, moment.start, moment.end)
    shown = [(unit, sample) for unit, sample in found if unit.channel in rows]
    colours = _colours([unit for unit, _ in shown])
    before, after = (round(ms / 1000 * rate_hz) for ms in _SPIKE_MS)
    keys: dict[str, Line2D] = {}
    for unit, sample in sorted(shown, key=lambda spike: spike[0].index not in colours):
        at, row = sample - moment.start, rows[unit.channel]
        part = np.arange(max(0, at - before), min(len(values), at + after))
        colour = colours.get(unit.index, _OTHER_COLOUR)
        y = values[part, row] + step * row
        (line,) = axes.plot(part / rate_hz * 1000, y, color=colour, lw=1.4)
        keys[f"unit {unit.id} ({unit.label})" if unit.index in colours else "others"] = line
    if keys:
        axes.legend(
            keys.values(),
            keys.keys(),
            loc="lower left",
            bbox_to_anchor=(0, 1),
            ncols=4,
            handlelength=1.2,
            columnspacing=1.0,
            borderaxespad=0.1,
        )


def _colours(units: list[Unit]) -> dict[int, str]:
    """Return colours of the units with most spikes, by index."""
    indices, n = np.unique([u.index for u in units], return_counts=True)
    busiest = indices[np.argsort(-n, kind="stable")][: len(PALETTE)]
    return {int(i): PALETTE[k] for k, i in enumerate(sorted(busiest))}
