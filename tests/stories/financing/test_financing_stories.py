"""Every financing story ends as written, in memory and in a database, and facts may arrive in any order without changing what is seen at the end."""

from __future__ import annotations

import random
from typing import Any

import pytest

from services.financing.domain import lifecycle
from services.financing.domain.decisions import Action
from services.financing.domain.requests import UNKNOWN
from tests.support.financing.platform import Platform, asked
from tests.support.financing.stories import Case, cases, micros
from tests.support.financing.world import World

from .conftest import Begin

CASES = cases()
every = pytest.mark.parametrize("case", CASES, ids=[case.slug for case in CASES])


def play(case: Case, world: Platform) -> None:
    """Ask everything in order, each twice, and compare the answers with what the story expects."""
    numbers: list[int] = []
    for number, written in enumerate(case.asks):
        ask, at, on = asked(case, number, numbers)
        decision, told = world.ask(ask, at, on)
        if decision.number not in numbers:
            numbers.append(decision.number)
        expected = written["expect"]
        expected = {"outcome": expected} if isinstance(expected, str) else expected
        seen = {
            "outcome": told.outcome,
            "guard": told.guard,
            "match": str(told.match),
            "notices": list(told.notices),
            "satisfied_by": told.satisfied_by,
            "number": None if told.number is None else numbers.index(told.number) + 1,
            "frees": list(decision.frees),
            "by_guard": decision.guard,
            "shares": [str(thing) for thing in told.shares],
            "waiver": told.waiver,
            "goods": [str(thing) for thing in told.goods],
            "reviewers": list(decision.reviewers),
            "resembles": [f"{each.kind} {' '.join(each.features)}" for each in told.resembles],
            "amount": None if told.amount is None else f"{told.amount.minor} {told.amount.currency}",
        }
        assert {key: seen[key] for key in expected} == expected, f"{case.slug}: ask {number}, {ask.action}"
        if expected["outcome"] == "UNKNOWN":
            assert told == UNKNOWN, "everybody who may not ask gets the same answer"
        if ask.action.disposes:
            assert "bank" not in told.satisfied_by.lower()
        decided = world.decided()
        _, again = world.ask(ask, at + 1_000_000, on)
        assert world.decided() == decided, "a repeated request decides nothing"
        other_key = told.guard == "IDEMPOTENCY_KEY_UNUSED"
        assert again == told or (other_key and again._replace(number=told.number) == told)


def look(case: Case, world: Platform) -> None:
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
            "moved_to": sorted({to for alert in seen.alerts for to in alert.moved_to}),
            "acknowledged": sorted({a.covenant for a in seen.alerts if a.acknowledged is not None}),
            "blocks_release": seen.blocks_release,
            "released": [str(thing) for thing in seen.given_back],
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
def test_it_ends_as_written(case: Case, begin: Begin) -> None:
    world = begin(case)
    play(case, world)
    look(case, world)


@every
def test_a_financing_stands_alone_as_it_stands_among_all(case: Case) -> None:
    world = World(heard=case.heard())
    play(case, world)
    for financing, hold in lifecycle.holds(world.decisions).items():
        own = [r for r in world.decisions if r.financing == financing or financing in r.frees]
        assert lifecycle.holds(own)[financing] == hold


@every
def test_facts_may_arrive_in_any_order(case: Case) -> None:
    world = World(heard=case.heard(), judged=case.judged)
    play(case, world)
    end = max(
        [micros(written["at"]) for written in case.asks] + [micros(e["as_of"]) for e in case.then.values()]
    )
    seen = {f: world.status(f, f.partition("/")[0], end) for f in world.cargo}
    for seed in range(5):
        heard = list(case.heard())
        random.Random(seed).shuffle(heard)
        world.heard = [*heard, *heard[: len(heard) // 3]]  # and some arrive twice
        assert {f: world.status(f, f.partition("/")[0], end) for f in world.cargo} == seen


def test_every_guard_and_action_is_told_about() -> None:
    told = {case.asks[number]["do"] for case in CASES for number in range(len(case.asks))}
    assert told == {str(action) for action in Action}
