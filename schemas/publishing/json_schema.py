"""One JSON Schema 2020-12 per event type, with its permitted publishers in words and as data."""

from __future__ import annotations

from typing import Any

from schemas.events.base import Payload
from schemas.events.spec import DAY, HOUR, MINUTE, EventSpec

Json = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema_id(type_: str) -> str:
    """The name under which the schema of ``type_`` is published."""
    return f"urn:lianyun:schema:{type_}"


def json_schema(model: type[Payload]) -> Json:
    """The schema of the payload of ``model``; ``x-lianyun`` carries the spec for programs.

    It accepts what the models accept, but for what JSON Schema cannot say: days that exist, ends before starts.
    """
    spec = model.spec
    body = _plain(model.model_json_schema(by_alias=True))
    definitions = body.pop("$defs", {})
    if "ObjectRef" in definitions:
        definitions["ObjectRef"]["properties"]["kind"]["enum"] = [kind.wire for kind in sorted(spec.objects)]
    body.pop("description", None)
    body = {key: body[key] for key in ("type", "additionalProperties", "required", "properties")}
    return {
        "$schema": DIALECT,
        "$id": schema_id(spec.type),
        "title": spec.type,
        "description": describe(spec),
        "x-lianyun": facts(spec),
        **body,
        **({"$defs": definitions} if definitions else {}),
    }


def describe(spec: EventSpec) -> str:
    """The rules of a type in English, one sentence each."""
    parts = [spec.summary, f"Said by {_roles(spec.publishers)}."]
    if spec.authority:
        where = {
            "NONE": "",
            "PLACE": " for the place in its territory",
            "JURISDICTION": " for the jurisdiction in its territory",
        }[spec.territory]
        parts.append(f"The word of {_roles(spec.authority)} is an authority's{where}.")
    if spec.corroborators:
        parts.append(f"Corroborated by {_roles(spec.corroborators)}.")
    if spec.tolerance_seconds is not None:
        parts.append(
            f"Publishers disagree when their times differ by more than {_span(spec.tolerance_seconds)}."
        )
    if spec.opens is not None:
        parts.append(f"Opens the exception {spec.opens.name}.")
    if spec.closes is not None:
        parts.append(f"Closes the exception {spec.closes.name}.")
    if spec.owner is not None and spec.due_seconds is not None:
        parts.append(f"To be dealt with by the {_word(spec.owner)} within {_span(spec.due_seconds)}.")
    if spec.answers:
        parts.append(f"Answers {', '.join(spec.answers)}.")
    return " ".join(parts)


def facts(spec: EventSpec) -> Json:
    """The spec as JSON, with stable names."""
    return {
        "number": spec.number,
        "region": spec.region.name,
        "phase": spec.phase,
        "moves": spec.moves,
        "publishers": sorted(spec.publishers),
        "authority": sorted(spec.authority),
        "territory": spec.territory.value,
        "corroborators": sorted(spec.corroborators),
        "objects": [kind.wire for kind in sorted(spec.objects)],
        "toleranceSeconds": spec.tolerance_seconds,
        "opens": spec.opens.name if spec.opens else None,
        "closes": spec.closes.name if spec.closes else None,
        "owner": spec.owner,
        "dueSeconds": spec.due_seconds,
        "document": spec.document,
        "answers": list(spec.answers),
    }


def _plain(node: Any) -> Any:
    """Drop what only repeats the name of a field, and the marks of a docstring."""
    if isinstance(node, list):
        return [_plain(part) for part in node]
    if not isinstance(node, dict):
        return node
    cleaned = {
        key: _plain(part) for key, part in node.items() if not (key == "title" and isinstance(part, str))
    }
    if isinstance(cleaned.get("description"), str):
        cleaned["description"] = " ".join(cleaned["description"].replace("``", "").split())
    return cleaned


def _roles(roles: frozenset[Any]) -> str:
    return ", ".join(_word(role) for role in sorted(roles))


def _word(role: str) -> str:
    return str(role).replace("_", " ")


def _span(seconds: int) -> str:
    for size, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"), (1, "second")):
        if seconds % size == 0 and seconds >= size:
            count = seconds // size
            return f"{count} {word}{'s' if count > 1 else ''}"
    return "0 seconds"
