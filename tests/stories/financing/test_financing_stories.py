"""Every financing story ends as written, and facts may arrive in any order without changing what is seen at the end."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.financing.domain import lifecycle
from services.financing.domain.decisions import Action
from services.financing.domain.requests import UNKNOWN
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import World

CASES = cases()
every = pytest.mark.parametrize("case", CASES, ids=[case.slug for case in CASES])


def play(case: Case) -> World:
    """Ask everything in order, and compare each answer with what the story expects."""
    world = World(heard=case.heard())
    for number, written in enumerate(case.asks):
        ask, at, on = case.ask(number)
        decision, told = world.ask(ask, at, on)
        expected = written["expect"]
        expected = {"outcome": expected} if isinstance(expected, str) else expected
        seen = {
            "outcome": told.outcome,
            "guard": told.guard,
            "match": str(told.match),
            "notices": list(told.notices),
            "satisfied_by": told.satisfied_by,
            "number": told.number,
            "frees": list(decision.frees),
            "by_guard": decision.guard,
            "shares": [str(thing) for thing in told.shares],
            "waiver": told.waiver,
            "amount": None if told.amount is None else f"{told.amount.minor} {told.amount.currency}",
        }
        assert {key: seen[key] for key in expected} == expected, f"{case.slug}: ask {number}, {ask.action}"
        if expected["outcome"] == "UNKNOWN":
            assert told == UNKNOWN, "everybody who may not ask gets the same answer"
        if ask.action.disposes:
            assert "bank" not in told.satisfied_by.lower()
    return world


def look(case: Case, world: World) -> None:
    """Compare what is seen afterwards with what the story says."""
    for financing, expected in case.then.items():
        as_of = micros(expected["as_of"])
        known = micros(expected["known_at"]) if "known_at" in expected else as_of
        bank = financing.partition("/")[0]
        seen = world.status(financing, bank, as_of, known)
        if expected.get("stage") is None and "stage" in expected:
            assert seen is None
            continue
        assert seen is not None
        shown: dict[str, Any] = {
            "stage": str(seen.stage),
            "drawn": str(seen.drawn.minor),
            "outstanding": str(seen.outstanding.minor),
            "alerts": sorted({alert.covenant for alert in seen.alerts}),
            "about": sorted(f"{alert.covenant} {alert.about}" for alert in seen.alerts),
            "acknowledged": sorted({a.covenant for a in seen.alerts if a.acknowledged is not None}),
            "blocks_release": seen.blocks_release,
            "control": sorted({str(control.state) for control in seen.control}),
            "registers": [entry.number for entry in seen.registrations],
            "value": None if seen.value.value is None else str(seen.value.value.minor),
            "assurance": {
                fact.milestone.removeprefix("cre.").rsplit(".", 1)[0]: [
                    fact.assurance.name,
                    fact.publisher_count,
                ]
                for fact in seen.corroboration
            },
        }
        for key in expected.keys() - {"as_of", "known_at"}:
            assert shown[key] == expected[key], f"{case.slug}: {financing} {key}"
        others = {"abank", "bbank"} - {bank}
        assert all(world.status(financing, other, as_of, known) is None for other in others)


@every
def test_it_ends_as_written(case: Case) -> None:
    look(case, play(case))


@every
def test_a_financing_stands_alone_as_it_stands_among_all(case: Case) -> None:
    world = play(case)
    for financing, hold in lifecycle.holds(world.decisions).items():
        own = [r for r in world.decisions if r.financing == financing or financing in r.frees]
        assert lifecycle.holds(own)[financing] == hold


@every
def test_facts_may_arrive_in_any_order(case: Case) -> None:
    world = play(case)
    end = max(
        [micros(written["at"]) for written in case.asks] + [micros(e["as_of"]) for e in case.then.values()]
    )
    seen = {f: world.status(f, f.partition("/")[0], end) for f in world.cargo}
    for seed in range(5):
        heard = list(case.heard())
        random.Random(seed).shuffle(heard)
        world.heard = [*heard, *heard[: len(heard) // 3]]  # and some arrive twice
        assert {f: world.status(f, f.partition("/")[0], end) for f in world.cargo} == seen


@every
def test_a_repeated_request_gets_the_same_answer_and_decides_nothing(case: Case) -> None:
    world = World(heard=case.heard())
    for number in range(len(case.asks)):
        ask, at, on = case.ask(number)
        _, told = world.ask(ask, at, on)
        decided = len(world.decisions)
        _, again = world.ask(ask, at + 1_000_000, on)
        assert len(world.decisions) == decided
        assert again == told or told.guard == "IDEMPOTENCY_KEY_UNUSED"


def test_every_guard_and_action_is_told_about() -> None:
    told = {case.asks[number]["do"] for case in CASES for number in range(len(case.asks))}
    assert told == {str(action) for action in Action}
