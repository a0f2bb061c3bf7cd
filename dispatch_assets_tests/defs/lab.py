"""A small lab: a data root, a store and a real Dagster instance.

``alpha`` is a SpikeGLX session of one recording, ``beta`` an Open Ephys session of three.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg

from dispatch_assets.defs.environment import Settings
from dispatch_assets.defs.graph import build_definitions
from dispatch_assets.job_files import JobFiles
from dispatch_assets.params import DispatchParams
from dispatch_assets.shards import Shards
from dispatch_assets_tests.samples import openephys, spikeglx
from dispatch_assets_tests.samples.openephys import Probe, probe_streams

ALPHA = "alpha~~block0_imec0.ap_recording1"
BETA = [
    f"beta~~experiment1_Record~20Node~20101~23Neuropix-PXI-100.ProbeA-AP_recording{n}"
    for n in (1, 2, 3)
]
KEYS = [ALPHA, *BETA]

_SAVED = tuple(channel for channel in range(384) if channel % 50 < 2)
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def write_data(root: Path) -> Path:
    """Write both sessions."""
    spikeglx.write_run(
        root / "alpha", "alpha", {"imec0": "NP1"}, seconds=0.1, nidq=False, saved=_SAVED
    )
    probe = Probe("ProbeA", "NP1", saved=_SAVED)
    streams = probe_streams(probe, bands=("AP",))
    openephys.write_session(root / "beta", streams, experiments={1: (1, 2, 3)}, seconds=0.1)
    return root


@dataclass
class Lab:
    """Everything a test needs to run assets."""

    data: Path
    store: Path | str
    instance: dg.DagsterInstance
    params: DispatchParams

    @property
    def shards(self) -> Shards:
        return Shards(str(self.store))

    @property
    def jobs(self) -> JobFiles:
        return JobFiles(str(self.store))

    @property
    def definitions(self) -> dg.Definitions:
        return build_definitions(Settings(str(self.data), str(self.store), self.params))

    def run(
        self, asset: str, *, tags: Mapping[str, str] | None = None, config: Any = None
    ) -> dg.ExecuteInProcessResult:
        """Run one asset; look at the result's `success`."""
        ops = {"ops": {asset: {"config": config}}} if config else {}
        return self.definitions.resolve_implicit_global_asset_job_def().execute_in_process(
            run_config={**_QUIET, **ops},
            asset_selection=[dg.AssetKey(asset)],
            tags=tags,
            instance=self.instance,
            raise_on_error=False,
        )

    def inventory(self, **config: Any) -> dg.ExecuteInProcessResult:
        return self.run("session_inventory", config=config)

    def dispatch(self, keys: Sequence[str]) -> dg.ExecuteInProcessResult:
        """Run the partitions from the first to the last of `keys`."""
        if len(keys) == 1:
            return self.run("sorting_jobs", tags={"dagster/partition": keys[0]})
        prefix = "dagster/asset_partition_range"
        tags = {f"{prefix}_start": keys[0], f"{prefix}_end": keys[-1]}
        return self.run("sorting_jobs", tags=tags)

    def partitions(self) -> Sequence[str]:
        return self.instance.get_dynamic_partitions("sorting_jobs")

    def materialized(self) -> set[str]:
        return self.instance.get_materialized_partitions(dg.AssetKey("sorting_jobs"))

    def tags(self, key: str, asset: str = "sorting_jobs") -> Mapping[str, str]:
        """Return the tags of a partition's newest materialization."""
        return self._newest(asset, key).tags or {}

    def metadata(self, key: str, asset: str = "sorting_jobs") -> Mapping[str, Any]:
        """Return the metadata of a partition's newest materialization."""
        return {name: v.value for name, v in self._newest(asset, key).metadata.items()}

    def _newest(self, asset: str, key: str) -> dg.AssetMaterialization:
        wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[key])
        record = self.instance.fetch_materializations(wanted, limit=1).records[0]
        assert record.asset_materialization is not None
        return record.asset_materialization

    def data_of(self, key: str) -> Path:
        """Return the file with the samples of a recording."""
        if key == ALPHA:
            return self.data / "alpha/alpha_g0_imec0/alpha_g0_t0.imec0.ap.bin"
        recording = f"beta/Record Node 101/experiment1/recording{key[-1]}"
        return self.data / recording / "continuous/Neuropix-PXI-100.ProbeA-AP/continuous.dat"

    def change(self, key: str) -> None:
        """Copy other samples over those of a recording."""
        file = self.data_of(key)
        file.write_bytes(bytes(reversed(file.read_bytes())))

    def damage(self, key: str) -> None:
        """Lose the samples of a recording."""
        self.data_of(key).unlink()

    def remove(self, session: str) -> None:
        """Take a session away."""
        shutil.rmtree(self.data / session)


def failure(result: dg.ExecuteInProcessResult) -> dg.Failure:
    """Return what a run failed with, as the UI shows it."""
    failed = [e for e in result.all_events if e.is_step_failure]
    assert len(failed) == 1
    data = failed[0].step_failure_data.user_failure_data
    assert data is not None, failed[0].step_failure_data.error
    return dg.Failure(description=data.description, metadata=data.metadata)


def sentence(result: dg.ExecuteInProcessResult) -> str:
    """Return the sentence that a run failed with."""
    return str(failure(result).description)


def inventory_facts(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    """Return the metadata of an inventory run."""
    events = result.asset_materializations_for_node("session_inventory")
    own = next(e for e in events if e.asset_key == dg.AssetKey("session_inventory"))
    return {name: v.value for name, v in own.metadata.items()}


def rows(table: Any) -> list[dict[str, Any]]:
    """Return the rows of a table in metadata."""
    return [dict(record.data) for record in table.records]


def reported(result: dg.ExecuteInProcessResult) -> tuple[list[str], list[str]]:
    """Return the recordings that an inventory run observed, and those it materialized."""
    observed = [e.partition for e in result.all_events if e.event_type_value == "ASSET_OBSERVATION"]
    events = result.asset_materializations_for_node("session_inventory")
    made = [e.partition for e in events if e.asset_key == dg.AssetKey("recordings")]
    return [str(p) for p in observed], [str(p) for p in made]
