"""The preprocessed recording on disk, and what reading it once more says about it."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dispatch_assets.models import dump_json
from dispatch_assets.recording_json import recording_to_dict
from dispatch_assets.sorting.preprocessing.scaling import LIMIT

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeinterface.core import BaseRecording

    from dispatch_assets.sorting.step import Fact

BIN_MS = 10.0
# White noise spans about 6 standard deviations in the 300 samples of a bin.
SILENT_SPAN_SD = 0.5
CHUNK = "1s"


def save(recording: BaseRecording, folder: Path, n_jobs: int) -> BaseRecording:
    """Write a recording and return it from disk.

    SpikeInterface's own note on where it comes from is removed: ``chain.json`` says it in less
    space and never as a pickle.
    """
    for key in list(recording.get_property_keys()):
        if key.startswith("noise_level_"):  # of another stage; a sorter would trust it
            recording.delete_property(key)
    saved = recording.save(
        folder=folder, n_jobs=n_jobs, chunk_duration=CHUNK, progress_bar=True, verbose=False
    )
    for note in folder.glob("provenance.*"):
        note.unlink()
    return saved


def write_chain(recording: BaseRecording, file: Path, data_folder: Path) -> None:
    """Write the lazy chain as JSON for ``spikeinterface.load(file, base_folder=data_folder)``.

    Time vectors that exist in memory only are left out; the saved recording has them.
    """
    described = recording_to_dict(recording, data_folder)
    file.write_text(dump_json(_without_time_vectors(described)))


def _without_time_vectors(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {
            k: None if k == "time_vector" else _without_time_vectors(v) for k, v in value.items()
        }
    if isinstance(value, list):
        return [_without_time_vectors(v) for v in value]
    return value


@dataclass(frozen=True)
class Scan:
    """What reading all of the saved data says.

    Attributes
    ----------
    n_clipped
        Samples at the limits of int16, per channel.
    silent_share
        Share of the recording in which a channel is silent, per channel.
    stretches
        Stretches in which every channel is silent: segment, start_s from its begin, duration_s.
    """

    n_clipped: NDArray[np.int64]
    silent_share: NDArray[np.float64]
    stretches: list[dict[str, Fact]]

    @property
    def silent_s(self) -> float:
        """Time in which every channel is silent, in s."""
        return sum(float(s["duration_s"] or 0) for s in self.stretches)


def scan(saved: BaseRecording, noise: NDArray[np.float64], n_jobs: int) -> Scan:
    """Read all of the saved data once, and look for clipping and for silence.

    A channel is silent in a bin of `BIN_MS` if it spans at most `SILENT_SPAN_SD` noise levels:
    lost packets, a blanked amplifier, a headstage that was unplugged. Looked for here, in data
    that are fast to read, rather than in the raw ones: a constant is zero after the filter.

    Parameters
    ----------
    saved
        The saved recording.
    noise
        Noise level of each channel in its bits.
    n_jobs
        Parallel workers.
    """
    from spikeinterface.core.job_tools import TimeSeriesChunkExecutor

    limits = np.maximum(SILENT_SPAN_SD * noise, 1.0)
    executor = TimeSeriesChunkExecutor(
        saved,
        _scan_chunk,
        _worker,
        (saved, limits),
        handle_returns=True,
        job_name="look for silence",
        n_jobs=n_jobs,
        chunk_duration=CHUNK,
        progress_bar=True,
    )
    found = executor.run()
    n_bins = max(sum(f[3] for f in found), 1)
    silent = [(f[0], start) for f in found for start in f[4]]
    return Scan(
        n_clipped=np.sum([f[1] for f in found], axis=0),
        silent_share=np.sum([f[2] for f in found], axis=0) / n_bins,
        stretches=_stretches(sorted(silent), saved),
    )


def _worker(saved: BaseRecording, limits: NDArray[np.float64]) -> dict[str, Any]:
    size = round(BIN_MS / 1000 * saved.get_sampling_frequency())
    return {"recording": saved, "limits": limits, "size": size}


def _scan_chunk(
    segment: int, start: int, end: int, worker: dict[str, Any]
) -> tuple[int, NDArray[np.int64], NDArray[np.int64], int, list[int]]:
    """Return segment, clipped samples, silent bins, number of bins, where all are silent."""
    traces: NDArray[np.int16] = worker["recording"].get_traces(
        segment_index=segment, start_frame=start, end_frame=end
    )
    clipped = ((traces >= LIMIT) | (traces <= -LIMIT)).sum(axis=0, dtype=np.int64)
    size = worker["size"]
    n_bins = len(traces) // size
    bins = traces[: n_bins * size].reshape(n_bins, size, -1)
    span = bins.max(axis=1).astype(np.int32) - bins.min(axis=1)
    silent = span <= worker["limits"]
    starts = [start + int(i) * size for i in np.flatnonzero(silent.all(axis=1))]
    return segment, clipped, silent.sum(axis=0, dtype=np.int64), n_bins, starts


def _stretches(silent: list[tuple[int, int]], saved: BaseRecording) -> list[dict[str, Fact]]:
    """Join neighbouring silent bins, given as (segment, first sample)."""
    rate_hz = saved.get_sampling_frequency()
    size = round(BIN_MS / 1000 * rate_hz)
    joined: list[list[int]] = []
    for segment, start in silent:
        if joined and joined[-1][0] == segment and start - joined[-1][2] < size:
            joined[-1][2] = start + size
        else:
            joined.append([segment, start, start + size])
    return [
        {
            "segment": segment,
            "start_s": round(start / rate_hz, 3),
            "duration_s": round((end - start) / rate_hz, 3),
        }
        for segment, start, end in joined
    ]


def overwrite_traces(folder: Path, recording: BaseRecording, n_jobs: int) -> None:
    """Put other traces of the same shape into a saved recording; everything else stays."""
    from spikeinterface.core import write_binary_recording

    described = json.loads((folder / "binary.json").read_text())
    names = [Path(p).name for p in described["kwargs"]["file_paths"]]
    new = folder / "new"
    new.mkdir()
    write_binary_recording(
        recording,
        file_paths=[new / name for name in names],
        n_jobs=n_jobs,
        chunk_duration=CHUNK,
        progress_bar=True,
    )
    for name in names:
        (new / name).replace(folder / name)
    shutil.rmtree(new)
