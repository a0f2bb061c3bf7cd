"""A real ``dagster dev`` on a free port: webserver, daemon and code server."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]


@dataclass
class Webserver:
    """Asks a webserver's GraphQL interface."""

    url: str

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the data that answer a query."""
        body = json.dumps({"query": query, "variables": variables}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.url}/graphql", body, headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = json.load(answer)
        assert "errors" not in content, content["errors"]
        return content["data"]

    def is_up(self) -> bool:
        with suppress(OSError, urllib.error.URLError):
            locations = self.ask(
                "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus } } } }"
            )["workspaceOrError"]["locationEntries"]
            return bool(locations) and all(e["loadStatus"] == "LOADED" for e in locations)
        return False


def wait_for(what: str, check: Callable[[], Any], timeout_s: float = 150.0) -> Any:
    """Wait until `check` returns something true, and return it."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if found := check():
            return found
        time.sleep(2.0)
    raise AssertionError(f"waited {timeout_s:g} s for {what}")


@contextmanager
def dagster_dev(home: Path, environment: Mapping[str, str]) -> Iterator[Webserver]:
    """Start it, wait until it answers, and stop it with everything that it started."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(REPOSITORY / "workspace.yaml")]
    with (home / "dev.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, "-h", "127.0.0.1", "-p", str(port)],
            cwd=REPOSITORY,
            env={**os.environ, "DAGSTER_HOME": str(home), **environment},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        server = Webserver(f"http://127.0.0.1:{port}")
        wait_for("the webserver", lambda: process.poll() is not None or server.is_up())
        assert process.poll() is None, (home / "dev.log").read_text()
        yield server
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        process.wait(30)
    with suppress(ProcessLookupError):  # what did not listen
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(30)
