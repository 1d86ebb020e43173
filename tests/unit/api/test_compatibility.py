"""Additions pass, anything that a caller could miss is named."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from services.api.compatibility import broken

OLD: dict[str, Any] = {
    "paths": {
        "/v1/things": {
            "post": {
                "security": [{"dpop": ["things"]}],
                "parameters": [{"name": "limit", "in": "query", "required": False, "schema": {"type": "integer"}}],
                "requestBody": {"required": True, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/In"}}}},
                "responses": {
                    "200": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Out"}}}},
                    "202": {"content": {"application/json": {"schema": {}}}},
                },
            }
        }
    },
    "components": {
        "schemas": {
            "In": {"type": "object", "required": ["word"], "properties": {"word": {"type": "string", "enum": ["a", "b"]}}},
            "Out": {
                "type": "object",
                "required": ["word"],
                "properties": {
                    "word": {"type": "string"},
                    "more": {"anyOf": [{"type": "integer"}, {"type": "null"}]},
                    "list": {"type": "array", "items": {"$ref": "#/components/schemas/Out"}},
                },
            },
        }
    },
}  # fmt: skip


def changed(change: Callable[[dict[str, Any]], object]) -> list[str]:
    new = copy.deepcopy(OLD)
    change(new)
    return broken(OLD, new)


def operation(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["paths"]["/v1/things"]["post"]
    return found


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    found: dict[str, Any] = document["components"]["schemas"][name]
    return found


ADDITIONS: list[Callable[[dict[str, Any]], object]] = [
    lambda d: d["paths"].update({"/v1/others": {"get": {"responses": {}}}}),
    lambda d: schema(d, "Out")["properties"].update(new={"type": "string"}),
    lambda d: schema(d, "In")["properties"].update(new={"type": "string"}),
    lambda d: schema(d, "In")["properties"]["word"]["enum"].append("c"),
    lambda d: operation(d)["parameters"].append({"name": "x", "in": "query", "schema": {"type": "string"}}),
    lambda d: operation(d)["responses"].update({"409": {}}),
    lambda d: operation(d)["responses"]["202"]["content"]["application/json"].update(
        schema={"$ref": "#/components/schemas/Out"}
    ),
    lambda d: schema(d, "In")["properties"]["word"].pop("enum"),
]
BREAKS: list[tuple[Callable[[dict[str, Any]], object], str]] = [
    (lambda d: d["paths"].clear(), "/v1/things is gone"),
    (lambda d: d["paths"]["/v1/things"].clear(), "POST /v1/things is gone"),
    (lambda d: operation(d)["parameters"].clear(), "limit is gone"),
    (lambda d: operation(d)["parameters"][0].update(required=True), "become required"),
    (lambda d: operation(d)["parameters"][0].update(schema={"type": "string"}), "its type was integer and is string"),
    (lambda d: operation(d)["parameters"].append({"name": "x", "in": "query", "required": True, "schema": {}}), "is required"),
    (lambda d: operation(d)["responses"].clear(), "the answer 200 is gone"),
    (lambda d: operation(d).pop("requestBody"), "takes no body"),
    (lambda d: operation(d).update(security=[{"dpop": ["other"]}]), "needs the scope other"),
    (lambda d: schema(d, "In")["properties"].update(word={"type": "string", "enum": ["a"]}), "fewer values"),
    (lambda d: schema(d, "In").update(required=["word", "new"]), "/new has become required"),
    (lambda d: schema(d, "Out")["properties"].pop("more"), "/more is gone"),
    (lambda d: schema(d, "Out")["properties"].update(more={"type": "integer"}) or schema(d, "Out")["properties"].update(
        more={"anyOf": [{"type": "integer"}, {"type": "null"}, {"type": "string"}]}), "its type was"),
    (lambda d: schema(d, "Out").update(required=[]), "/word has become optional"),
    (lambda d: schema(d, "Out")["properties"]["list"].update(items={"type": "string"}), "its type was"),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(ADDITIONS)))
def test_an_addition_breaks_nobody(number: int) -> None:
    assert changed(ADDITIONS[number]) == []


@pytest.mark.parametrize("number", range(len(BREAKS)))
def test_what_a_caller_would_miss_is_named(number: int) -> None:
    change, told = BREAKS[number]
    assert any(told in line for line in changed(change)), changed(change)
