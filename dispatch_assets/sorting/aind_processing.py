"""``processing.json``: what was done to a session, in the words of aind-data-schema.

Field names are those of ``aind_data_schema.core.processing`` 2.3 (package 2.9), which is no
dependency: its models were used to check what is written here.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from dispatch_assets.sorting.attempt import published
from dispatch_assets.sorting.nwb.part import Part
from dispatch_assets.sorting.results import StepResult
from dispatch_assets.sorting.step import PREPROCESSED, SORTING, UNITS, UNITS_NWB, UNITS_REPORT

SCHEMA_VERSION = "2.3.3"
_DESCRIBED_BY = (
    "https://raw.githubusercontent.com/AllenNeuralDynamics/aind-data-schema/main/src/"
    "aind_data_schema/core/processing.py"
)
_PIPELINE = "dispatch_assets"
# step -> (upstream's name for it, the folder of the tree that it fills)
_PROCESSES = {
    PREPROCESSED: ("Ephys preprocessing", "preprocessed"),
    SORTING: ("Spike sorting", "spikesorted"),
    UNITS: ("Ephys postprocessing", "postprocessed"),
    UNITS_REPORT: ("Ephys visualization", "visualization"),
    UNITS_NWB: ("File format conversion", "nwb"),
}
_NOTES = {UNITS: "Labels, which upstream calls curation, are made in this step, too."}


def processing(jobs: list[tuple[Part, Path]]) -> dict[str, Any]:
    """Return the content of ``processing.json``.

    Parameters
    ----------
    jobs
        Each job with the folder of its results.
    """
    processes: list[tuple[str, dict[str, Any]]] = []
    graph: dict[str, list[str]] = {}
    for _part, folder in jobs:
        before: list[str] = []
        for step in _PROCESSES:
            if not (folder / step).exists():
                continue
            result = published(folder, step)
            process = _process(result)
            graph[process["name"]] = before
            before = [process["name"]]
            processes.append((result.started_at, process))
    version = processes[0][1]["code"]["version"]
    return {
        "object_type": "Processing",
        "describedBy": _DESCRIBED_BY,
        "schema_version": SCHEMA_VERSION,
        "data_processes": [process for _, process in sorted(processes, key=lambda p: p[0])],
        "pipelines": [
            {"object_type": "Code", "url": _PIPELINE, "name": _PIPELINE, "version": version}
        ],
        "dependency_graph": graph,
    }


def _process(result: StepResult) -> dict[str, Any]:
    process_type, target = _PROCESSES[result.step]
    return {
        "object_type": "Data process",
        "process_type": process_type,
        "name": f"{process_type} {result.recording_name}",
        "stage": "Processing",
        "code": {
            "object_type": "Code",
            "url": _PIPELINE,
            "name": f"dispatch-assets run {result.step}",
            "version": result.versions.get("dispatch_assets"),
            "language": "Python",
            "language_version": platform.python_version(),
            "parameters": {
                **result.parameters,
                "seed": result.seed,
                "job_key": result.job_key,
                "fingerprint": result.fingerprint,
                "versions": dict(result.versions),
            },
        },
        "experimenters": [],
        "pipeline_name": _PIPELINE,
        "start_date_time": result.started_at,
        "end_date_time": result.finished_at,
        "output_path": target,
        "output_parameters": dict(result.facts),
        "notes": " ".join(filter(None, [_NOTES.get(result.step), *result.warnings])) or None,
    }
