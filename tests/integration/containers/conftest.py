"""The images that the deployments of this folder run: ours, built from this tree, and a broker's that can start."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest
import yaml

from tests.integration.containers import engine
from tests.integration.containers.deployment import FILE, Deployment, ports

MARK = f"lianyun-test-{os.getpid()}"


@pytest.fixture(scope="session")
def images() -> Iterator[Mapping[str, str]]:
    """The variables that name the images; what was built here is removed at the end."""
    if not engine.ASKED:
        pytest.skip(engine.told())
    assert engine.answers(), (
        "make containers needs a container engine, and none answers: start one, or set DOCKER_HOST"
    )
    settings = {"LIANYUN_IMAGE": f"{MARK}:ours", "LIANYUN_KAFKA_IMAGE": kafka_image()}
    try:
        Deployment(MARK, "plain", settings).compose("build", "topics", patience=900)
        yield settings
    finally:
        for image in engine.docker("images", "-q", MARK).split():
            engine.run(["docker", "image", "rm", "-f", image])


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
