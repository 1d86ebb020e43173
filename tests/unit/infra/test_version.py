"""One version number: pyproject.toml states it, and the package, the metrics, the API's description and the image carry it."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path

from services.telemetry.instruments import Instruments

ROOT = Path(__file__).resolve().parents[3]
VERSION: str = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]


def test_the_installed_package_is_of_this_version() -> None:
    assert version("lianyun") == VERSION, "installed from an older pyproject.toml: make setup"


def test_every_process_shows_it_as_a_metric() -> None:
    assert Instruments().registry.get_sample_value("lianyun_build_info", {"version": VERSION}) == 1


def test_the_published_description_of_the_api_carries_it() -> None:
    published = json.loads((ROOT / "schemas" / "published" / "openapi.json").read_text(encoding="utf-8"))
    assert published["info"]["version"] == VERSION, "stale: make schemas"


def test_the_image_is_tagged_with_it() -> None:
    compose = (ROOT / "infra" / "docker-compose.yml").read_text(encoding="utf-8")
    assert re.findall(r"\$\{LIANYUN_IMAGE:-lianyun:([^}]+)\}", compose) == [VERSION]


def test_the_changelog_has_a_section_for_it() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(VERSION)}\]", changes, re.MULTILINE)
