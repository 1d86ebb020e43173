"""One profile of the compose file, run under a name, with ports, images and secrets of its own, and removed at the end."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from services.runtime.ports import free_port
from tests.system.containers import engine

FILE = Path(__file__).resolve().parents[3] / "infra" / "docker-compose.yml"
LABEL = "com.docker.compose"
WATCHING = ("prometheus", "alertmanager", "grafana")
PORTS = (
    "KAFKA", "POSTGRES", "API", "PAGES", "TRANSPARENCY", "EXCHANGE", "KAFKA_SECURE", "POSTGRES_SECURE", "API_SECURE", "PAGES_SECURE",
    "TRANSPARENCY_SECURE", "EXCHANGE_SECURE", "PROMETHEUS", "ALERTMANAGER", "GRAFANA", "PROMETHEUS_SECURE",
    "ALERTMANAGER_SECURE", "GRAFANA_SECURE",
)  # fmt: skip


def ports() -> dict[str, str]:
    """Free ports of this machine for all that the file publishes."""
    found: set[int] = set()
    while len(found) < len(PORTS):
        found.add(free_port())
    return {f"LIANYUN_{name}_PORT": str(port) for name, port in zip(PORTS, sorted(found), strict=True)}


@dataclass(frozen=True)
class Deployment:
    """Runs Compose for one profile; ``settings`` are the variables of the file. Raises AssertionError with its words."""

    project: str
    profile: str
    settings: Mapping[str, str]
    left_out: list[str] = field(default_factory=list)
    """Of those that watch, never of what is watched: whose image this engine neither has nor can fetch."""
    file: Path = FILE

    def port(self, name: str) -> int:
        """The port of this machine under which a service is reached."""
        return int(self.settings[f"LIANYUN_{name}_PORT"])

    def compose(self, *arguments: str, patience: float = 500.0) -> str:
        """Return what Compose prints."""
        command = [*self.command(), *arguments]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("LIANYUN_")}
        done = engine.run(command, outside | dict(self.settings), patience)
        assert done.returncode == 0, (
            f"compose {' '.join(arguments)}:\n{done.stdout}\n{done.stderr}\n{self.logs()}"
        )
        return done.stdout

    def command(self) -> list[str]:
        """Compose for this deployment; the variables of the file are in ``settings``."""
        return [*engine.compose(), "-f", str(self.file), "-p", self.project, "--profile", self.profile]

    def up(self) -> None:
        """Start the profile's services and wait until they are healthy or, for jobs, done."""
        services = json.loads(self.compose("config", "--format", "json"))["services"]
        absent: list[str] = []
        for name in sorted(services):
            watching = name.removesuffix("-secure")
            if watching in WATCHING and not engine.has_image(services[name]["image"]):
                self.left_out.append(watching)
                absent.append(name)
        played = {"demo"}  # a test starts it
        self.compose("up", "-d", "--wait", *sorted(services.keys() - played - {*absent}))

    def down(self) -> None:
        """Remove all that was started, with its data."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "10")

    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine knows of each service's container."""
        ids = engine.docker("ps", "-aq", "--filter", f"label={LABEL}.project={self.project}").split()
        found = json.loads(engine.docker("inspect", *ids)) if ids else []
        return {each["Config"]["Labels"][f"{LABEL}.service"]: each for each in found}

    def left(self) -> list[str]:
        """Containers, volumes and networks that the engine still has of this project."""
        mine = ("--filter", f"label={LABEL}.project={self.project}", "-q")
        kinds = (("ps", "-a"), ("volume", "ls"), ("network", "ls"))
        return [line for kind in kinds for line in engine.docker(*kind, *mine).split()]

    def logs(self) -> str:
        """The last lines of every container, for the words of a failure."""
        names = engine.run(
            [
                "docker",
                "ps",
                "-a",
                "--filter",
                f"label={LABEL}.project={self.project}",
                "--format",
                "{{.Names}}",
            ]
        ).stdout.split()
        told = ((name, engine.run(["docker", "logs", "--tail", "15", name])) for name in names)
        return "\n".join(f"--- {name}\n{done.stdout}{done.stderr}" for name, done in told)


def until(look: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until ``look`` is true. Raises AssertionError where it does not come to that."""
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}"
        time.sleep(0.3)
