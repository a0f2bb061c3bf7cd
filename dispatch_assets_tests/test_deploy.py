"""The examples in ``deploy/``: files that parse, commands that exist, services that start."""

from __future__ import annotations

import configparser
import importlib
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import psutil
import pytest
import yaml  # type: ignore[import-untyped]
from click.testing import CliRunner

from dispatch_assets.defs import environment
from dispatch_assets.defs.instance import CONFIGURATION
from dispatch_assets_tests.defs.lab import write_data
from dispatch_assets_tests.defs.webserver import Webserver, wait_for

DEPLOY = Path(__file__).parents[1] / "deploy"
SYSTEMD = DEPLOY / "systemd"
UNITS = sorted(SYSTEMD.glob("*.service"))
PROGRAMS = "/opt/dispatch_assets/.venv/bin/"
HERE = f"{Path(sys.executable).parent}/"
ASSETS = "{ assetNodes { assetKey { path } } }"
HEALTH = "{ instance { daemonHealth { allDaemonStatuses { daemonType required healthy } } } }"


def programs(folder: Path) -> str:
    """Return where the programs are that this test runs with; a unit takes no path with spaces."""
    link = folder / "bin"
    link.symlink_to(Path(sys.executable).parent)
    return f"{link}/"


def unit(file: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(file)
    return parser


def compose() -> Any:
    return yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())


def variables(file: Path) -> dict[str, str]:
    """Return the variables of an environment file, those that are commented out as well."""
    lines = (line.removeprefix("# ") for line in file.read_text().splitlines())
    pairs = (line.partition("=") for line in lines)
    return {name: value for name, _, value in pairs if name.isidentifier() and name.isupper()}


def commands() -> dict[tuple[str, ...], set[str]]:
    """Return the options that are used of each command."""
    services_of_systemd = [unit(file)["Service"] for file in UNITS]
    told = [shlex.split(s["ExecStart"]) for s in services_of_systemd]
    told += [shlex.split(s["ExecStartPre"]) for s in services_of_systemd if "ExecStartPre" in s]
    services = compose()["services"].values()
    told += [shlex.split(service["command"]) for service in services]
    told += [s["healthcheck"]["test"][1:] for s in services if "healthcheck" in s]
    found: dict[tuple[str, ...], set[str]] = {}
    for words in told:
        end = next((i for i, word in enumerate(words) if word.startswith("-")), len(words))
        options = {word for word in words if word.startswith("-")}
        found.setdefault((Path(words[0]).name, *words[1:end]), set()).update(options)
    return found


@pytest.mark.parametrize(("words", "options"), commands().items(), ids=map(" ".join, commands()))
def test_commands_and_their_options_exist(words: tuple[str, ...], options: set[str]) -> None:
    """Each script of Dagster's is a click command; starting all of them would take a minute."""
    assert Path(HERE + words[0]).exists()
    (script,) = entry_points(group="console_scripts", name=words[0])
    if script.module.startswith("dispatch_assets"):
        done = subprocess.run(
            [HERE + words[0], *words[1:], "--help"], capture_output=True, text=True, check=False
        )
        text, status = done.stdout, done.returncode
    else:
        command = vars(importlib.import_module(script.module))["cli"]
        result = CliRunner().invoke(command, [*words[1:], "--help"])
        text, status = result.output, result.exit_code
    assert status == 0, text
    assert {option for option in options if f"{option} " not in text} == set()


def test_variables_are_those_that_are_read() -> None:
    known = {value for name, value in vars(environment).items() if name.isupper()}
    told = variables(SYSTEMD / "dispatch_assets.env")
    ours = {name for name in told if name.startswith("DISPATCH_")}
    assert ours >= {"DISPATCH_DATA", "DISPATCH_STORE", "DISPATCH_AUTOMATE"}
    assert ours <= known
    switches = told["DISPATCH_AUTOMATE"]
    as_json = {n: told[n].strip("'") for n in ("DISPATCH_WATCH", "DISPATCH_COMPUTE")}
    settings = environment.settings_from({"DISPATCH_AUTOMATE": switches, **as_json})
    assert len(settings.automate) == len(switches.split(","))
    assert settings.watch != environment.WatchParams()
    assert settings.compute != environment.ComputeParams()
    image = (DEPLOY / "Dockerfile").read_text()
    assert "DISPATCH_DATA=/data DISPATCH_STORE=/store DAGSTER_HOME=/dagster_home" in image
    assert set(compose()["services"]["code"]["environment"]) <= known


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_units_are_valid(tmp_path: Path) -> None:
    here, units = programs(tmp_path), tmp_path / "units"
    units.mkdir()
    for file in (*UNITS, *SYSTEMD.glob("*.timer")):
        (units / file.name).write_text(file.read_text().replace(PROGRAMS, here))
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, units.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_open_to_the_network() -> None:
    webserver = unit(SYSTEMD / "dispatch-webserver.service")["Service"]
    assert "--host 127.0.0.1" in webserver["ExecStart"]
    assert webserver["IPAddressDeny"] == "any"
    for service in compose()["services"].values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))
        assert service["volumes"][0].endswith(":/data:ro")
    for file in UNITS:
        hardened = unit(file)["Service"]
        assert hardened["ProtectSystem"] == "strict"
        assert hardened["NoNewPrivileges"] == "yes"
        assert hardened["User"] == "dispatch"


