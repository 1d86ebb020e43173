"""Checks of the container engine: reachability, version of Compose, and the ports that it publishes."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence

from services.cli.checks.check import Check, judged, shortened
from services.runtime import ports

PORTS: Mapping[str, int] = {
    "LIANYUN_KAFKA_PORT": 9092,
    "LIANYUN_POSTGRES_PORT": 5432,
    "LIANYUN_API_PORT": 8443,
    "LIANYUN_PAGES_PORT": 8480,
    "LIANYUN_TRANSPARENCY_PORT": 8490,
    "LIANYUN_EXCHANGE_PORT": 8495,
    "LIANYUN_PROMETHEUS_PORT": 9090,
    "LIANYUN_ALERTMANAGER_PORT": 9093,
    "LIANYUN_GRAFANA_PORT": 3000,
}
"""The ports of the plain profile and the variables that move them, as infra/docker-compose.yml has them."""
_PATIENCE = 10.0
_MEND = "start the engine, and give this account access to it: docker info"

RunCommand = Callable[[Sequence[str]], str | None]
"""Runs a command and returns its words, None where it fails."""


def run_command(command: Sequence[str]) -> str | None:
    """What ``command`` prints, None where it fails or takes more than ten seconds."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def look(
    environment: Mapping[str, str] = os.environ,
    which: Callable[[str], str | None] = shutil.which,
    run: RunCommand = run_command,
    taken: Callable[[int], bool] = ports.listening,
) -> Iterator[Check]:
    """Check what infra/docker-compose.yml needs of this machine. Blocks for some seconds at most."""
    if which("docker") is None:
        yield Check(
            "containers", False, "there is no docker here", "install an engine with Compose 2, or: make up"
        )
        return
    engine = run(["docker", "version", "--format", "{{.Server.Version}}"])
    if engine is None:
        yield Check("containers", False, "docker is here, and no engine answers", _MEND)
        return
    compose = run(["docker", "compose", "version", "--short"])
    if compose is None or not _at_least_2(compose):
        found = f"engine {engine}, Compose {compose or 'is missing'}"
        yield Check("containers", False, found, "install Compose 2: docker compose version")
        return
    yield Check("containers", True, f"engine {engine}, Compose {compose}")
    running = run(["docker", "ps", "-q", "--filter", "label=com.docker.compose.project=lianyun"])
    yield free(environment, taken, running=bool(running))


def _at_least_2(version: str) -> bool:
    first = re.match(r"v?(\d+)", version)
    return first is not None and int(first[1]) >= 2


def free(environment: Mapping[str, str], taken: Callable[[int], bool], *, running: bool) -> Check:
    """Whether the containers find their ports; where they are running already, those are theirs."""
    if running:
        return Check("container ports", True, "held by the containers, which run")
    wanted = {name: int(environment.get(name) or port) for name, port in PORTS.items()}
    held = {name: port for name, port in wanted.items() if taken(port)}
    found = f"{len(held)} taken: {shortened([str(port) for port in held.values()])}" if held else "free"
    first = next(iter(held), "")
    mend = f"see who listens: ss -ltnp sport = :{held.get(first)}; or move ours: {first}=..."
    return judged("container ports", not held, found, mend)
