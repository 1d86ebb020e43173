"""The container engine of this machine, if one answers, and whether this run was asked to use it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

VARIABLE = "LIANYUN_CONTAINERS"
ASKED = os.environ.get(VARIABLE) == "1"


def told() -> str:
    """One line for the run's report: whether the compose file is run, and if not, what would run it."""
    if ASKED:
        return "containers: infra/docker-compose.yml is built and run, both profiles"
    return f"containers: NOT RUN: infra/docker-compose.yml was read only; `make containers` runs it ({_why_not()})"


def run(
    command: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    patience: float = 300.0,
    given: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command of the engine's client on the input ``given``; return what came of it, whatever its exit code."""
    return subprocess.run(
        command,
        env=dict(environment),
        input=given,
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )


def docker(*arguments: str, given: str = "") -> str:
    """Return what ``docker ARGUMENTS`` prints. Raises AssertionError with its words where it fails."""
    done = run(["docker", *arguments], given=given)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def compose() -> list[str]:
    """Return the command of Compose version 2, as a plugin or on its own. Raises AssertionError where there is none."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if shutil.which(command[0]) and run([*command, "version"]).returncode == 0:
            return command
    raise AssertionError(
        "neither `docker compose` nor `docker-compose` is on this machine: install Compose version 2"
    )


def answers() -> bool:
    """Whether an engine answers (DOCKER_HOST, or the client's own default)."""
    try:
        return run(["docker", "version"], patience=20).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def has_image(name: str) -> bool:
    """Whether the engine has the image or can fetch it."""
    return (
        run(["docker", "image", "inspect", name]).returncode == 0
        or run(["docker", "pull", "-q", name]).returncode == 0
    )


def _why_not() -> str:
    if not shutil.which("docker"):
        return "no docker command here"
    return "an engine answers; it takes about 3 minutes" if answers() else "no container engine answers here"
