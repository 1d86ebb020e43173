"""Rows that two workers touch are taken in one order, table by table; in two orders the workers deadlock.

Every row of the table in question takes a while, and both workers begin at the same moment. With the order taken
away from one of them (``turned``) each case deadlocks, so the order is what keeps it from doing so.
"""

from __future__ import annotations

import builtins
import contextlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import psycopg
import pytest

from schemas.events.base import ObjectKind
from services.domain.facts import LinkKind
from services.ledger.storage import batch_transaction, statement, structure, work, writer
from services.ledger.storage import claims as partition_claims
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.errors import Fenced
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair, start

pytestmark = pytest.mark.integration

ROWS = 5
SLOW = """
CREATE OR REPLACE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN PERFORM pg_sleep(0.06); RETURN coalesce(NEW, OLD); END $$;
CREATE TRIGGER slowly BEFORE {when} ON {table} FOR EACH ROW EXECUTE FUNCTION slowly()
"""
TURNED = "right"
"""The thread from which the order is taken away."""

Told = tuple[list[Event], list[Event], list[Event]]


@dataclass(frozen=True)
class Case:
    """A table, what is told before, by the left and by the right worker, and where its order comes from."""

    table: str
    order: ModuleType | str  # the module that sorts, or the statement that does
    tell: Callable[[Teller], Told]
    when: str = "INSERT"


def _new_words(t: Teller) -> Told:
    each = [
        [t.claim(t.box(f"{side}{n}"), HOUR, publisher=f"{t.name}-{n}") for n in range(ROWS)] for side in "lr"
    ]
    return [], each[0], each[1]


def _the_same_events(t: Teller) -> Told:
    events = [t.claim(t.box(str(n)), HOUR) for n in range(ROWS)]
    return [], events, events


def _boxes_that_move_on(t: Teller) -> Told:
    def moves(start: int) -> list[Event]:
        return [t.link(LinkKind.CONTAINER_CARRIES, t.box(str(n)), t.cons(), start) for n in range(ROWS)]

    return moves(0), moves(HOUR), moves(2 * HOUR)


def _the_same_trains(t: Teller) -> Told:
    def passing(hour: int) -> list[Event]:
        return [t.claim(t.thing(ObjectKind.TRAIN, str(n)), hour * HOUR) for n in range(ROWS)]

    return [], passing(1), passing(2)


def _boxes_of_the_same_consignments(t: Teller) -> Told:
    def carried(side: str) -> list[Event]:
        return [
            t.link(LinkKind.CONTAINER_CARRIES, t.box(f"{side}{n}"), t.cons(str(n)), HOUR) for n in range(ROWS)
        ]

    return [t.founding(t.cons(str(n))) for n in range(ROWS)], carried("l"), carried("r")


def _the_same_groups(t: Teller) -> Told:
    def same() -> list[Event]:
        return [t.link(LinkKind.SAME_CONSIGNMENT, t.cons(f"d{n}"), t.cons(f"c{n}")) for n in range(ROWS)]

    return [t.founding(t.cons(f"{side}{n}")) for n in range(ROWS) for side in "cd"], same(), same()


def _the_same_retractions(t: Teller) -> Told:
    before = [t.claim(t.box(str(n)), HOUR) for n in range(ROWS)]
    return before, [t.retraction(e.id) for e in before], [t.retraction(e.id) for e in before]


CASES = {
    "words": Case("lianyun.term", batch_transaction, _new_words),
    "identities": Case("lianyun.identity", batch_transaction, _the_same_events),
    "ends of links": Case("g1.link", "stop_links", _boxes_that_move_on, "UPDATE"),
    "trains": Case("g1.train_head", "lock_trains", _the_same_trains),
    "reach": Case("g1.reach", "put_reach", _boxes_of_the_same_consignments),
    "groups": Case("g1.canonical", "put_canonical", _the_same_groups),
    "the dead": Case("g1.dead", structure, _the_same_retractions),
}


@pytest.fixture(scope="module")
def address(postgres: DatabaseAddress) -> str:
    dsn = migrated_database(postgres, "lock_order")
    with psycopg.connect(getattr(postgres, "admin_dsn", postgres.dsn), autocommit=True) as administrator:
        administrator.execute("ALTER DATABASE lock_order SET deadlock_timeout = '100ms'")
    return dsn


@pytest.fixture
def slow(address: str) -> Iterator[Callable[[str, str], None]]:
    """Makes every row of a table take 60 ms."""
    made: list[str] = []

    def make(table: str, when: str) -> None:
        with psycopg.connect(address) as session:
            session.execute(SLOW.format(table=table, when=when).encode())
        made.append(table)

    yield make
    with psycopg.connect(address) as session:
        for table in made:
            session.execute(f"DROP TRIGGER slowly ON {table}".encode())


