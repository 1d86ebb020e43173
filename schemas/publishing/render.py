"""Everything in schemas/published/ that is generated, as bytes; and the comparison with what lies there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.events.catalogue import CATALOGUE
from schemas.publishing.asyncapi import asyncapi
from schemas.publishing.catalogue_page import catalogue_page
from schemas.publishing.examples import example
from schemas.publishing.json_schema import json_schema
from schemas.publishing.signing_vectors import signing_vectors
from schemas.publishing.topics import channels

PUBLISHED = Path(__file__).resolve().parents[1] / "published"
OWNED = ("json-schema", "examples")
"""Folders that hold nothing but generated files; what is no longer generated there is removed."""


def render() -> dict[str, bytes]:
    """All generated files by their path below ``published``; pure but for the declared topics."""
    files: dict[str, bytes] = {}
    for type_, model in sorted(CATALOGUE.items()):
        files[f"json-schema/{type_}.json"] = _json(json_schema(model))
        files[f"examples/{type_}.json"] = _json(example(type_))
    files["asyncapi.json"] = _json(asyncapi(channels()))
    files["signing-vectors.json"] = _json(signing_vectors())
    files["events.md"] = catalogue_page().encode()
    return files


def stale(files: Mapping[str, bytes], folder: Path = PUBLISHED) -> list[str]:
    """Paths below ``folder`` that are missing, differ from ``files``, or should be gone; empty when fresh."""
    differing = [
        path
        for path, content in files.items()
        if not (folder / path).is_file() or (folder / path).read_bytes() != content
    ]
    return sorted(differing + _left_over(files, folder))


def write(files: Mapping[str, bytes], folder: Path = PUBLISHED) -> list[str]:
    """Bring ``folder`` to ``files``; returns the paths that changed."""
    changed = stale(files, folder)
    for path in changed:
        target = folder / path
        if path in files:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(files[path])
        else:
            target.unlink()
    return changed


def _left_over(files: Mapping[str, bytes], folder: Path) -> list[str]:
    there = (path for owned in OWNED for path in (folder / owned).rglob("*") if path.is_file())
    return [name for name in (path.relative_to(folder).as_posix() for path in there) if name not in files]


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
