"""Who assigns what to which consignment: drawn at random, the database decides as the core does with all facts at hand."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from tests.support.financing.stored_world import Stored, checked, events_of
from tests.support.financing.stories import Case, cases
from tests.support.financing.world import World
from tests.support.profile import SEED, rounds

pytestmark = [pytest.mark.integration, pytest.mark.randomised]
BASE: Case = next(case for case in cases() if case.slug.startswith("01_"))
FOUNDERS = ("xaport", "silk", "dunkel", "xaport", "silk")
BOXES = ("CSQU3054383", "TCLU4581200", "TGHU3000017")
PLACE = "xian-intl-port"
COMPARED = ("outcome", "guard", "satisfied_by", "shares", "frees")


def note(number: int) -> str:
    return f"SMGS/CN/XAY/30000{number}/2026"


def drawn(draw: random.Random) -> Case:
    """Consignments of several founders that name some of the same boxes, notes, bookings and declarations; and what carriers say."""
    keys = [f"{founder}/C-{number}" for number, founder in enumerate(FOUNDERS)]
    numbers = range(len(keys))
    events: list[dict[str, Any]] = []

    late_too = False

    def tell(by: str, type_: str, **says: Any) -> str:
        name = f"e-{len(events)}"
        early = f"2026-03-01T0{draw.randrange(1, 8)}:{draw.randrange(10, 60)}+08:00"
        late = f"2026-03-02T1{draw.randrange(5)}:{draw.randrange(10, 60)}+08:00"
        at = late if late_too and draw.random() < 0.5 else early
        events.append({"id": name, "by": by, "at": at, "type": type_, "says": says})
        return name

    def any_of(things: Any) -> Any:
        return draw.choice(list(things))

    def some(things: Any, most: int = 2) -> list[Any]:
        known = list(things)
        return draw.sample(known, min(len(known), draw.randrange(most + 1)))

    def when() -> dict[str, str]:
        first = draw.randrange(1, 20)
        return {
            "from": f"2026-02-{first:02}T00:00:00Z",
            **(
                {"to": f"2026-02-{draw.randrange(first + 1, 29):02}T00:00:00Z"} if draw.random() < 0.2 else {}
            ),
        }

    for number, founder in enumerate(FOUNDERS):
        parties: list[dict[str, str]] = [{"ruhr": "consignee"}]
        parties += [{"cr": "railway"}] if draw.random() < 0.5 else []
        parties += [{any_of(FOUNDERS): "operator"}] if draw.random() < 0.3 else []
        tell(
            founder, "link.consignment_opened", reference=f"C-{number}", notes=[note(number)], parties=parties,
            containers=some(BOXES), bookings=some(["xaport/B-1", "silk/B-2"], 1), shared=draw.random() < 0.2, **when(),
        )  # fmt: skip
        says = {"reference": f"AP-{number}", "objects": f"consignment {keys[number]}", "interest": "GOODS"}
        apply = {
            **next(e for e in BASE.events if e["id"] == "apply-a")["says"],
            **says,
            "product": "IMPORT_LC",
        }
        for bank in ("abank", "bbank"):
            tell("ruhr", "finance.applied", **{**apply, "bank": bank, "reference": f"AP-{number}-{bank}"})
    late_too = True
    linked = []
    for _ in range(draw.randrange(6)):
        by, goal = (
            any_of((*FOUNDERS, "cr", "ktz")),
            any_of([*(f"consignment {k}" for k in keys), "booking xaport/B-1"]),
        )
        linked.append(
            any_of(
                (
                    lambda by=by, goal=goal: tell(by, "link.containers_assigned", containers=[any_of(BOXES)], carries=[goal], shared=draw.random() < 0.2, **when()),
                    lambda by=by, goal=goal: tell(by, "link.note_covers", note=note(any_of(numbers)), covers=[goal], **when()),
                    lambda by=by: tell(by, "link.declaration_covers", declaration="CN/530120260112345678", notes=[note(any_of(numbers))], **when()),
                )
            )()
        )  # fmt: skip
    for _ in range(draw.randrange(5)):
        named = [f"container {box}" for box in some(BOXES)]
        named += [f"note {note(number)}" for number in some(numbers)]
        named += [f"consignment {key}" for key in some(keys, 1)]
        if named:
            at = f"2026-02-{draw.randrange(1, 29):02}T00:00:00Z"
            tell(
                any_of(("cr", "cr", "ktz", "dit")),
                "movement.loaded_on_wagon",
                objects=named,
                place=PLACE,
                happened=at,
            )
    for name in some(linked, 1):
        (event,) = (each for each in events if each["id"] == name)
        tell(event["by"], "correction.retracted", of=name)
    if draw.random() < 0.2:
        tell("xaport", "link.consignments_same", consignments=[keys[0], keys[3]])
    asks = []
    papers = {}
    for place, number in enumerate(draw.sample(list(numbers), len(keys))):
        papers[f"p-{number}"] = {"notes": [{"key": note(number)}], "consignments": [keys[number]]}
        bank = any_of(("abank", "bbank"))
        asks.append(
            {
                "do": "RESERVE", "by": bank, "at": f"2026-03-02T1{place}:00+08:00", "for": f"R-{number}",
                "application": f"ruhr/AP-{number}-{bank}", "papers": f"p-{number}", "expect": "DONE",
            }
        )  # fmt: skip
    return replace(
        BASE,
        story=replace(BASE.story, events=tuple(events)),
        papers=papers,
        asks=tuple(asks),
        then={},
        _written=tuple(events),
    )


@pytest.mark.parametrize("seed", range(rounds(12, 100)))
def test_the_database_decides_as_the_core(dsn: str, seed: int) -> None:
    case = drawn(random.Random(SEED + seed))
    world, stored = World(heard=case.heard()), Stored(dsn, events_of(case))
    stored.begin()
    for number in range(len(case.asks)):
        ask, at, on = case.ask(number)
        expected, _ = world.ask(ask, at, on)
        decision, _ = stored.ask(ask, at, on)
        assert [getattr(decision, name) for name in COMPARED] == [
            getattr(expected, name) for name in COMPARED
        ]
    report = checked(stored.session)
    assert report.findings == ()
    stored.close()
