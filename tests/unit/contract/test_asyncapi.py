"""The AsyncAPI document holds together: every reference leads somewhere, every channel says what it may carry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schemas.events.catalogue import CATALOGUE
from schemas.events.vocabulary import Role
from schemas.publishing.asyncapi import asyncapi
from schemas.publishing.render import PUBLISHED
from schemas.publishing.topics import DECLARED, GENERIC, channels

DOCUMENT = asyncapi(channels())


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for part in node.values():
            yield from references(part)
    elif isinstance(node, list):
        for part in node:
            yield from references(part)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            node: Any = DOCUMENT
            for part in reference[2:].split("/"):
                node = node[part]
        else:
            json.loads((PUBLISHED / reference).read_text(encoding="utf-8"))


def test_the_published_document_is_version_3_with_a_message_per_type() -> None:
    published = json.loads((PUBLISHED / "asyncapi.json").read_text(encoding="utf-8"))
    assert published["asyncapi"] == "3.0.0"
    assert {message["name"] for message in published["components"]["messages"].values()} == set(CATALOGUE)
    assert set(published["operations"]) == {f"receive_{name}" for name in published["channels"]}


def test_a_partners_channel_carries_only_what_its_role_may_say(tmp_path: Path) -> None:
    declared = tmp_path / "topics.toml"
    declared.write_text(
        '[[topics]]\nname = "cre.customs.gacc.v1"\npartner = "GACC"\n[[topics]]\nname = "cre.gateway.v1"\n'
    )
    customs = channels(declared)[-1]
    assert (customs.name, customs.role) == ("customs_gacc_v1", Role.CUSTOMS)
    carried = asyncapi([customs])["channels"]["customs_gacc_v1"]["messages"]
    assert "customs_released_v1" in carried
    assert "movement_departed_v1" not in carried


def test_without_declared_topics_the_generic_channels_stand(tmp_path: Path) -> None:
    assert channels(tmp_path / "none.toml") == GENERIC


@pytest.mark.skipif(
    not DECLARED.is_file(), reason="topics are declared in a checkout, not in an installed package"
)
def test_every_declared_topic_is_a_channel() -> None:
    addresses = [channel.address for channel in channels()]
    assert len(addresses) == len(set(addresses)) > len(GENERIC)