def test_the_image_is_made_of_files_that_exist() -> None:
    text = (DEPLOY / "Dockerfile").read_text()
    copied = [line.split() for line in text.splitlines() if line.startswith("COPY")]
    sent = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    for words in copied:
        for source in [w for w in words[1:-1] if not w.startswith("--")]:
            assert (DEPLOY.parent / source.removeprefix("./")).exists()
            assert f"!{source.removeprefix('./')}" in sent


@contextmanager
def started(words: list[str], log: Path, settings: dict[str, str]) -> Iterator[psutil.Process]:
    """Start a service as its unit says, and stop it as systemd does."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            words,
            env={**os.environ, **settings},
            cwd=log.parent,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)
            raise


def listening(process: psutil.Process) -> set[str]:
    """Return the addresses at which a service and its children listen for TCP."""
    found = set()
    for one in (process, *process.children(recursive=True)):
        connections = one.net_connections("tcp")
        found |= {c.laddr.ip for c in connections if c.status == psutil.CONN_LISTEN}
    return found


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_services_start_and_listen_on_loopback_only(tmp_path: Path) -> None:
    write_data(tmp_path / "data")
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(CONFIGURATION, home)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    moved = {
        PROGRAMS: programs(tmp_path),
        "/run/dispatch_assets": str(tmp_path),
        "/etc/dispatch_assets": str(tmp_path),
        "--port 3000": f"--port {port}",
    }
    settings = {
        "DISPATCH_DATA": str(tmp_path / "data"),
        "DISPATCH_STORE": str(tmp_path / "store"),
        "DAGSTER_HOME": str(home),
    }

    def here(text: str) -> str:
        for there, place in moved.items():
            text = text.replace(there, place)
        return text

    workspace = (SYSTEMD / "workspace.yaml").read_text()
    (tmp_path / "workspace.yaml").write_text(here(workspace))
    with ExitStack() as stack:
        services: dict[str, psutil.Process] = {}
        for name in ("code", "webserver", "daemon"):
            service = unit(SYSTEMD / f"dispatch-{name}.service")["Service"]
            if "ExecStartPre" in service:
                first = shlex.split(here(service["ExecStartPre"]))
                subprocess.run(
                    first, check=True, env={**os.environ, **settings}, stdout=subprocess.DEVNULL
                )
            words = shlex.split(here(service["ExecStart"]))
            started_now = started(words, tmp_path / f"{name}.log", settings)
            services[name] = stack.enter_context(started_now)
            if "ExecStartPost" in service:  # systemd starts the others when that has ended
                until = shlex.split(here(service["ExecStartPost"]))
                subprocess.run(until, check=True, timeout=200, capture_output=True)
        server = Webserver(f"http://127.0.0.1:{port}")
        wait_for("the UI", server.is_up)
        wait_for("the assets", lambda: len(server.ask(ASSETS)["assetNodes"]) >= 8)

        def daemons() -> bool:
            health = server.ask(HEALTH)["instance"]["daemonHealth"]["allDaemonStatuses"]
            required = [d for d in health if d["required"]]
            return len(required) >= 3 and all(d["healthy"] for d in required)

        wait_for("the daemon", daemons)
        assert listening(services["webserver"]) == {"127.0.0.1"}
        assert listening(services["code"]) <= {"127.0.0.1", "::1"}
        assert listening(services["daemon"]) == set()
        assert (tmp_path / "code.sock").is_socket()
