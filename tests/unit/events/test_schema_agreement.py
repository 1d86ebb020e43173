"""The published JSON Schema and the models judge alike: examples pass both, broken ones fail both."""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import jsonschema
from pydantic import ValidationError

from schemas.events.catalogue import CATALOGUE
from schemas.identifiers.quality import flags
from schemas.publishing.asyncapi import headers
from schemas.publishing.examples import example
from schemas.publishing.json_schema import json_schema, schema_id
from schemas.reasons import Refusal
from tests.support.invariants import holds_for

every = holds_for({type_: type_ for type_ in sorted(CATALOGUE)})
MUTANTS = 80
"""Broken values tried per type, drawn by a seed of the type's own."""

# No 1.0: to JSON Schema it is an integer, to the models it is not, because a float has no one spelling to sign.
STRANGE: tuple[Any, ...] = (
    None, True, -1, 2**52, 3.5, "", " ", "x", "x" * 300, "a\u202eb", "\x1b", "ACT", [], [[]], ["x"], {}, {"x": 1},
    "2026-13-01T00:00:00Z", "2026-01-01T00:00:00", [{"kind": "place", "id": "locode:PLMAA"}],
)  # fmt: skip


@cache
def validator(type_: str) -> jsonschema.Draft202012Validator:
    schema = json_schema(CATALOGUE[type_])
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def accepted_by_model(type_: str, value: object) -> bool:
    try:
        CATALOGUE[type_].model_validate(value).check()
    except (ValidationError, Refusal):
        return False
    return True


def accepted_by_schema(type_: str, value: object) -> bool:
    return bool(validator(type_).is_valid(value))


def paths(value: Any, here: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in ``value`` that can be broken; what a correction replaces has a schema of its own."""
    if here == ("replacement", "data"):
        return
    if here:
        yield here
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, part in entries:
        yield from paths(part, (*here, key))


def broken(value: dict[str, Any], luck: random.Random) -> tuple[str, dict[str, Any]]:
    value = copy.deepcopy(value)
    *parents, last = luck.choice(list(paths(value)))
    holder: Any = value
    for key in parents:
        holder = holder[key]
    match luck.randrange(4):
        case 0:
            del holder[last]
            done = "removed"
        case 1 if isinstance(holder, dict):
            holder[f"{last}x"] = holder[last]
            done = "added a field beside"
        case _:
            holder[last] = luck.choice(STRANGE)
            done = f"{holder[last]!r:.60} at"
    return f"{done} {'/'.join(map(str, [*parents, last]))}", value


@every
def test_examples_pass_both(type_: str) -> None:
    for whole in (True, False):
        value = example(type_, whole=whole)
        validator(type_).validate(value)
        assert accepted_by_model(type_, value), f"whole: {whole}"


@every
def test_broken_values_are_judged_alike(type_: str) -> None:
    luck = random.Random(type_)
    rejected = 0
    for _ in range(MUTANTS):
        what, value = broken(example(type_, whole=luck.random() < 0.7), luck)
        by_model = accepted_by_model(type_, value)
        assert by_model == accepted_by_schema(type_, value), (
            f"{what}: the model {'takes' if by_model else 'refuses'} it"
        )
        rejected += not by_model
    assert rejected > MUTANTS / 4, "mutants that break nothing prove nothing"


@every
def test_a_schema_names_itself_and_its_rules(type_: str) -> None:
    schema, spec = validator(type_).schema, CATALOGUE[type_].spec
    assert schema["$id"] == schema_id(type_) == f"urn:lianyun:schema:{type_}"
    assert schema["title"] == type_
    assert schema["description"].startswith(spec.summary)
    assert schema["x-lianyun"]["publishers"] == sorted(spec.publishers)
    assert schema["x-lianyun"]["toleranceSeconds"] == spec.tolerance_seconds


@every
def test_objects_in_examples_have_nothing_to_doubt(type_: str) -> None:
    for ref in example(type_).get("objects", []):
        assert flags(ref["kind"], ref["id"]) == ()


def test_headers_of_a_signed_event() -> None:
    valid = {
        "ce_specversion": "1.0",
        "ce_id": "1",
        "ce_source": "https://ktz.example/dispatch",
        "ce_type": "cre.movement.departed.v1",
        "ce_time": "2026-03-05T14:21:00+05:00",
        "content-type": "application/json",
        "lianyun-signature": f"v1;ed25519;{'0' * 16};{'A' * 86}==",
    }
    check = jsonschema.Draft202012Validator(headers())
    assert check.is_valid(valid)
    assert not check.is_valid({**valid, "ce_type": "cre.movement.flown.v1"})
    assert not check.is_valid({**valid, "ce_time": "2026-03-05 14:21"})
    assert not check.is_valid({**valid, "lianyun-signature": f"v1;rsa;{'0' * 16};{'A' * 86}=="})
    assert all(
        not check.is_valid({k: v for k, v in valid.items() if k != gone})
        for gone in valid
        if gone != "content-type"
    )
