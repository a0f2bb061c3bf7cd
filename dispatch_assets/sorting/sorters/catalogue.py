"""What the chain knows about single sorters; imports nothing heavy, so that Dagster can ask it.

SpikeInterface says the rest (names, parameters, what is installed); tests compare the two.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping
from typing import Any

GPU_SORTERS = frozenset(
    {
        # SpikeInterface 0.105: gpu_capability is "nvidia-required"
        "kilosort",
        "kilosort2",
        "kilosort2_5",
        "kilosort3",
        "pykilosort",
        "rtsort",
        "yass",
        # "nvidia-optional", but on a CPU it took 7 times as long as spykingcircus2 and found 4 of
        # 12 easy units
        "kilosort4",
    }
)
"""Sorters that need a GPU."""

EXTRAS: Mapping[str, str] = {"lupin": "accuracy", "kilosort4": "gpu"}
"""Extras of this package that install a sorter."""

REQUIREMENTS: Mapping[str, tuple[str, ...]] = {
    "accuracy": ("torch>=2.7,<3",),
    "gpu": ("kilosort>=4.1,<5", "torch>=2.7,<3"),
}
"""What each extra installs, as pyproject.toml has it: the package itself is on no index."""

PREPROCESSED_ALREADY: Mapping[str, Mapping[str, Any]] = {
    "spykingcircus2": {"apply_preprocessing": False},
    # without `apply_preprocessing` these two would not whiten either: an empty chain keeps that
    "lupin": {"preprocessing_dict": {}},
    "tridesclous2": {"preprocessing_dict": {}},
    "mountainsort4": {"filter": False},
    "mountainsort5": {"filter": False},
    "spykingcircus": {"filter": False},
    "kilosort2": {"car": False},
    "kilosort2_5": {"car": False},
    "kilosort3": {"car": False},
    "kilosort4": {"do_CAR": False},
}
"""Parameters that keep a sorter from filtering and referencing once more; whitening stays."""

WITHOUT_MOTION_CORRECTION: Mapping[str, Mapping[str, Any]] = {
    "spykingcircus2": {"apply_motion_correction": False},
    "lupin": {"apply_motion_correction": False},
    "tridesclous2": {"apply_motion_correction": False},
    "kilosort2_5": {"do_correction": False},
    "kilosort3": {"do_correction": False},
    "kilosort4": {"do_correction": False},
}
"""Parameters that switch a sorter's own motion correction off."""

REPRODUCIBLE: Mapping[str, Mapping[str, Any]] = {
    # else each worker stops to look for peaks once it has found its share of them: which parts of
    # the recording are left out then depends on how the workers take turns
    "spykingcircus2": {"deterministic_peaks_detection": True},
}
"""Parameters without which the same seed does not give the same result."""

WITHOUT_CACHE: Mapping[str, Mapping[str, Any]] = {
    "spykingcircus2": {"cache_preprocessing": {"mode": "no-cache"}},
    "lupin": {"cache_preprocessing_mode": "no-cache"},
    "tridesclous2": {"cache_preprocessing_mode": "no-cache"},
}
"""Parameters that keep a sorter from a copy of the recording in shared memory.

It may take half of what is free, which is much where several jobs run; and containers have little
of it. Without it the result is the same.
"""

MIN_CHANNELS: Mapping[str, int] = {
    # its maintainers' advice in SpikeInterface's issue 3273; with 16 it fails while it looks for
    # neighbouring channels (MouseLand/Kilosort issue 705). Kilosort4 is not concerned.
    "kilosort": 32,
    "kilosort2": 32,
    "kilosort2_5": 32,
    "kilosort3": 32,
}
"""The fewest channels that a sorter works on, where it is known to need more than one."""

WORKER_COUNTS = ("n_jobs", "num_workers", "clustering_n_jobs")
"""Names under which sorters take the number of their workers."""

MORE_SECTION_KEYS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    # SpikeInterface 0.105, sorters/internal/spyking_circus2.py and the functions that it calls
    "spykingcircus2": {
        "general": ("n_components",),
        "filtering": ("margin_ms", "filter_mode", "direction", "ignore_low_freq_error"),
        "whitening": ("radius_um", "eps", "apply_mean", "int_scale", "regularize_kwargs"),
        "detection": ("exclude_sweep_ms",),
        "motion_correction": (
            "detect_kwargs",
            "select_kwargs",
            "localize_peaks_kwargs",
            "estimate_motion_kwargs",
            "interpolate_motion_kwargs",
        ),
        "merging": (
            "similarity_kwargs",
            "sparsity_overlap",
            "censor_ms",
            "template_diff_thresh",
        ),
        "matching": ("matching_kwargs",),  # it reads this one, not its default `method_kwargs`
        "cache_preprocessing": ("total_memory",),
        "chunk_preprocessing": ("total_memory",),
    }
}
"""Keys of nested parameters that a sorter reads although its defaults do not name them."""


def pip_install(extra: str) -> str:
    """Return the command that installs what an extra consists of, for this Python."""
    words = [sys.executable, "-m", "pip", "install", *REQUIREMENTS[extra]]
    return " ".join(map(shlex.quote, words))


def needs_gpu(sorter: str) -> bool:
    """Return whether a sorter is to run where there is a GPU."""
    return sorter in GPU_SORTERS
