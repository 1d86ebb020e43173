"""Consignments merged, split, pledged and moved at random: the platform in memory and the one in a database decide alike."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.support.financing.platform import DECIDED
from tests.support.financing.stored_world import Stored, events_of
from tests.support.financing.stories import Case, cases
from tests.support.financing.world import World
from tests.support.profile import rounds

pytestmark = [pytest.mark.integration, pytest.mark.randomised]
BASE: Case = next(case for case in cases() if case.slug.startswith("24_"))
NAMES = ("xaport/XA-1", "xaport/XA-2", "xaport/XA-3")
BOXES = ("CSQU3054383", "MSKU0000006", "MSCU0000003")
RESERVED = {
    "GD-1": ("abank", "optic/AP-GA", "deal"),
    "GD-2": ("abank", "textil/T-1", "textiles"),
    "GD-3": ("bbank", "toys/Y-1", "toys"),
}


def moment(minute: int) -> str:
    return f"2026-03-{2 + minute // 1_000:02}T{minute % 1_000 // 60 + 4:02}:{minute % 60:02}Z"


def drawn(seed: int) -> Case:
    """A story in which links are made, ended and taken back between requests."""
    draw = random.Random(seed)
    events: list[dict[str, Any]] = []
    asks: list[dict[str, Any]] = []
    minute = 0
    for _ in range(draw.randint(6, 14)):
        minute += draw.choice((1, 7, 40, 300))
        at, of = moment(minute), [event["id"] for event in events if "correction" not in event["type"]]
        by, type_ = "xaport", "link.consignments_same"
        match draw.randrange(5):
            case 0:
                says: dict[str, Any] = {"consignments": draw.sample(NAMES, 2)}
            case 1 | 2 if of:
                type_, says = "correction.retracted", {"of": draw.choice([*of, "open-2", "open-3"])}
            case 3:
                carries = [f"consignment {draw.choice(NAMES)}"]
                type_ = "link.containers_assigned"
                says = {
                    "containers": [draw.choice(BOXES)],
                    "carries": carries,
                    "shared": draw.random() < 0.5,
                }
            case _:
                by, type_ = "silk", "link.consignment_opened"
                says = {"reference": f"SK-{minute}", "containers": [draw.choice(BOXES)]}
        events.append({"id": f"e{minute}", "by": by, "at": at, "type": type_, "says": says})
    for name, (bank, application, papers) in RESERVED.items():
        reserve = {"do": "RESERVE", "for": name, "application": application, "papers": papers}
        for share, ask, since, until in (
            (0.8, reserve, 0, 60),
            (0.9, {"do": "PLEDGE", "for": name}, 60, 900),
            (0.4, {"do": "RELEASE", "for": name}, 900, 4_000),
        ):
            if draw.random() < share:
                asks.append({**ask, "by": bank, "at": moment(draw.randrange(since, until))})
    founded = [f"silk/{e['says']['reference']}" for e in events if e["type"] == "link.consignment_opened"]
    named = (*NAMES, *founded, *(f"container {box}" for box in BOXES))
    for _ in range(8):
        ask = {
            "do": draw.choice(("RELEASE_ORDER", "TRANSFER")),
            "by": draw.choice(("xaport", "silk", "silk")),
        }
        cargo = draw.sample(named, draw.choice((1, 1, 1, 2)))
        asks.append({**ask, "at": moment(draw.randrange(30, 4_000)), "cargo": cargo})
    asks.sort(key=lambda ask: ask["at"])
    kept = (*BASE.events[:-1], *events)
    shown = tuple({k: v for k, v in e.items() if k != "known"} for e in kept)
    return replace(
        BASE, slug=f"drawn-{seed}", story=replace(BASE.story, events=shown), asks=tuple(asks), _written=kept
    )


@pytest.mark.parametrize("seed", range(rounds(12, 45)))
def test_both_decide_alike(dsn: str, seed: int) -> None:
    case = drawn(seed)
    world, stored = World(heard=case.heard()), Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        ask, at, on = case.ask(number)
        expected, _ = world.ask(ask, at, on)
        decision, _ = stored.ask(ask, at, on)
        mine = {name: getattr(expected, name) for name in DECIDED}
        assert {name: getattr(decision, name) for name in DECIDED} == mine, case.asks[number]
    stored.close()