@pytest.fixture
def deadlocks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Why transactions had to begin again, as long as it was a deadlock; a lock that was waited for too long is none."""
    found: list[str] = []

    def note(_session: Any, owner: str) -> list[int]:
        failure = sys.exc_info()[1]
        if isinstance(failure, psycopg.errors.DeadlockDetected):
            found.append(owner)
        return []

    monkeypatch.setattr(writer, "end_frozen", note)
    monkeypatch.setattr(partition_claims, "end_frozen", note)
    monkeypatch.setattr(partition_claims, "_end_owner", lambda *_: None)
    return found


def turn(monkeypatch: pytest.MonkeyPatch, order: ModuleType | str) -> None:
    """Turn the order round for one of the two threads."""

    def turned() -> bool:
        return threading.current_thread().name == TURNED

    if isinstance(order, ModuleType):

        def backwards(given: Iterable[Any], key: Any = None) -> list[Any]:
            return builtins.sorted(given, key=key, reverse=turned())

        monkeypatch.setattr(order, "sorted", backwards, raising=False)
        return
    plain = statement(order)
    reverse = re.sub(rb"(ORDER BY) ([a-z.]+(?:, [a-z._]+)*)(?=\n)", _descending, plain)
    assert reverse != plain, "the statement has no order that could be taken away"

    def changed(name: str) -> bytes:
        return reverse if name == order and turned() else statement(name)

    monkeypatch.setattr(work, "statement", changed)


def _descending(found: re.Match[bytes]) -> bytes:
    return found[1] + b" " + b", ".join(column + b" DESC" for column in found[2].split(b", "))


def at_once(dsn: str, table: str, left: Callable[[], Any], right: Callable[[], Any]) -> None:
    """Run both, held back at the table until both have come there."""
    with psycopg.connect(dsn) as gate, psycopg.connect(dsn, autocommit=True) as watching:
        gate.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        running = [start("left", left), start(TURNED, right)]
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = %s::regclass"
        until = time.monotonic() + 20
        while watching.execute(waiting, (table,)).fetchone() != (2,):
            assert time.monotonic() < until, "they never met"
            time.sleep(0.002)
    for each in running:
        each.join()


@pytest.mark.parametrize("turned", [False, True], ids=["in_order", "turned"])
@pytest.mark.parametrize("name", CASES)
def test_workers_over_the_same_rows_deadlock_only_without_the_order(
    address: str,
    slow: Callable[[str, str], None],
    deadlocks: list[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    name: str,
    turned: bool,
) -> None:
    case = CASES[name]
    pair = Pair(address)
    before, left, right = case.tell(Teller(request.node.name))
    pair.apply(
        0, [*before, Teller(f"words of {name}").claim(Teller(name).box(), HOUR)]
    )  # so that words are known
    pair.settle()
    deadlocks.clear()
    slow(case.table, case.when)
    if turned:
        turn(monkeypatch, case.order)
    at_once(address, case.table, lambda: pair.apply(0, left), lambda: pair.apply(1, right[::-1]))
    pair.close()
    assert bool(deadlocks) is turned


@pytest.mark.parametrize("turned", [False, True], ids=["in_order", "turned"])
@pytest.mark.parametrize(
    "order", [partition_claims, batch_transaction], ids=["claim_against_claim", "batch_against_claim"]
)
def test_offsets_are_taken_in_order_by_claims_and_batches(
    address: str,
    slow: Callable[[str, str], None],
    deadlocks: list[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
    order: ModuleType,
    turned: bool,
) -> None:
    topic = f"cre.{request.node.name}"
    wanted = [AssignedPartition(topic, n) for n in range(ROWS)]
    pair = Pair(address)
    claims = pair.writers[1].claim_partitions("right", wanted)
    events = [Teller(f"{topic}{n}").claim(Teller(f"{topic}{n}").box(), HOUR) for n in range(ROWS)]
    placed = tuple(
        e._replace(record=e.record._replace(topic=topic, partition=n, offset=0)) for n, e in enumerate(events)
    )
    moves = tuple(Advance(topic, claim.partition.partition, claim.epoch, 0, 1) for claim in claims)
    batch = Batch(moves[::-1], placed, (), pair.registry)

    # Without the order both may deadlock until they give up, and a batch is fenced where the claim came first.
    given_up = contextlib.suppress(Fenced) if turned else contextlib.nullcontext()

    def left() -> None:
        with given_up:
            pair.writers[0].claim_partitions("left", wanted)

    def right() -> None:
        if order is partition_claims:
            with given_up:
                pair.writers[1].claim_partitions("right", wanted[::-1])
            return
        with contextlib.suppress(Fenced):
            pair.writers[1].apply(batch)

    slow("lianyun.kafka_offset", "UPDATE")
    if turned:
        turn(monkeypatch, order)
    deadlocks.clear()
    at_once(address, "lianyun.kafka_offset", left, right)
    pair.close()
    assert bool(deadlocks) is turned
