"""What people write by hand and parsers get as a text: parameters, settings, a cursor."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dispatch_assets.watch.cursor import Pending, dump_cursor
from dispatch_assets.watch.states import State

SETTINGS: dict[str, Any] = {
    "split_segments": False,
    "min_recording_duration": 0.01,
    "streams": {"keep": ["stream0"], "skip": ["nothing"]},
    "exclude_streams": {"imec1": "the probe broke"},
    "probe_paths": "probe.json",
}
SETTINGS_OF_A_READER: dict[str, Any] = {
    "input": "spikeinterface",
    "spikeinterface_info": {
        "reader_type": "openephysbinary",
        "reader_kwargs": {"folder_path": "x", "stream_id": "0"},
        "keep_stream_substrings": ["AP"],
    },
}
PARAMETERS: dict[str, Any] = {
    "input": "auto",
    "split_segments": True,
    "debug_duration": 30.0,
    "min_recording_duration": -1,
    "multi_session": True,
    "sessions": ["victim"],
    "settings_folder": "",
    "spikeinterface_info": {
        "reader_type": "intan",
        "reader_kwargs": [{"file_path": "a.rhd"}],
        "session_names": ["a"],
    },
    "groups": {"pair": ["healthy~~block0_stream0_recording1", "victim~~block0_stream0_recording1"]},
}
SORTING: dict[str, Any] = {
    "job_dispatch": PARAMETERS,
    "preprocessing": {"filter_type": "bandpass", "min_preprocessing_duration": 1},
    "spikesorting": {"sorter": "spykingcircus2", "spykingcircus2": {"job_kwargs": {}}},
    "seed": 3,
}


@dataclass(frozen=True)
class Target:
    """A file that may be damaged.

    Attributes
    ----------
    kind
        What the table calls it.
    holds
        Key of `mutations.MUTATORS`.
    path
        The file; None if it is only a text, which is handed to a parser.
    content
        What stands in it.
    """

    kind: str
    holds: str
    path: Path | None
    content: bytes


def texts() -> list[Target]:
    """Return what parsers get that read no files."""
    pending = Pending("0" * 16, State.COPYING, 1_700_000_000, 1_700_000_000, 1_700_000_000, "x")
    cursor = dump_cursor({"victim": pending})
    return [
        Target("parameters", "json", None, json.dumps(PARAMETERS).encode()),
        Target("parameters of sorting", "json", None, json.dumps(SORTING).encode()),
        Target("cursor of the sensor", "json", None, cursor.encode()),
    ]
