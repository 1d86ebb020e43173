"""Whether a new description of the API keeps the promises of an old one: additions only. Pure, over OpenAPI 3.1 documents."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Node = Mapping[str, Any]


def broken(old: Node, new: Node) -> list[str]:
    """What a caller that knows ``old`` would miss in ``new``, one line each, in the order of the document; empty: nothing.

    Asked: paths, methods, parameters, members of bodies and answers, their types, enumerations, statuses, scopes. What is
    sent may not become narrower (new required members, fewer values); what is answered may not lose a member or its type.
    """
    return list(_paths(old, new))


def _paths(old: Node, new: Node) -> Iterator[str]:
    for path, methods in old["paths"].items():
        there = new["paths"].get(path)
        if there is None:
            yield f"{path} is gone"
            continue
        for method, operation in methods.items():
            where = f"{method.upper()} {path}"
            if method not in there:
                yield f"{where} is gone"
            else:
                yield from _operation(where, operation, there[method], _Both(old, new))


class _Both:
    """Follows references in either document, and compares each pair of schemas once."""

    def __init__(self, old: Node, new: Node) -> None:
        self._old, self._new = old, new
        self._seen: set[tuple[str, str, bool]] = set()

    def schemas(self, where: str, old: Node, new: Node, sent: bool) -> Iterator[str]:
        references = (str(old.get("$ref", "")), str(new.get("$ref", "")), sent)
        if any(references[:2]):
            if references in self._seen:
                return
            self._seen.add(references)
        yield from _schema(where, _followed(old, self._old), _followed(new, self._new), self, sent)


def _followed(schema: Node, document: Node) -> Node:
    while "$ref" in schema:
        found: Any = document
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        schema = found
    return schema


def _operation(where: str, old: Node, new: Node, both: _Both) -> Iterator[str]:
    before = {(each["in"], each["name"].lower()): each for each in old.get("parameters", ())}
    after = {(each["in"], each["name"].lower()): each for each in new.get("parameters", ())}
    for name, parameter in before.items():
        if name not in after:
            yield f"{where}: the parameter {name[1]} is gone"
            continue
        if after[name].get("required", False) and not parameter.get("required", False):
            yield f"{where}: the parameter {name[1]} has become required"
        yield from both.schemas(f"{where}: {name[1]}", parameter["schema"], after[name]["schema"], True)
    for name, parameter in after.items():
        if name not in before and parameter.get("required", False):
            yield f"{where}: the new parameter {name[1]} is required"
    yield from _body(where, old.get("requestBody"), new.get("requestBody"), both)
    for status, response in old["responses"].items():
        if status not in new["responses"]:
            yield f"{where}: the answer {status} is gone"
            continue
        yield from _content(f"{where}: {status}", response, new["responses"][status], both, sent=False)
    scopes = {scope for each in old.get("security", ()) for names in each.values() for scope in names}
    wanted = {scope for each in new.get("security", ()) for names in each.values() for scope in names}
    if wanted - scopes:
        yield f"{where}: needs the scope {', '.join(sorted(wanted - scopes))} now"


def _body(where: str, old: Node | None, new: Node | None, both: _Both) -> Iterator[str]:
    if old is None:
        if new is not None and new.get("required", False):
            yield f"{where}: needs a body now"
        return
    if new is None:
        yield f"{where}: takes no body any more"
        return
    if new.get("required", False) and not old.get("required", False):
        yield f"{where}: the body has become required"
    yield from _content(f"{where}: body", old, new, both, sent=True)


def _content(where: str, old: Node, new: Node, both: _Both, *, sent: bool) -> Iterator[str]:
    for media_type, found in old.get("content", {}).items():
        there = new.get("content", {}).get(media_type)
        if there is None:
            yield f"{where}: {media_type} is gone"
        elif "schema" in found:
            yield from both.schemas(where, found["schema"], there.get("schema", {}), sent)


def _schema(where: str, old: Node, new: Node, both: _Both, sent: bool) -> Iterator[str]:
    before, after = _types(old, both), _types(new, both)
    lost = before - after if sent else after - before
    if before and after and lost:
        yield f"{where}: its type was {'|'.join(sorted(before))} and is {'|'.join(sorted(after))}"
        return
    values, allowed = set(map(str, old.get("enum", ()))), set(map(str, new.get("enum", ())))
    if sent and allowed and (not values or values - allowed):
        yield f"{where}: fewer values are taken"
    if not sent and values and not allowed:
        yield f"{where}: its values are no longer listed"
    properties, later = old.get("properties", {}), new.get("properties", {})
    for name, member in properties.items():
        if name not in later:
            yield f"{where}/{name} is gone"
        else:
            yield from both.schemas(f"{where}/{name}", member, later[name], sent)
    required, needed = set(old.get("required", ())), set(new.get("required", ()))
    for name in sorted(needed - required) if sent else sorted(required - needed):
        yield f"{where}/{name} has become {'required' if sent else 'optional'}"
    for part in ("items", "additionalProperties"):
        if isinstance(old.get(part), Mapping) and isinstance(new.get(part), Mapping):
            yield from both.schemas(f"{where}/*", old[part], new[part], sent)
    for mine, theirs in _alternatives(old, new, both):
        yield from both.schemas(where, mine, theirs, sent)


def _types(schema: Node, both: _Both) -> set[str]:
    """The JSON types that a schema allows; empty where it does not say."""
    declared = schema.get("type")
    if declared is not None:
        return set(declared) if isinstance(declared, list) else {declared}
    found: set[str] = set()
    for each in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        found |= {"object"} if "$ref" in each else _types(each, both)
    return found


def _alternatives(old: Node, new: Node, both: _Both) -> Iterator[tuple[Node, Node]]:
    """Alternatives of the same type on both sides (``X or null``), which is all that is written here."""
    for mine in old.get("anyOf", ()):
        for theirs in new.get("anyOf", ()):
            if "$ref" in mine and "$ref" in theirs:
                if mine["$ref"] == theirs["$ref"]:
                    yield mine, theirs
            elif _types(mine, both) == _types(theirs, both) and _types(mine, both):
                yield mine, theirs
