"""When an idle worker settles, and what may keep it from doing so."""

from __future__ import annotations

import psycopg
import pytest

from services.domain.facts import LinkKind
from services.ledger.storage import event_reader, points
from tests.support.storage.comparison import assert_equal_to_core
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair, Pausing, start

pytestmark = pytest.mark.integration


def test_ticks_settle_a_change_where_nobody_else_writes(pair: Pair, teller: Teller) -> None:
    """The first marks, a later one settles: at once, unless another database of the server is being written to."""
    pair.apply(0, [teller.founding(teller.cons())])
    with psycopg.connect(pair.dsn) as session:
        assert event_reader.unsettled(session) == 1
    assert pair.writers[1].tick().settled == 0
    assert pair.writers[1].pending() == 1
    settled = [pair.writers[1].tick().settled for _ in range(50)]
    assert sum(settled) == 1
    assert pair.writers[1].pending() == 0


def test_events_without_structure_leave_nothing_to_settle(pair: Pair, teller: Teller) -> None:
    pair.apply(0, [teller.claim(teller.box(), HOUR), teller.claim(teller.note(), HOUR, 2000)])
    assert pair.writers[0].pending() == 0


def test_a_tick_with_nothing_to_do_takes_no_transaction_id(pair: Pair) -> None:
    """Ids are few and each is written to disk; an idle worker must not use them up."""

    def next_id() -> int:
        return int(pair.value("SELECT pg_snapshot_xmax(pg_current_snapshot())::text"))

    spent = []
    for _ in range(20):  # another database of the server may be written to meanwhile
        before = next_id()
        pair.writers[0].tick()
        spent.append(next_id() - before)
    assert 0 in spent


def test_a_busy_worker_settles_with_its_batches(pair: Pair, teller: Teller) -> None:
    pair.apply(0, [teller.founding(teller.cons())])
    settled = [pair.apply(0, [teller.claim(teller.box(), n * HOUR)]).settled for n in range(50)]
    assert settled[0] == 0
    assert sum(settled) == 1


def test_a_frozen_transaction_is_ended_by_an_idle_worker_and_all_settles(pair: Pair, teller: Teller) -> None:
    """It holds nothing that anybody waits for; but nothing can settle while it may have missed a change."""
    pausing = Pausing("frozen", "before_commit")
    points.install(pausing)
    running = start("frozen", lambda: pair.apply(0, [teller.claim(teller.box(), HOUR)]))
    assert pausing.reached.wait(30)
    told = teller.told.pop()
    pair.apply(1, [teller.founding(teller.cons())])
    pair.apply(1, [teller.link(LinkKind.CONTAINER_CARRIES, teller.box(), teller.cons())])
    for _ in range(3):
        pair.writers[1].tick()
    assert pair.writers[1].pending()
    running.thread.join(2.5)
    for _ in range(50):
        pair.writers[1].tick()
    assert not pair.writers[1].pending()
    pausing.go_on.set()
    with pytest.raises(psycopg.OperationalError):
        running.join()
    pair.close()
    assert_equal_to_core(pair.dsn, teller.facts, [teller.cons()], [])
    assert told not in teller.told
