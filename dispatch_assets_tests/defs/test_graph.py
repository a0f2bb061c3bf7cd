"""The graph, pinned: what exists, what depends on what, and how partitions map."""

from __future__ import annotations

import dagster as dg

from dispatch_assets.defs.environment import settings_from
from dispatch_assets.defs.graph import build_definitions
from dispatch_assets.defs.resources import DispatchParamsResource
from dispatch_assets.params import DispatchParams

DEFINITIONS = build_definitions(settings_from({}))
GRAPH = DEFINITIONS.resolve_asset_graph()

INVENTORY, RECORDINGS, JOBS = map(dg.AssetKey, ("session_inventory", "recordings", "sorting_jobs"))
CHAIN = PREPROCESSED, SORTING, UNITS, REPORT, NWB = tuple(
    map(dg.AssetKey, ("preprocessed", "sorting", "units", "units_report", "units_nwb"))
)


def test_assets_and_their_dependencies() -> None:
    dependencies = {key: set(GRAPH.get(key).parent_keys) for key in GRAPH.get_all_asset_keys()}
    assert dependencies == {
        INVENTORY: set(),
        RECORDINGS: {INVENTORY},
        JOBS: {RECORDINGS},
        PREPROCESSED: {JOBS},
        SORTING: {PREPROCESSED},
        UNITS: {PREPROCESSED, SORTING},
        REPORT: {PREPROCESSED, SORTING, UNITS},
        NWB: {UNITS},
    }


def test_recordings_are_external_and_share_the_partitions_of_the_jobs() -> None:
    assert GRAPH.get(RECORDINGS).is_external
    assert GRAPH.get(RECORDINGS).partitions_def == GRAPH.get(JOBS).partitions_def
    assert GRAPH.get(JOBS).partitions_def == dg.DynamicPartitionsDefinition(name="sorting_jobs")
    assert not GRAPH.get(INVENTORY).is_partitioned


def test_partitions_map_one_to_one() -> None:
    """Anything else makes every job stale at once, or has backfills refused."""
    for key in (JOBS, *CHAIN):
        for parent in GRAPH.get(key).parent_keys:
            mapping = GRAPH.get_partition_mapping(key, parent)
            assert isinstance(mapping, dg.IdentityPartitionMapping)


def test_checks() -> None:
    assert {(k.asset_key, k.name) for k in GRAPH.asset_check_keys} == {
        (INVENTORY, "every_stream_accounted_for"),
        (JOBS, "job_loads"),
        *((key, f"{key.to_user_string()}_as_expected") for key in CHAIN),
    }


def test_every_asset_says_what_it_is() -> None:
    for key in GRAPH.get_all_asset_keys():
        node = GRAPH.get(key)
        assert node.description
        assert node.group_name == ("sorting" if key in CHAIN else "dispatch")
        assert node.owners == ["team:neurophysiology"]
        assert node.kinds
        assert "dispatch/layer" in node.tags
        assert node.is_external or node.code_version


def test_many_partitions_may_be_one_run() -> None:
    assert GRAPH.get(JOBS).backfill_policy == dg.BackfillPolicy.single_run()


def test_launchpad_shows_what_the_parameters_mean() -> None:
    fields = DispatchParamsResource.to_config_schema().as_field().config_type.fields  # type: ignore[attr-defined]
    assert set(fields) == set(DispatchParams.model_fields)
    for name, field in DispatchParams.model_fields.items():
        assert fields[name].description == field.description
        assert fields[name].default_value == field.default
