"""The images: locked packages and our own alone, no privileged user; that of a deployment without the testbed."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping

import pytest

from services.cli.commands import COMMANDS
from services.cli.exits import Exit
from tests.system.containers import engine
from tests.system.containers.deployment import FILE

pytestmark = pytest.mark.containers

INSTALLED = """
import importlib.metadata as m, json, os
print(json.dumps({"user": os.getuid(), "packages": {d.name.lower().replace("_", "-"): d.version for d in m.distributions()}}))
"""


NAMES = ("LIANYUN_IMAGE", "LIANYUN_TESTBED_IMAGE")


def inside(image: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a command of ours in a container with nothing around it."""
    return engine.run(["docker", "run", "--rm", "--read-only", "--network", "none", image, *arguments])


@pytest.mark.parametrize("name", NAMES)
def test_it_holds_the_locked_runtime_packages_and_nothing_else(images: Mapping[str, str], name: str) -> None:
    image = images[name]
    found = json.loads(
        engine.docker("run", "--rm", "--network", "none", "--entrypoint", "python", image, "-c", INSTALLED)
    )
    lock = (FILE.parent / "requirements.lock").read_text()
    locked = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", lock, re.MULTILINE))
    own = found["packages"].pop("lianyun")
    assert own
    assert found["packages"].items() <= locked.items()
    missing = locked.keys() - found["packages"].keys()
    assert missing <= {"async-timeout"}, "only what an older Python alone needs may be missing"
    assert found["user"] == 10001


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_it_can_without_anything_around_it(images: Mapping[str, str], name: str) -> None:
    shown = inside(images[name], "--help")
    assert shown.returncode == 0, shown.stderr
    assert "worker" in shown.stdout


def test_the_image_of_a_deployment_has_no_file_of_the_testbed(images: Mapping[str, str]) -> None:
    count = (
        "import services, pathlib as p; print(len([*p.Path(services.__path__[0]).glob('testbed/**/*.py')]))"
    )
    counts = [
        int(
            engine.docker(
                "run", "--rm", "--network", "none", "--entrypoint", "python", images[name], "-c", count
            )
        )
        for name in NAMES
    ]
    assert counts[0] == 0
    assert counts[1] > 0


def test_every_command_of_a_deployment_is_imported_without_the_testbed(images: Mapping[str, str]) -> None:
    each = 'for name in "$@"; do lianyun "$name" --help > /dev/null 2>&1; echo "$name $?"; done'
    asked = ("--entrypoint", "bash", images["LIANYUN_IMAGE"], "-c", each, "bash", *COMMANDS)
    done = engine.docker("run", "--rm", "--read-only", "--network", "none", *asked)
    codes = {name: int(code) for name, code in map(str.split, done.splitlines())}
    assert codes == {
        name: Exit.FAILED if command.module.startswith("testbed.") else Exit.OK
        for name, command in COMMANDS.items()
    }


@pytest.mark.parametrize("command", [("demo",), ("up",), ("shipper", "evaluate")])
def test_a_command_of_the_testbed_fails_in_a_deployment_and_names_the_image_that_has_it(
    images: Mapping[str, str], command: tuple[str, ...]
) -> None:
    done = inside(images["LIANYUN_IMAGE"], *command)
    assert done.returncode == Exit.FAILED
    assert "holds no testbed" in done.stderr
    assert "--target testbed" in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_world_is_simulated_in_the_image_of_the_testbed(images: Mapping[str, str]) -> None:
    """Its data files are in the package."""
    done = inside(images["LIANYUN_TESTBED_IMAGE"], "simulate", "--scenario", "tiny", "--out", "-")
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) > 1_000
