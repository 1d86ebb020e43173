"""What comes in from outside is pinned: packages by their hashes, images by their versions; and its licences are known."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import sys
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from services.testbed.localstack.engine import KAFKA_IMAGE, POSTGRES_IMAGE

ROOT = Path(__file__).resolve().parents[3]
LOCKS = ("requirements.lock", "infra/requirements.lock", "infra/build.lock")
Lock = dict[str, tuple[str, frozenset[str]]]

# Tags that move: each gets the fixes of its line without a change here. By digest they are pinned where they are deployed.
MOVING = {
    "postgres:17": "the fixes of PostgreSQL 17",
    "python:3.13-slim": "the fixes of Python and of Debian",
}


def lock(name: str) -> Lock:
    """Version and hashes by package; every line of a lock must be of the one form that pins."""
    found: Lock = {}
    text = (ROOT / name).read_text("utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        match = re.fullmatch(r"([a-z0-9-]+)==(\S+)( ; [^-]+)?((?:\s+--hash=sha256:[0-9a-f]{64})+)\s*", line)
        assert match is not None, f"{name}: {line[:120]}"
        assert match[1] not in found
        found[match[1]] = (match[2], frozenset(re.findall(r"sha256:([0-9a-f]{64})", line)))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_is_pinned_by_its_hashes_and_no_place_is_named(name: str) -> None:
    assert lock(name)
    text = (ROOT / name).read_text("utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*-", re.sub(r"--hash", "", text), re.MULTILINE), (
        "no option, least of all an index"
    )


def test_the_image_and_its_build_get_what_was_tested() -> None:
    everything = lock("requirements.lock")
    for name in LOCKS[1:]:
        for package, pinned in lock(name).items():
            assert everything[package] == pinned, package
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    wanted = {
        re.split(r"[^a-z0-9-]", each.lower().replace("_", "-"))[0]
        for each in project["build-system"]["requires"]
    }
    assert wanted == lock("infra/build.lock").keys()


def strangers(folder: Path) -> list[str]:
    """The files of a folder of wheels that no lock of the image knows."""
    known = {each for name in LOCKS[1:] for _, hashes in lock(name).values() for each in hashes}
    files = (path for path in sorted(folder.iterdir()) if path.name != ".gitignore")
    return [path.name for path in files if hashlib.sha256(path.read_bytes()).hexdigest() not in known]


def test_no_wheel_lies_ready_for_the_image_that_its_locks_do_not_know(tmp_path: Path) -> None:
    assert strangers(ROOT / "infra" / "wheels") == []
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"not one of ours")
    assert strangers(tmp_path) == ["other-1.0-py3-none-any.whl"]


def images() -> dict[str, str]:
    """Every image that is named, by where."""
    compose: dict[str, Any] = yaml.safe_load((ROOT / "infra" / "docker-compose.yml").read_text("utf-8"))
    found = {
        f"compose: {name}": re.sub(r"\$\{\w+:-(.*)\}", r"\1", service["image"])
        for name, service in compose["services"].items()
    }
    dockerfile = (ROOT / "infra" / "Dockerfile").read_text("utf-8")
    (base,) = re.findall(r"^ARG \w*IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", dockerfile, re.MULTILINE))
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.MULTILINE)) - stages == {"${PYTHON_IMAGE}"}
    return {
        **found,
        "Dockerfile": base,
        "local stack: kafka": KAFKA_IMAGE,
        "local stack: postgres": POSTGRES_IMAGE,
    }


def test_every_image_has_an_exact_version_but_those_that_are_named_here() -> None:
    exact = re.compile(r"[a-z0-9/._-]+:v?\d+\.\d+\.\d+(@sha256:[0-9a-f]{64})?")
    found = images()
    assert {image for image in found.values() if not exact.fullmatch(image)} == MOVING.keys()
    by_name: dict[str, set[str]] = {}
    for image in found.values():
        by_name.setdefault(image.partition(":")[0], set()).add(image)
    assert all(len(each) == 1 for each in by_name.values()), "the same image everywhere"
    page = (ROOT / "docs" / "reference" / "supply-chain.md").read_text("utf-8")
    assert [
        image
        for image in sorted(set(found.values()))
        if not image.startswith(("lianyun:", "lianyun-testbed:")) and image not in page
    ] == []


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", ROOT / "infra" / "licences.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_every_licence_is_allowed_or_excepted_and_the_page_is_up_to_date(licences: ModuleType) -> None:
    rules = licences.read_rules()
    assert licences.PAGE.read_text("utf-8") == licences.page(licences.rows(rules), rules), (
        "run `make licences`"
    )
    assert all(len(each["why"]) > 20 for each in rules["exceptions"].values())


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("AGPL-3.0-only", False),
        ("GPL-3.0-or-later", False),
        ("GPL-2.0-only WITH Classpath-exception-2.0", False),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("LicenseRef-Ours", False),
    ],
)
def test_what_may_come_in(licences: ModuleType, expression: str, allowed: bool) -> None:
    rules = licences.read_rules()
    if allowed:
        licences.judge("some-package", expression, rules)
        return
    with pytest.raises(licences.Unclear, match="not allowed"):
        licences.judge("some-package", expression, rules)


def test_an_exception_is_for_one_licence_only(licences: ModuleType) -> None:
    rules = licences.read_rules()
    licences.judge("psycopg", "LGPL-3.0-only", rules)
    with pytest.raises(licences.Unclear):
        licences.judge("psycopg", "AGPL-3.0-only", rules)


@pytest.mark.parametrize(
    ("metadata", "classifiers", "told"),
    [
        ({"License-Expression": "Apache-2.0 OR MIT", "License": "ignored"}, [], "Apache-2.0 OR MIT"),
        ({"License": "Apache 2.0"}, [], "Apache-2.0"),
        ({"License": "a text of ours"}, ["MIT License"], "MIT"),
        ({}, ["MIT License", "Apache Software License"], None),
        ({"License": "proprietary"}, ["Other/Proprietary License"], None),
        ({}, [], None),
    ],
)
def test_what_metadata_tells(
    licences: ModuleType, metadata: dict[str, str], classifiers: list[str], told: str | None
) -> None:
    rules = licences.read_rules()
    if told is not None:
        assert licences.licence("some-package", metadata, classifiers, rules) == told
        return
    with pytest.raises(licences.Unclear, match="no licence can be told"):
        licences.licence("some-package", metadata, classifiers, rules)
