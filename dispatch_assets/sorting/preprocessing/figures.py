"""What a person looks at: the probe with its bad channels, traces before and after, motion."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.preprocessing.bad_channels import Labels
    from dispatch_assets.sorting.preprocessing.motion import Estimate

# Okabe and Ito's palette, told apart by colour-blind people, too.
COLOURS = {
    "good": "#bbbbbb",
    "constant": "#000000",
    "dead": "#0072b2",
    "noise": "#d55e00",
    "out": "#e69f00",
    "custom": "#cc79a7",
}
LINE_COLOURS = {**COLOURS, "good": "#333333"}
SNIPPET_S = 0.5
MAX_LINES = 12  # good channels that are shown, evenly over depth
MAX_BAD_LINES = 4  # bad ones beside them
MAX_POINTS = 20_000
POINTS_PER_LINE = 1200  # two for each column of pixels: the extremes of its samples
DPI = 80


def draw_channels(
    recording: BaseRecording, labels: Labels, noise_uv: NDArray[np.float64], file: Path
) -> None:
    """Draw the probe with its bad channels, and the noise level of each channel by depth.

    Parameters
    ----------
    recording
        The raw recording.
    labels
        Bad channels.
    noise_uv
        Noise level per channel, in uV.
    file
        PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 8), dpi=DPI, layout="constrained")
    probe, noise = figure.subplots(1, 2, sharey=True)
    positions = recording.get_channel_locations()
    of_channel = np.array([labels.get(str(c), "good") for c in recording.channel_ids])
    for label, colour in COLOURS.items():
        these = of_channel == label
        if not these.any():
            continue
        style: dict[str, Any] = {"color": colour, "s": 14 if label == "good" else 40}
        style |= {"marker": "s" if label == "good" else "X"}
        name = f"{label} ({these.sum()})"
        probe.scatter(positions[these, 0], positions[these, 1], label=name, **style)
        noise.scatter(noise_uv[these], positions[these, 1], **style)
    probe.set(xlabel="x (um)", ylabel="depth y (um)", title="Channels")
    noise.set(xlabel="noise level above 300 Hz (uV)", title="Noise, raw recording")
    noise.set_xlim(left=0)
    figure.legend(loc="outside lower center", ncols=len(COLOURS))
    figure.savefig(file)


def draw_traces(raw: BaseRecording, done: BaseRecording, labels: Labels, file: Path) -> None:
    """Draw the middle of the recording, raw and preprocessed, on the same channels.

    Parameters
    ----------
    raw
        The raw recording, signed.
    done
        The preprocessed one.
    labels
        Bad channels, drawn in their colour where they are still there.
    file
        PNG to write.
    """
    from matplotlib.figure import Figure

    segment = int(np.argmax([raw.get_num_samples(i) for i in range(raw.get_num_segments())]))
    rate_hz = raw.get_sampling_frequency()
    n = min(int(SNIPPET_S * rate_hz), raw.get_num_samples(segment))
    start = (raw.get_num_samples(segment) - n) // 2
    channels = _thinned(raw, labels)
    figure = Figure(figsize=(12, 6), dpi=DPI, layout="constrained")
    for axes, recording, title in zip(
        figure.subplots(1, 2, sharey=True), (raw, done), ("raw", "preprocessed"), strict=True
    ):
        there = [c for c in channels if c in set(recording.channel_ids)]
        traces_uv = recording.get_traces(
            segment_index=segment,
            start_frame=start,
            end_frame=start + n,
            channel_ids=there,
            return_in_uV=True,
        )
        rows = [channels.index(c) for c in there]
        colours = [LINE_COLOURS[labels.get(str(c), "good")] for c in there]
        _draw_lines(axes, traces_uv, rows, colours, n / rate_hz)
        axes.set(xlabel=f"time (s) from {start / rate_hz:.1f} s of segment {segment}")
        axes.set_title(f"{title}, {_spacing_uv(traces_uv):.0f} uV between lines")
        axes.set_yticks(range(len(channels)), [str(c) for c in channels])
        axes.set_xlim(0, n / rate_hz)
    figure.savefig(file)


def _thinned(recording: BaseRecording, labels: Labels) -> list[Any]:
    """Return some good channels and a few bad ones, by depth."""
    by_depth = np.argsort(recording.get_channel_locations()[:, 1], kind="stable")
    good = [i for i in by_depth if str(recording.channel_ids[i]) not in labels]
    bad = [i for i in by_depth if str(recording.channel_ids[i]) in labels]
    some = {good[i] for i in np.linspace(0, len(good) - 1, min(MAX_LINES, len(good))).astype(int)}
    some |= set(bad[:MAX_BAD_LINES])
    return [recording.channel_ids[i] for i in by_depth if i in some]


def _draw_lines(
    axes: Axes, traces_uv: NDArray[Any], rows: list[int], colours: list[str], duration_s: float
) -> None:
    """Draw one line per channel, each point the extremes of some samples."""
    n = len(traces_uv)
    centred = traces_uv - np.median(traces_uv, axis=0)
    spacing = _spacing_uv(traces_uv)
    step = max(1, 2 * n // POINTS_PER_LINE)
    whole = n // step * step
    for i, (row, colour) in enumerate(zip(rows, colours, strict=True)):
        binned = centred[:whole, i].reshape(-1, step)
        line = np.stack([binned.min(axis=1), binned.max(axis=1)], axis=1).ravel()
        times_s = np.linspace(0, duration_s, len(line))
        y = row + np.clip(line / spacing, -1.5, 1.5)
        axes.plot(times_s, y, color=colour, linewidth=0.5, antialiased=False)  # a third of the size


def _spacing_uv(traces_uv: NDArray[Any]) -> float:
    """Return the distance of two lines in uV: most of a channel's range fits in between."""
    centred = traces_uv - np.median(traces_uv, axis=0)
    ranges = np.percentile(np.abs(centred), 99.5, axis=0)
    return max(float(np.median(ranges)) * 2.5, 1e-6)


def draw_motion(found: Estimate, starts_s: list[float], file: Path) -> None:
    """Draw the spikes by depth and time, and the motion over them.

    Parameters
    ----------
    found
        The estimated motion.
    starts_s
        Where segments begin, in s from the begin of the recording.
    file
        PNG to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 7), dpi=DPI, layout="constrained")
    axes = figure.subplots()
    every = max(1, -(-len(found.peak_times_s) // MAX_POINTS))
    some = slice(None, None, every)
    amplitudes = np.abs(found.peak_amplitudes_uv[some])
    darkest = float(np.percentile(amplitudes, 95)) if len(amplitudes) else 1.0
    points = axes.scatter(
        found.peak_times_s[some],
        found.peak_depths_um[some],
        c=amplitudes,
        cmap="Greys",
        vmin=0,
        vmax=darkest,
        s=2,
        linewidths=0,
    )
    figure.colorbar(points, ax=axes, label="amplitude (uV)")
    motion = found.motion
    for i, depth in enumerate(motion.spatial_bins_um):
        path = depth + motion.displacement[0][:, i]
        axes.plot(motion.temporal_bins_s[0], path, color="#d55e00", linewidth=1.2)
    for start in starts_s[1:]:
        axes.axvline(start, color="#0072b2", linewidth=0.8, linestyle="--")
    axes.set(xlabel="time in the recording, gaps left out (s)", ylabel="depth y (um)")
    axes.set_title(f"Spikes and estimated motion ({found.preset}), range {found.range_um:.1f} um")
    figure.savefig(file)
