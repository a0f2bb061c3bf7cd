"""Data that SpikeInterface has saved itself, and files that only look like it."""

from __future__ import annotations

import gc
import json
import os
import pickle
import warnings
from pathlib import Path
from typing import Any, Literal

from .payload import noise, stable_seed, sync_times
from .vendor import linear_probe, write_intan, write_neuroscope, write_raw

__all__ = [
    "linear_probe",
    "make_recording",
    "write_binary_folder",
    "write_foreign_json",
    "write_intan",
    "write_json_dump",
    "write_neuroscope",
    "write_pickle_trap",
    "write_raw",
    "write_sorting_folder",
    "write_zarr",
]

QUIETLY: dict[str, Any] = {"n_jobs": 1, "progress_bar": False, "verbose": False}


def make_recording(
    *,
    seconds: tuple[float, ...] = (1.0,),
    n_channels: int = 32,
    n_shanks: int = 1,
    rate: float = 30000.0,
    dtype: Literal["int16", "uint16"] = "int16",
    probe: bool = True,
    gains: bool = True,
    seed: int = 0,
) -> Any:
    """Make a recording in memory.

    Parameters
    ----------
    seconds : tuple of float
        Length of each segment.
    n_channels, n_shanks : int
        Size of the probe; several shanks become several groups.
    rate : float
        Sampling rate, Hz.
    dtype : {"int16", "uint16"}
        Type of the samples.
    probe, gains : bool
        Whether there is a probe; whether a sample's size in uV is known.
    seed : int
        Seed of the noise.

    Returns
    -------
    recording : spikeinterface.core.NumpyRecording
    """
    from spikeinterface.core import NumpyRecording

    traces = []
    for i, length in enumerate(seconds):
        block = noise(round(length * rate), n_channels, stable_seed(seed, str(i)))
        traces.append(block if dtype == "int16" else (block.astype("int32") + 2**15).astype(dtype))
    recording = NumpyRecording(traces, sampling_frequency=rate)
    if gains:
        recording.set_channel_gains(0.195)
        recording.set_channel_offsets(0.0)
    if probe:
        mode = "by_shank" if n_shanks > 1 else "by_probe"
        recording.set_probe(linear_probe(n_channels, n_shanks), group_mode=mode)
    return recording


def _save(extractor: Any, kind: str, folder: Path, **options: Any) -> None:
    """Save what is in memory, without SpikeInterface's warnings.

    They are about provenance, which there is none of, and about a file that it leaves open.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The extractor is not serializable to file")
        warnings.filterwarnings("ignore", "unclosed file", ResourceWarning)
        extractor.save(format=kind, folder=folder, **options)
        gc.collect()


def write_binary_folder(folder: Path, **about: Any) -> Path:
    """Save a recording as a SpikeInterface binary folder.

    Parameters
    ----------
    folder : Path
        Must not be there yet.
    **about
        As for `make_recording`.
    """
    _save(make_recording(**about), "binary", folder, **QUIETLY)
    return folder


def write_zarr(folder: Path, **about: Any) -> Path:
    """Save a recording as SpikeInterface Zarr.

    Parameters
    ----------
    folder : Path
        Must not be there yet; its name should end in ``.zarr``.
    **about
        As for `make_recording`.
    """
    _save(make_recording(**about), "zarr", folder, **QUIETLY)
    return folder


def write_json_dump(
    path: Path,
    data: Path,
    *,
    relative_to: Path | None = None,
    times: bool = False,
    **about: Any,
) -> Path:
    """Save a recording to `data`, and a JSON that loads all but its first and last 0.1 s.

    Parameters
    ----------
    path : Path
        The JSON file.
    data : Path
        The binary folder that the JSON refers to.
    relative_to : Path, optional
        What paths in the JSON are relative to; they are absolute by default.
    times : bool
        Whether a vector of times is set on the recording.
    **about
        As for `make_recording`.
    """
    from spikeinterface.core import load

    whole = load(write_binary_folder(data, **about))
    margin = round(0.1 * whole.sampling_frequency)
    part = whole.frame_slice(start_frame=margin, end_frame=whole.get_num_samples() - margin)
    if times:
        part.set_times(sync_times(part.get_num_samples(), part.sampling_frequency, 5.0))
    path.parent.mkdir(parents=True, exist_ok=True)
    part.dump_to_json(path, relative_to=relative_to)
    return path


def write_sorting_folder(folder: Path, *, n_units: int = 5, seed: int = 0) -> Path:
    """Save a sorting as a SpikeInterface folder: what a recording folder may lie beside.

    Parameters
    ----------
    folder : Path
        Must not be there yet.
    n_units : int
        Number of units.
    seed : int
        Seed of the spikes.
    """
    import numpy as np
    from spikeinterface.core import NumpySorting

    rng = np.random.default_rng(seed)
    samples = np.sort(rng.integers(0, 30000, 40 * n_units))
    labels = rng.integers(0, n_units, samples.size)
    sorting = NumpySorting.from_samples_and_labels([samples], [labels], 30000.0)
    _save(sorting, "numpy_folder", folder)
    return folder


class _MakesFolder:
    """Unpickled, it makes a folder: it stands for any code that a pickle can run."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (os.mkdir, (str(self.marker),))


def pickle_trap(marker: Path) -> bytes:
    """Return a pickle that makes the folder `marker` when it is loaded."""
    return pickle.dumps(_MakesFolder(marker))


def write_pickle_trap(path: Path, marker: Path) -> Path:
    """Write a pickle that makes `marker` when it is loaded.

    Parameters
    ----------
    path : Path
        The pickle, by convention called ``*.pkl``.
    marker : Path
        A folder that the pickle would make; it must never come into being.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle_trap(marker))
    return path


def write_foreign_json(path: Path, marker: Path) -> Path:
    """Write a JSON like SpikeInterface's that names a callable of another package.

    Parameters
    ----------
    path : Path
        The JSON file.
    marker : Path
        A folder that the callable would make; it must never come into being.
    """
    from spikeinterface import __version__

    dump = {
        "class": "os.mkdir",
        "module": "os",
        "version": __version__,
        "kwargs": {"path": str(marker)},
        "annotations": {},
        "properties": {},
        "relative_paths": False,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dump, indent=4))
    return path
