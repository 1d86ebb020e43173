"""The generated files of schemas/published/ as bytes, and their comparison with the files on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from schemas.events import catalogue
from schemas.events.catalogue import CATALOGUE
from schemas.events.spec import EventSpec
from schemas.events.vocabulary import Region
from schemas.publishing.asyncapi import asyncapi
from schemas.publishing.examples import example
from schemas.publishing.json_schema import json_schema
from schemas.publishing.reference import (
    identifiers_data,
    identifiers_page,
    places_csv,
    reasons_data,
    reasons_page,
)
from schemas.publishing.signing_vectors import signing_vectors
from schemas.publishing.topics import channels

_TITLES = {
    Region.MOVEMENT: "Movement",
    Region.CUSTOMS: "Customs",
    Region.DOCUMENT: "Document",
    Region.FINANCE: "Finance",
    Region.NETWORK: "Network",
    Region.LINK: "Links",
    Region.CORRECTION: "Corrections",
    Region.CREDIT: "Credit",
    Region.CASE: "Cases",
}
_HEAD = "| type | meaning | said by | authority | corroborated by | tolerance | exception |\n|---|---|---|---|---|---|---|"


def catalogue_page() -> str:
    """The page in Markdown: one table per region, in the order of the numbers."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Event types"
    yield ""
    yield (
        "Generated from the models. Tolerance is the spread of times beyond which publishers disagree; an authority's "
        "word counts inside its territory (a place or a jurisdiction). `+` opens an exception, `-` closes it. "
        "[How objects are written](identifiers.md), [why an event is refused](reasons.md), [how it is signed](signing.md)."
    )
    for region in Region:
        specs = [spec for spec in catalogue.specs() if spec.region is region]
        if specs:
            yield f"\n## {_TITLES[region]}\n\n{_HEAD}"
            yield from (_row(spec) for spec in specs)


def _row(spec: EventSpec) -> str:
    authority = _list(spec.authority)
    if authority and spec.territory != "NONE":
        authority = f"{authority} ({spec.territory.lower()})"
    tolerance = "" if spec.tolerance_seconds is None else f"{spec.tolerance_seconds // 60} min"
    exception = f"+{spec.opens.name}" if spec.opens else f"-{spec.closes.name}" if spec.closes else ""
    cells = (
        f"`{spec.type}`",
        spec.summary,
        "any party" if len(spec.publishers) > 10 else _list(spec.publishers),
        authority,
        _list(spec.corroborators),
        tolerance,
        exception,
    )
    return f"| {' | '.join(cells)} |"


def _list(roles: frozenset[str]) -> str:
    return ", ".join(str(role).replace("_", " ") for role in sorted(roles))


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
    files["reasons.md"] = reasons_page().encode()
    files["reasons.json"] = _json(reasons_data())
    files["identifiers.md"] = identifiers_page().encode()
    files["identifiers.json"] = _json(identifiers_data())
    files["places.csv"] = places_csv().encode()
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
