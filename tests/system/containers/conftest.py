"""The images that the deployments of this folder run: ours, built from this tree, and a broker's that can start."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import yaml

from tests.system.containers import engine
from tests.system.containers.deployment import FILE, Deployment, ports

MARK = f"lianyun-test-{os.getpid()}"


@pytest.fixture(scope="session")
def broker_image() -> Iterator[str]:
    """The broker's image. What this run builds, of this and others, is removed at the end; skips where none is asked for."""
    if not engine.ASKED:
        pytest.skip(engine.told())
    assert engine.answers(), (
        "make containers needs a container engine, and none answers: start one, or set DOCKER_HOST"
    )
    try:
        yield kafka_image()
    finally:
        for image in engine.docker("images", "-q", MARK).split():
            engine.run(["docker", "image", "rm", "-f", image])


@pytest.fixture(scope="session")
def images(broker_image: str) -> Mapping[str, str]:
    """The variables that name the images: ours are built from a copy of this tree as umask 077 would have made it."""
    settings = {
        "LIANYUN_IMAGE": f"{MARK}:ours",
        "LIANYUN_TESTBED_IMAGE": f"{MARK}:testbed",
        "LIANYUN_KAFKA_IMAGE": broker_image,
    }
    with tempfile.TemporaryDirectory(prefix="lianyun-image-") as folder:
        Deployment(MARK, "demo", settings, file=closed_copy(Path(folder))).compose(
            "build", "topics", "demo", patience=900
        )
    return settings


def closed_copy(folder: Path) -> Path:
    """The compose file of a copy of this tree that nobody but its owner may read."""
    for name in ("infra", "schemas", "services"):
        ignore = shutil.ignore_patterns("__pycache__", "secrets")
        shutil.copytree(FILE.parents[1] / name, folder / name, ignore=ignore)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(FILE.parents[1] / name, folder / name)
    for path in folder.rglob("*"):
        path.chmod(stat.S_IMODE(path.stat().st_mode) & 0o700)
    return folder / "infra" / FILE.name


@pytest.fixture(scope="session")
def settings(images: Mapping[str, str]) -> dict[str, str]:
    """The variables of a deployment: images and free ports."""
    return dict(images) | ports()


def kafka_image() -> str:
    """The broker's image of the compose file, or one made of it whose own settings its user can prepare.

    An image whose files were copied from a read-only folder cannot start: its entry script copies them, and writes.
    """
    declared: str = yaml.safe_load(FILE.read_text())["services"]["kafka"]["image"]
    name = os.environ.get("LIANYUN_KAFKA_IMAGE", declared.partition(":-")[2].removesuffix("}"))
    look = 'test -z "$(find /etc/kafka/docker -type f ! -perm -u+w)"'
    if engine.run(["docker", "run", "--rm", "--entrypoint", "sh", name, "-c", look]).returncode == 0:
        return name
    user = engine.docker("image", "inspect", "-f", "{{.Config.User}}", name)
    made = f"{MARK}:kafka"
    recipe = f"FROM {name}\nUSER root\nRUN chmod -R u+w /etc/kafka/docker\nUSER {user}\n"
    engine.docker("build", "-q", "-t", made, "-", given=recipe)
    return made
