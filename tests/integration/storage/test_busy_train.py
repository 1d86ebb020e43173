"""A train that says every minute where it is: what is read of it is bounded by the places that it passes, and right."""

from __future__ import annotations

import random
from collections.abc import Sequence

import psycopg
import pytest

from schemas.events.base import ObjectKind
from services.domain.derive import derive
from services.domain.facts import FOREVER, LinkKind
from services.domain.head import RUNNING
from services.ledger.storage import event_reader
from services.ledger.storage.batch import Event
from tests.support.storage.comparison import assert_readers_see_enough
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

MINUTE = HOUR // 60
MOMENTS = (2 * HOUR - 1, 2 * HOUR, 60 * HOUR, 61 * HOUR + 1, FOREVER)
PLACES = ("railnet:dostyk", "railnet:alashankou", "railnet:horgos", "railnet:altynkol", "railnet:zabaikalsk")


def at(event: Event, place: str) -> Event:
    """The event, a claim, about another place."""
    (claim,) = event.facts.claims
    return event._replace(facts=event.facts._replace(claims=frozenset({claim._replace(place=place)})))


def aboard(t: Teller) -> list[Event]:
    """A box on a wagon on a train, for four days, and on another train from then on."""
    wagon, trains = t.thing(ObjectKind.WAGON, "w"), [t.thing(ObjectKind.TRAIN, name) for name in ("t", "u")]
    return [
        t.founding(t.cons(), names=("railway",)),
        t.link(LinkKind.CONTAINER_CARRIES, t.box(), t.cons()),
        t.link(LinkKind.WAGON_CARRIES, wagon, t.box(), HOUR),
        t.link(LinkKind.TRAIN_CARRIES, trains[0], wagon, 2 * HOUR),
        t.link(LinkKind.TRAIN_CARRIES, trains[1], wagon, 60 * HOUR),
    ]


def loaded(pair: Pair, t: Teller, as_of: int | None) -> list[event_reader.Stored]:
    with psycopg.connect(pair.dsn) as session:
        return event_reader.load_facts(session, [t.cons().id], as_of)


def apply(pair: Pair, events: Sequence[Event]) -> None:
    for start in range(0, len(events), 1_000):
        pair.apply(0, events[start : start + 1_000])


def test_thousands_of_positions_are_read_as_often_as_there_are_places(pair: Pair, teller: Teller) -> None:
    t = teller
    before = aboard(t)
    t.told, train = [], t.thing(ObjectKind.TRAIN, "t")
    running = [
        at(
            t.claim(train, n * MINUTE, RUNNING, publisher="railway", published=n),
            PLACES[n // 100 % len(PLACES)],
        )
        for n in range(5_000)
    ]
    departed = t.claim(train, 3 * HOUR, 300, publisher="railway")
    t.told = [*before, *running, departed]
    apply(pair, t.told)
    pair.settle()
    reached = 3_600 - 120 + 1  # from the second hour to the sixtieth
    assert len(loaded(pair, t, None)) > reached
    for as_of in (FOREVER, 50 * HOUR):
        # Each place before and after the links' times and the moment, and what is not a running position.
        few = loaded(pair, t, as_of)
        assert len(few) <= len(before) + 1 + 3 * len(PLACES)
    facts = t.facts
    view = derive(facts, t.cons(), 50 * HOUR)
    assert view is not None
    assert view.movement is not None
    assert view.movement.claim.happened == 50 * HOUR
    assert_readers_see_enough(pair.dsn, t.told, [t.cons()], MOMENTS)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_left_out_changes_nothing_else(pair: Pair, teller: Teller, seed: int) -> None:
    """Positions out of order, at the edges of links, taken back and given again, of several publishers and objects."""
    t, rng = teller, random.Random(seed)
    before = aboard(t)
    t.told, told = [], []
    things = [
        t.thing(ObjectKind.TRAIN, "t"),
        t.thing(ObjectKind.TRAIN, "u"),
        t.thing(ObjectKind.WAGON, "w"),
        t.box(),
    ]
    edges = [HOUR, 2 * HOUR, 60 * HOUR, 61 * HOUR, 100 * HOUR]
    for n in range(60):
        moment = rng.choice(edges) + rng.choice((-1, 0, 1, HOUR))
        publisher = rng.choice(("railway", "founder", "stranger"))
        said = t.claim(rng.choice(things[:2] * 3 + things), moment, rng.choice((RUNNING, RUNNING, RUNNING, 300)),
                       publisher=publisher, published=rng.randrange(40))  # fmt: skip
        told.append(at(said, rng.choice(PLACES[:2])))
        if n % 7 == 0:
            id_, again = t.id(f"back {n}"), t.id(f"again {n}")
            told.append(t.retraction(said.id, publisher=publisher, id_=id_))
            if n % 2:
                told.append(t.retraction(id_, publisher=publisher, id_=again))
                told.append(t.retraction(again, publisher=publisher, id_=t.id(f"cycle {n}")))
        if n % 7 == 3:  # whoever equivocates takes nothing back, and is shown with what he meant to take back
            meant, twice = t.claim(things[0], 3 * HOUR, RUNNING, published=n), t.id(f"twice {n}")
            told.append(meant)
            told += [t.retraction(target, id_=twice) for target in (meant.id, t.id(f"something else {n}"))]
    t.told = [*before, *told]
    apply(pair, rng.sample(t.told, len(t.told)))
    pair.settle()
    with psycopg.connect(pair.dsn) as session:
        for as_of in MOMENTS:
            every, few = (
                {e.id for e in event_reader.load_facts(session, [t.cons().id], m)} for m in (None, as_of)
            )
            assert few <= every
    assert len(few) < len(every)
    assert_readers_see_enough(pair.dsn, t.told, [t.cons()], MOMENTS)
