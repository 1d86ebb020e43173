"""A train number that runs again every day: each run is a train of its own in heads, in what is read and in what is checked."""

from __future__ import annotations

import psycopg
import pytest

from schemas.events.base import ObjectKind
from schemas.events.keys import canonical_key
from services.domain.facts import LinkKind
from services.domain.objects import Thing
from services.ledger.storage import event_reader
from services.query.identifiers import candidates
from tests.support.storage.comparison import assert_equal_to_core, stored_trains
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

DAY = 24 * HOUR
DEPARTED, ARRIVED, HELD = 300, 301, 370


def train(t: Teller, *rest: str) -> Thing:
    return Thing(ObjectKind.TRAIN, canonical_key(ObjectKind.TRAIN, "/".join(("cr", t.name, *rest))))


def test_two_runs_of_one_number_and_the_bare_number_are_three_trains(pair: Pair, teller: Teller) -> None:
    t, origin = teller, "railnet:xian-intl-port"
    runs = [train(t, f"2026-03-0{day}", origin) for day in (2, 3)]
    bare = train(t)
    for number, run in enumerate(runs):
        start = number * DAY
        wagon = t.thing(ObjectKind.WAGON, f"w{number}")
        t.founding(t.cons(f"c{number}"), names=("railway",))
        t.link(LinkKind.CONTAINER_CARRIES, t.box(f"k{number}"), t.cons(f"c{number}"), start)
        t.link(LinkKind.WAGON_CARRIES, wagon, t.box(f"k{number}"), start)
        t.link(LinkKind.TRAIN_CARRIES, run, wagon, start)
        t.claim(run, start + HOUR, DEPARTED)
    held = t.claim(runs[0], DAY + 2 * HOUR, HELD)
    strange = t.claim(bare, DAY + 3 * HOUR, ARRIVED)
    for number, event in enumerate(t.told):
        pair.apply(number % 2, [event])
    pair.settle()
    with psycopg.connect(pair.dsn) as session:
        heads = stored_trains(session, [*runs, bare])
        first, second, unnamed = (heads[each.id] for each in (*runs, bare))
        assert [first[0][:2], second[0][:2]] == [(HOUR, DEPARTED), (DAY + HOUR, DEPARTED)]
        assert [first[2], second[2]] == [1, 0], "one run is held, the other is not"
        assert unnamed[0][:2] == (DAY + 3 * HOUR, ARRIVED), "kept under its own name, and no run's"
        for number, run in enumerate(runs):
            written = f"CR/{t.name}/2026-03-0{number + 2}/telecode:xay"
            assert candidates(written)[0] == run, "however the origin is written"
            assert list(event_reader.consignments_of(session, run.kind, run.key)) == [t.cons(f"c{number}").id]
            loaded = {event.id for event in event_reader.load_facts(session, [t.cons(f"c{number}").id])}
            assert (held.id in loaded) is (number == 0)
            assert strange.id not in loaded
        assert list(event_reader.consignments_of(session, bare.kind, bare.key)) == []
    consignments = [t.cons(f"c{number}") for number in range(2)]
    assert_equal_to_core(pair.dsn, t.facts, consignments, [*runs, bare])
