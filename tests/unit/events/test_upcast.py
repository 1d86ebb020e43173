"""Old versions are read through pure steps; shown with a version that only this test knows."""

from __future__ import annotations

import copy
from typing import Any, Literal

import orjson
import pytest

from schemas.events.base import PlacedMilestone
from schemas.events.catalogue import CATALOGUE
from schemas.events.declare import RUNNING, event
from schemas.events.decode import STEPS, Decoder, Step
from schemas.events.vocabulary import Region, Role
from schemas.publishing.examples import example
from schemas.reasons import Reason, Refusal

OLD, MIDDLE, NEW = (f"cre.movement.departed.v{n}" for n in (1, 2, 3))


@event("movement.departed.v2", 300, region=Region.MOVEMENT, by=(Role.RAILWAY,), about=RUNNING)
class DepartedTwo(PlacedMilestone):
    """A train left, with its traction."""

    traction: Literal["ELECTRIC", "DIESEL", "UNKNOWN"]


@event("movement.departed.v3", 300, region=Region.MOVEMENT, by=(Role.RAILWAY,), about=RUNNING)
class DepartedThree(PlacedMilestone):
    """A train left, with its traction and locomotives."""

    traction: Literal["ELECTRIC", "DIESEL", "UNKNOWN"]
    locomotives: int


def second(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "traction": "UNKNOWN"}


def third(value: dict[str, Any]) -> dict[str, Any]:
    return {**value, "locomotives": 1}


DECODER = Decoder(
    {**CATALOGUE, MIDDLE: DepartedTwo, NEW: DepartedThree},
    {OLD: Step(MIDDLE, second), MIDDLE: Step(NEW, third)},
)


def test_the_oldest_version_arrives_as_the_newest() -> None:
    payload = DECODER.decode(OLD, orjson.dumps(example(OLD)))
    assert isinstance(payload, DepartedThree)
    assert (payload.traction, payload.locomotives) == ("UNKNOWN", 1)


def test_what_was_admitted_arrives_as_the_newest_too() -> None:
    raw = orjson.dumps(example(OLD))
    assert DECODER.admitted(OLD, raw) == DECODER.decode(OLD, raw)
    type_ = "cre.correction.corrected.v1"
    corrected = DECODER.admitted(type_, orjson.dumps(example(type_)))
    assert isinstance(corrected.replacement.payload, DepartedThree)  # type: ignore[attr-defined]


def test_every_version_is_held_to_its_own_schema() -> None:
    with pytest.raises(Refusal) as caught:
        DECODER.decode(OLD, orjson.dumps({**example(OLD), "traction": "DIESEL"}))
    assert (caught.value.reason, caught.value.pointer) == (Reason.INVALID_SCHEMA, "/traction")


def test_a_replacement_is_upcast_too() -> None:
    type_ = "cre.correction.corrected.v1"
    payload = DECODER.decode(type_, orjson.dumps(example(type_)))
    assert isinstance(payload.replacement.payload, DepartedThree)  # type: ignore[attr-defined]


def test_steps_do_not_change_what_they_are_given() -> None:
    value = example(OLD)
    kept = copy.deepcopy(value)
    second(value)
    assert value == kept


def test_published_steps_lead_one_version_up_within_the_catalogue() -> None:
    for type_, step in STEPS.items():
        older, newer = CATALOGUE[type_].spec, CATALOGUE[step.type].spec
        assert (newer.name, newer.version, newer.number) == (older.name, older.version + 1, older.number)
