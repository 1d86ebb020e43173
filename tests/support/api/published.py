"""Answers against the published description: every JSON answer of 2xx has the form that its operation promises."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

import httpx
import jsonschema

from services.api.app import described

Found = tuple[str, dict[str, Any]]


def schema_of(method: str, path: str, status: int) -> Found | None:
    """The path of the operation as published, and the schema of its JSON answer of ``status``; None where none is published."""
    for pattern, published, operations in _paths():
        if pattern.fullmatch(path) and method.lower() in operations:
            answers = operations[method.lower()]["responses"]
            content = answers.get(str(status), {}).get("content", {})
            schema = content.get("application/json", {}).get("schema")
            return None if schema is None else (published, schema)
    return None


def require_published(answer: httpx.Response) -> None:
    """AssertionError where a JSON answer of 2xx is not of the published form; other answers pass. The hook of a client."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not answer.is_success or kind != "application/json":
        return
    answer.read()
    request = answer.request
    found = schema_of(request.method, request.url.raw_path.decode().partition("?")[0], answer.status_code)
    if found is None:
        return
    published, schema = found
    document = {**schema, "components": _document()["components"]}
    faults = sorted(jsonschema.Draft202012Validator(document).iter_errors(answer.json()), key=str)
    where = [f"{'/'.join(map(str, fault.absolute_path))}: {fault.message}" for fault in faults]
    assert not faults, (request.method, published, where)


@cache
def _document() -> dict[str, Any]:
    return dict(described())


@cache
def _paths() -> list[tuple[re.Pattern[str], str, dict[str, Any]]]:
    """Paths without parameters first, as the routes are found."""
    found = []
    for path, operations in _document()["paths"].items():
        pattern = re.sub(r"\\\{ref\\\}", ".+", re.escape(path))
        found.append((re.compile(re.sub(r"\\\{\w+\\\}", "[^/]+", pattern)), path, operations))
    return sorted(found, key=lambda each: "{" in each[1])
