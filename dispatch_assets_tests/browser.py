"""A real browser without a window: what a person would see on a page, and what it asked for.

Speaks the Chrome DevTools Protocol (https://chromedevtools.github.io/devtools-protocol/) over a
websocket; nothing beside Chromium itself has to be installed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_QUIET = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--window-size=1400,1000",
    "--remote-debugging-port=0",
)
_PORT_FILE = "DevToolsActivePort"  # the browser writes there which port it took


@dataclass
class Tab:
    """One page, and what happened on it since it was opened.

    Attributes
    ----------
    requests
        Addresses that were asked for, the page itself first; pictures in the page do not count.
    complaints
        What the console says: errors, warnings, exceptions, violations of the page's policy.
    """

    socket: ClientConnection
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    _n_calls: int = 0
    _loaded: bool = False

    def slow_down(self, times: float) -> None:
        """Let the page run so many times slower, as on a slower computer."""
        self.call("Emulation.setCPUThrottlingRate", rate=times)

    def open(self, address: str, timeout_s: float = 60.0) -> None:
        """Go to a page and wait until it is loaded."""
        self.requests.clear()
        self.complaints.clear()
        self._loaded = False
        went = self.call("Page.navigate", url=address)
        assert "errorText" not in went, went
        deadline = time.monotonic() + timeout_s
        while not self._loaded:
            self._take(json.loads(self.socket.recv(timeout=deadline - time.monotonic())))

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression; promises are waited for."""
        answer = self.call(
            "Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_for(self, script: str, timeout_s: float = 60.0) -> Any:
        """Wait until a JavaScript expression is true, and return its value."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if value := self.evaluate(script):
                return value
            time.sleep(0.2)
        raise AssertionError(f"waited {timeout_s:g} s for {script}")

    def texts(self, selector: str) -> list[str]:
        """Return what a person reads in all elements that a CSS selector finds and that show."""
        quoted = json.dumps(selector)
        found: list[str] = self.evaluate(
            f"[...document.querySelectorAll({quoted})].filter(e => e.checkVisibility())"
            ".map(e => (e.innerText ?? e.textContent).trim())"
        )
        return found

    def click(self, selector: str) -> None:
        """Click an element."""
        self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    def fill(self, selector: str, value: str) -> None:
        """Type a value into an input or choose it in a list."""
        self.evaluate(
            f"((e) => {{ e.value = {json.dumps(value)}; "
            "e.dispatchEvent(new Event('input', {bubbles: true})); "
            "e.dispatchEvent(new Event('change', {bubbles: true})); })"
            f"(document.querySelector({json.dumps(selector)}))"
        )

    def screenshot(self, file: Path) -> None:
        """Write a picture of what shows in the window."""
        answer = self.call("Page.captureScreenshot", format="png")
        file.write_bytes(b64decode(answer["data"]))

    def call(self, method: str, **params: Any) -> Any:
        """Call the browser and return its answer."""
        self._n_calls += 1
        self.socket.send(json.dumps({"id": self._n_calls, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=60))
            if message.get("id") == self._n_calls:
                assert "error" not in message, (method, message["error"])
                return message["result"]
            self._take(message)

    def _take(self, event: dict[str, Any]) -> None:
        params = event.get("params", {})
        match event.get("method"):
            case "Page.loadEventFired":
                self._loaded = True
            case "Network.requestWillBeSent":
                address = str(params["request"]["url"])
                if not address.startswith("data:"):
                    self.requests.append(address)
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                about = details.get("exception", {}).get("description", "")
                self.complaints.append(f"{details['text']} {about}")
            case "Runtime.consoleAPICalled" if params["type"] in ("error", "warning", "assert"):
                self.complaints.append(str([a.get("value") for a in params["args"]]))
            case "Log.entryAdded" if params["entry"]["level"] in ("error", "warning"):
                self.complaints.append(str(params["entry"]["text"]))


@contextmanager
def browser_tab() -> Iterator[Tab]:
    """Start a browser, yield its tab, and stop it; the test is skipped where there is none."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"no browser on the PATH ({', '.join(NAMES)})")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        as_root = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium insists on it
        process = subprocess.Popen(
            [program, *_QUIET, *as_root, f"--user-data-dir={profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            with connect(_address(process, Path(profile)), max_size=None) as socket:
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Network", "Log"):
                    tab.call(f"{domain}.enable")
                yield tab
        finally:
            _stop(process)


def _address(process: subprocess.Popen[bytes], profile: Path, timeout_s: float = 60.0) -> str:
    """Return where the browser's first tab listens."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the browser ended with status {process.returncode}"
        with suppress(OSError, IndexError, ValueError, StopIteration):
            port = int((profile / _PORT_FILE).read_text().split()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=5) as answer:
                targets = json.load(answer)
            return str(next(t for t in targets if t["type"] == "page")["webSocketDebuggerUrl"])
        time.sleep(0.1)
    raise AssertionError(f"the browser did not listen within {timeout_s:g} s")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for how in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(15)
