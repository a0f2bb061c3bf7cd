"""`sorting_jobs` on a real instance: one partition, many, and some that fail."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.definitions.data_version import CachingStaleStatusResolver
from dagster._core.loader import LoadingContextForTest

from dispatch_assets.defs.assets.sorting_jobs import failures_of
from dispatch_assets.models import SortingJob
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, Lab, failure, sentence


def stale(lab: Lab) -> dict[str, str]:
    """Return what the UI says about each partition."""
    graph = lab.definitions.resolve_asset_graph()
    resolver = CachingStaleStatusResolver(lab.instance, graph, LoadingContextForTest(lab.instance))
    return {k: resolver.get_status(dg.AssetKey("sorting_jobs"), k).value for k in KEYS}


def versions(lab: Lab, keys: Sequence[str] = KEYS) -> set[str]:
    return {lab.tags(key)["dagster/data_version"] for key in keys}


def test_one_partition(lab: Lab) -> None:
    lab.inventory()
    assert lab.dispatch([ALPHA]).success
    assert lab.materialized() == {ALPHA}
    file = Path(lab.store) / "sorting_jobs" / f"job_{ALPHA}.json"
    text = file.read_text()
    assert SortingJob.model_validate_json(text).to_json() == text


def test_metadata_of_a_job(lab: Lab) -> None:
    lab.inventory()
    lab.dispatch([ALPHA])
    alone = lab.metadata(ALPHA)
    lab.dispatch(KEYS)
    assert lab.metadata(ALPHA) == alone
    expected = {
        "job file": lab.jobs.path(ALPHA),
        "session": "alpha",
        "input format": "spikeglx",
        "duration (s)": 0.1,
        "channels": 16,
        "sampling frequency (Hz)": 30000.0,
        "segments": 1,
        "LFP": True,
        "timestamps": "regular",
        "fingerprint": lab.jobs.read(ALPHA).fingerprint,
    }
    assert {name: alone[name] for name in expected} == expected
    assert alone["probes"]
    assert alone["timestamps message"].endswith(".")


def test_many_partitions_in_one_run_each_have_their_own_version(lab: Lab) -> None:
    lab.inventory()
    result = lab.dispatch(KEYS)
    assert result.success
    assert lab.materialized() == lab.jobs.keys() == set(KEYS)
    assert len(versions(lab)) == len(KEYS)
    together = {key: lab.tags(key)["dagster/data_version"] for key in KEYS}
    lab.dispatch([BETA[2]])
    assert lab.tags(BETA[2])["dagster/data_version"] == together[BETA[2]]
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "4 of 4 jobs open.")


def test_one_bad_recording_fails_only_its_own_partition(lab_on_disk: Lab) -> None:
    lab = lab_on_disk
    lab.inventory()
    lab.damage(BETA[1])
    result = lab.dispatch(KEYS)
    assert not result.success
    good = set(KEYS) - {BETA[1]}
    assert lab.materialized() == lab.jobs.keys() == good
    assert len(versions(lab, sorted(good))) == 3
    shown = failure(result)
    assert list(failures_of(shown)) == [BETA[1]]
    assert "continuous.dat" in failures_of(shown)[BETA[1]]
    assert lab.jobs.failed_keys() == {BETA[1]}
    assert lab.jobs.last_failure(BETA[1]).message == failures_of(shown)[BETA[1]]
    assert str(shown.description).startswith("1 of 4 recordings could not be dispatched")
    (check,) = result.get_asset_check_evaluations()
    assert (check.passed, check.description) == (True, "3 of 3 jobs open.")


def test_bad_recording_alone_says_why(lab: Lab) -> None:
    lab.inventory()
    lab.damage(BETA[1])
    result = lab.dispatch([BETA[1]])
    assert "continuous.dat" in sentence(result)
    assert "continuous.dat" in lab.jobs.last_failure(BETA[1]).message
    assert not any(e.event_type_value == "STEP_UP_FOR_RETRY" for e in result.all_events)


def test_only_the_changed_recording_becomes_stale(lab_on_disk: Lab) -> None:
    lab = lab_on_disk
    lab.inventory()
    lab.dispatch([ALPHA])
    lab.dispatch(BETA)
    assert set(stale(lab).values()) == {"FRESH"}
    lab.change(BETA[1])
    lab.inventory()
    assert stale(lab) == {**dict.fromkeys(KEYS, "FRESH"), BETA[1]: "STALE"}
    lab.dispatch([BETA[1]])
    assert set(stale(lab).values()) == {"FRESH"}


def test_first_change_is_seen_although_the_recording_was_never_reported(lab: Lab) -> None:
    lab.inventory()
    lab.instance.wipe_assets([dg.AssetKey("recordings")])
    lab.dispatch(KEYS)
    lab.change(ALPHA)
    lab.inventory()
    assert stale(lab)[ALPHA] == "STALE"


def test_automation_asks_for_what_is_new_or_changed(lab: Lab) -> None:
    cursor = None

    def asked() -> set[str]:
        nonlocal cursor
        result = dg.evaluate_automation_conditions(lab.definitions, lab.instance, cursor=cursor)
        cursor = result.cursor
        return {str(k) for k in result.get_requested_partitions(dg.AssetKey("sorting_jobs"))}

    assert asked() == set()
    lab.inventory()
    assert asked() == set(KEYS)
    lab.dispatch(KEYS)
    assert asked() == set()
    lab.change(BETA[0])
    lab.inventory()
    assert asked() == {BETA[0]}


def test_key_typed_by_hand_is_refused_with_a_sentence(lab: Lab) -> None:
    lab.inventory()
    lab.instance.add_dynamic_partitions("sorting_jobs", ["typed by hand"])
    assert sentence(lab.dispatch(["typed by hand"])) == (
        "typed by hand: no inventory holds this recording. Check its spelling; if its session is "
        "new, materialize session_inventory first."
    )


def test_downstream_asset_gets_the_job(lab: Lab) -> None:
    from dispatch_assets.defs.partitions import SORTING_JOBS

    @dg.asset(
        partitions_def=SORTING_JOBS,
        ins={"job": dg.AssetIn("sorting_jobs")},
    )
    def duration(job: SortingJob) -> dg.MaterializeResult[None]:
        return dg.MaterializeResult(metadata={"duration": job.duration})

    lab.inventory()
    definitions = dg.Definitions.merge(lab.definitions, dg.Definitions(assets=[duration]))
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=[dg.AssetKey("sorting_jobs"), dg.AssetKey("duration")],
        partition_key=ALPHA,
        instance=lab.instance,
    )
    (made,) = result.asset_materializations_for_node("duration")
    assert made.metadata["duration"].value == 0.1
