"""Readers by position: they see every event once, in an order that never changes behind them."""

from __future__ import annotations

import psycopg
import pytest

from services.ledger.storage import event_reader, points
from services.ledger.storage.event_reader import Position
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair, Pausing, start

pytestmark = pytest.mark.integration


def here(dsn: str) -> Position:
    with psycopg.connect(dsn) as session:
        position = event_reader.before_last(session, 0)
        while True:
            stored, position = event_reader.tail(session, position, 1_000)
            if not stored:
                return position


def test_a_reader_does_not_pass_a_transaction_that_is_still_open(pair: Pair, teller: Teller) -> None:
    """The later number is committed first; a reader by number or by time would never see the earlier one."""
    # The first transaction of a database stores the topic's number, for which the second would wait.
    pair.apply(0, [teller.claim(teller.box(), HOUR)])
    pair.settle()
    begin = here(pair.dsn)
    slow, fast = teller.claim(teller.box(), HOUR), teller.claim(teller.box(), 2 * HOUR)
    pausing = Pausing("slow", "before_commit")
    points.install(pausing)
    running = start("slow", lambda: pair.apply(0, [slow]))
    assert pausing.reached.wait(30)
    pair.apply(1, [fast])
    with psycopg.connect(pair.dsn) as session:
        early, position = event_reader.tail(session, begin, 100)
        assert event_reader.visible_batches(session, begin, 100) == []
    assert early == []
    pausing.go_on.set()
    running.join()
    points.install(None)
    with psycopg.connect(pair.dsn) as session:
        stored, _ = event_reader.tail(session, position, 100)
    assert [e.id for e in stored] == [slow.id, fast.id]


def test_the_tail_goes_on_inside_a_batch(pair: Pair, teller: Teller) -> None:
    begin = here(pair.dsn)
    events = [teller.claim(teller.box(), n * HOUR) for n in range(5)]
    pair.apply(0, events[:3])
    pair.apply(1, events[3:])
    seen, position = [], begin
    with psycopg.connect(pair.dsn) as session:
        while True:
            stored, position = event_reader.tail(session, position, 2)
            if not stored:
                break
            seen += [e.id for e in stored]
        last = event_reader.before_last(session, 4)
        assert [e.id for e in event_reader.tail(session, last, 10)[0]] == [e.id for e in events[1:]]
    assert seen == [e.id for e in events]


def test_an_event_comes_back_as_it_was_published(pair: Pair, teller: Teller) -> None:
    event = teller.claim(teller.box(), HOUR, key_id="0123456789abcdef")
    pair.apply(1, [event])
    with psycopg.connect(pair.dsn) as session:
        (stored,) = event_reader.events_by_id(session, [event.id])
    record = event.record
    assert (stored.topic, stored.offset, stored.append_us) == (record.topic, record.offset, record.appended)
    assert (stored.headers, stored.payload) == (list(record.headers), event.payload)
    assert (stored.id, stored.content, stored.key_id) == (event.id, event.content, "0123456789abcdef")
    assert (stored.registry_version, stored.rule_version) == (event.registry, event.rules)
