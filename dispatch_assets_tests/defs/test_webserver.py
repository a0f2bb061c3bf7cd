"""The whole thing as the UI and the daemon drive it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dispatch_assets.defs.instance import CONFIGURATION
from dispatch_assets.job_files import JobFiles
from dispatch_assets_tests.browser import browser_tab
from dispatch_assets_tests.defs.lab import ALPHA, BETA, KEYS, write_data
from dispatch_assets_tests.defs.webserver import Webserver, dagster_dev, wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

# On a slow computer Dagster's page closes a socket of its own before it is open, and opens another.
GIVEN_UP = "WebSocket is closed before the connection is established"

LOCATION = {"repositoryName": "__repository__", "repositoryLocationName": "dispatch_assets"}

GRAPH = "{ assetNodes { assetKey { path } dependencyKeys { path } } }"
CHECKS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  assetChecksOrError { ... on AssetChecks { checks { name canExecuteIndividually } } } } } }"""
LAUNCH = """mutation ($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename ... on LaunchRunSuccess { run { runId } } ... on PythonError { message }
  } }"""
STATUS = "query ($id: ID!) { runOrError(runId: $id) { ... on Run { status } } }"
FAILURES = """query ($id: ID!) { logsForRun(runId: $id) { ... on EventConnection { events {
  ... on ExecutionStepFailureEvent { failureMetadata { description } } } } } }"""
ADD_KEY = """mutation ($location: RepositorySelector!, $key: String!) {
  addDynamicPartition(
    repositorySelector: $location, partitionsDefName: "sorting_jobs", partitionKey: $key
  ) { __typename } }"""
BACKFILL = """mutation ($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message }
  } }"""
BACKFILL_STATUS = """query ($id: String!) {
  partitionBackfillOrError(backfillId: $id) { ... on PartitionBackfill { status } } }"""
RUNS = """query ($filter: RunsFilter) { runsOrError(filter: $filter) {
  ... on Runs { results { runId } } } }"""
PARTITIONS = """query ($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) {
  ... on AssetNode { assetPartitionStatuses { ... on DefaultPartitionStatuses {
    materializedPartitions failedPartitions } } } } }"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_data(tmp_path_factory.mktemp("webserver") / "data")


@pytest.fixture(scope="module")
def server(data: Path) -> Iterator[Webserver]:
    home = data.parent / "home"
    home.mkdir()
    shutil.copy(CONFIGURATION, home)
    settings = {"DISPATCH_DATA": str(data), "DISPATCH_STORE": str(data.parent / "store")}
    with dagster_dev(home, settings) as server:
        yield server


def bound_checks(server: Webserver, asset: str) -> list[Any]:
    """Return the checks that the UI adds to every run of an asset."""
    answer = server.ask(CHECKS, key={"path": [asset]})["assetNodeOrError"]["assetChecksOrError"]
    names = [
        check["name"]
        for check in answer["checks"]
        if check["canExecuteIndividually"] == "REQUIRES_MATERIALIZATION"
    ]
    return [{"assetKey": {"path": [asset]}, "name": name} for name in names]


def run(server: Webserver, asset: str, partition: str | None = None) -> tuple[str, str]:
    """Launch a run as the UI does and wait for it; return its id and status."""
    selector = {
        **LOCATION,
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": [asset]}],
        "assetCheckSelection": bound_checks(server, asset),
    }
    tags = [{"key": "dagster/partition", "value": partition}] if partition else []
    params = {"selector": selector, "mode": "default", "executionMetadata": {"tags": tags}}
    launched = server.ask(LAUNCH, params=params)["launchPipelineExecution"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    run_id = launched["run"]["runId"]

    def finished() -> str | None:
        status = str(server.ask(STATUS, id=run_id)["runOrError"]["status"])
        return status if status in ("SUCCESS", "FAILURE", "CANCELED") else None

    return run_id, wait_for(f"the run of {asset}", finished)


def backfill(server: Webserver, keys: list[str]) -> tuple[str, int]:
    """Launch a backfill and wait for it; return its status and its number of runs."""
    params = {"assetSelection": [{"path": ["sorting_jobs"]}], "partitionNames": keys}
    launched = server.ask(BACKFILL, params=params)["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    backfill_id = launched["backfillId"]

    def finished() -> str | None:
        answer = server.ask(BACKFILL_STATUS, id=backfill_id)["partitionBackfillOrError"]
        return answer["status"] if answer["status"].startswith("COMPLETED") else None

    status = wait_for("the backfill", finished, timeout_s=240)
    tags = [{"key": "dagster/backfill", "value": backfill_id}]
    runs = server.ask(RUNS, filter={"tags": tags})["runsOrError"]["results"]
    return status, len(runs)


def partitions(server: Webserver) -> dict[str, Any]:
    answer = server.ask(PARTITIONS, key={"path": ["sorting_jobs"]})
    return dict(answer["assetNodeOrError"]["assetPartitionStatuses"])


def test_ui_and_daemon(server: Webserver, data: Path) -> None:
    nodes = server.ask(GRAPH)["assetNodes"]
    graph = {n["assetKey"]["path"][0]: [d["path"][0] for d in n["dependencyKeys"]] for n in nodes}
    assert graph == {
        "session_inventory": [],
        "recordings": ["session_inventory"],
        "sorting_jobs": ["recordings"],
        "preprocessed": ["sorting_jobs"],
        "sorting": ["preprocessed"],
        "units": ["preprocessed", "sorting"],
        "units_report": ["preprocessed", "sorting", "units"],
        "units_nwb": ["units"],
    }
    assert run(server, "session_inventory")[1] == "SUCCESS"

    _damage(data)
    assert backfill(server, KEYS) == ("COMPLETED_FAILED", 1)
    good = [ALPHA, BETA[0], BETA[2]]
    assert JobFiles(str(data.parent / "store")).keys() == set(good)
    assert partitions(server) == {
        "materializedPartitions": good,
        "failedPartitions": [BETA[1]],
    }

    key = "typed by hand"
    server.ask(ADD_KEY, location=LOCATION, key=key)
    run_id, status = run(server, "sorting_jobs", key)
    assert status == "FAILURE"
    events = server.ask(FAILURES, id=run_id)["logsForRun"]["events"]
    (described,) = [e["failureMetadata"]["description"] for e in events if e]
    assert described.startswith("typed by hand: no inventory holds this recording.")


def test_ui_in_a_browser(server: Webserver) -> None:
    names = [n["assetKey"]["path"][0] for n in server.ask(GRAPH)["assetNodes"]]
    with browser_tab() as tab:
        tab.slow_down(4)  # what is said of a quick page is said of a slow one, too
        tab.open(f"{server.url}/assets")
        for name in names:
            tab.wait_for(f"document.body.innerText.includes({name!r})")
        assert [r for r in tab.requests if not r.startswith((server.url, "ws://127.0.0.1"))] == []
        assert [c for c in tab.complaints if GIVEN_UP not in c] == []


def _damage(data: Path) -> None:
    """Lose the samples of the second of three recordings."""
    recording = data / "beta" / "Record Node 101" / "experiment1" / "recording2"
    (recording / "continuous" / "Neuropix-PXI-100.ProbeA-AP" / "continuous.dat").unlink()
