"""What a key signed after it stopped counting is as if it had never been accepted, whichever came first."""

from __future__ import annotations

import psycopg
import pytest

from services.domain.facts import Facts, LinkKind
from services.ledger.storage import event_reader
from services.ledger.storage.batch import Event
from services.ledger.storage.operations import apply_one, quarantine
from tests.support.storage.comparison import assert_equal_to_core, core_heads, stored_heads
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration


def key_of(name: str) -> str:
    import hashlib

    return hashlib.sha256(name.encode()).hexdigest()[:16]


def of_key(event: Event, key_id: str, append_ms: int = 1_800_000_000_000) -> Event:
    return event._replace(key_id=key_id, record=event.record._replace(append_ms=append_ms))


def put_aside(pair: Pair, key_id: str, from_micros: int = 0) -> int:
    with psycopg.connect(pair.dsn) as session:
        session.execute("SELECT version FROM lianyun.registry_version FOR UPDATE")
        return quarantine(session, key_id, from_micros)


def heads_without(pair: Pair, teller: Teller, aside: set[bytes]) -> None:
    pair.settle()
    facts = Facts.union(e.facts for e in teller.told if e.content not in aside)
    with psycopg.connect(pair.dsn) as session:
        stored = stored_heads(session, [teller.cons().id])
    assert stored == core_heads(facts, [teller.cons()])


def test_claims_links_and_withdrawals_of_the_key_stop_counting(pair: Pair, teller: Teller) -> None:
    stolen = key_of(teller.name)
    good = [teller.founding(teller.cons()), teller.claim(teller.cons(), HOUR)]
    bad = [
        teller.claim(teller.cons(), 5 * HOUR, 500),
        teller.link(LinkKind.CONTAINER_CARRIES, teller.box(), teller.cons()),
        teller.retraction(good[1].id),
    ]
    bad = [of_key(event, stolen) for event in bad]
    pair.apply(0, [*good, *bad])
    heads_without(pair, teller, set())
    assert put_aside(pair, stolen) == 3
    heads_without(pair, teller, {event.content for event in bad})
    assert put_aside(pair, stolen) == 0


def test_what_was_appended_before_the_moment_stays(pair: Pair, teller: Teller) -> None:
    key = key_of(teller.name)
    early = of_key(teller.claim(teller.cons(), HOUR), key, 1_000)
    late = of_key(teller.claim(teller.cons(), 2 * HOUR, 500), key, 2_000)
    pair.apply(0, [teller.founding(teller.cons()), early, late])
    assert put_aside(pair, key, 1_500_000) == 1
    heads_without(pair, teller, {late.content})


@pytest.mark.parametrize("stolen_first", [True, False])
def test_a_stolen_second_content_makes_no_equivocation(
    pair: Pair, teller: Teller, stolen_first: bool
) -> None:
    stolen, id_ = key_of(teller.name), teller.id("same")
    honest = teller.claim(teller.cons(), HOUR, id_=id_)
    forged = of_key(teller.claim(teller.cons(), 2 * HOUR, 500, id_=id_), stolen)
    order = [forged, honest] if stolen_first else [honest, forged]
    pair.apply(0, [teller.founding(teller.cons())])
    for event in order:
        pair.apply(1, [event])
    heads_without(pair, teller, set())  # both: none counts
    assert put_aside(pair, stolen) == 1
    heads_without(pair, teller, {forged.content})
    with psycopg.connect(pair.dsn) as session:
        found = {e.content: e.quarantined for e in event_reader.events_by_id(session, [id_])}
    assert found == {honest.content: False, forged.content: True}


def test_an_event_is_applied_alone_in_a_transaction_of_others(pair: Pair, teller: Teller) -> None:
    """As a redrive does; and told again it is a duplicate."""
    pair.apply(0, [teller.founding(teller.cons())])
    events = [
        teller.link(LinkKind.CONTAINER_CARRIES, teller.box(), teller.cons()),
        teller.claim(teller.box(), HOUR),
        teller.retraction(teller.id("unknown")),
    ]
    with psycopg.connect(pair.dsn) as session:
        applied = [apply_one(session, event._replace(registry=pair.registry)) for event in events]
        again = apply_one(session, events[0]._replace(registry=pair.registry))
    assert [a.new for a in applied] == [1, 1, 1]
    assert (again.new, again.duplicates) == (0, 1)
    pair.settle()
    assert_equal_to_core(pair.dsn, teller.facts, [teller.cons()], [])
