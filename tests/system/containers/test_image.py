"""The image: small to build, without a development package or a package manager, nobody's in particular."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from tests.system.containers import engine
from tests.system.containers.deployment import FILE

pytestmark = pytest.mark.containers

INSTALLED = """
import importlib.metadata as m, json, os
print(json.dumps({"user": os.getuid(), "packages": {d.name.lower().replace("_", "-"): d.version for d in m.distributions()}}))
"""


def test_it_holds_the_locked_runtime_packages_and_nothing_else(images: Mapping[str, str]) -> None:
    image = images["LIANYUN_IMAGE"]
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


def test_it_says_what_it_can_without_anything_around_it(images: Mapping[str, str]) -> None:
    shown = engine.docker(
        "run", "--rm", "--read-only", "--network", "none", images["LIANYUN_IMAGE"], "--help"
    )
    assert "worker" in shown
