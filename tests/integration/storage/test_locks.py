"""Order of locks: two workers over the same rows wait for one another and never in a circle."""

from __future__ import annotations

import random

import pytest

from services.domain.facts import LinkKind
from services.ledger.storage import statement, work
from services.ledger.storage.batch import Event
from tests.support.storage.comparison import assert_equal_to_core
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair, start

pytestmark = pytest.mark.integration

BOXES = 12
ROUNDS = 6


def collide(pair: Pair, left: list[list[Event]], right: list[list[Event]]) -> int:
    """Apply both lists of batches side by side; return how often a transaction had to start again."""
    retries = [0, 0]

    def run(index: int, batches: list[list[Event]]) -> None:
        for batch in batches:
            retries[index] += pair.apply(index, batch).retries

    running = [start("left", lambda: run(0, left)), start("right", lambda: run(1, right))]
    for each in running:
        each.join()
    return sum(retries)


def world(pair: Pair, t: Teller) -> None:
    before = []
    for n in range(BOXES):
        before += [
            t.founding(t.cons(str(n))),
            t.link(LinkKind.CONTAINER_CARRIES, t.box(str(n)), t.cons(str(n))),
        ]
    pair.apply(0, before)
    pair.settle()


def claims(t: Teller, rng: random.Random) -> list[list[Event]]:
    return [
        [
            t.claim(t.box(str(n)), rng.randrange(9) * HOUR, rng.choice((202, 300, 500)))
            for n in rng.sample(range(BOXES), BOXES)
        ]
        for _ in range(ROUNDS)
    ]


def heads_of(pair: Pair, t: Teller) -> None:
    pair.settle()
    assert_equal_to_core(pair.dsn, t.facts, [t.cons(str(n)) for n in range(BOXES)], [])


def slowly(order: bytes) -> bytes:
    """The statement that locks heads, taking 5 ms for each and in the order given."""
    return (
        statement("lock_heads")
        .replace(b"SELECT DISTINCT t.cons", b"SELECT t.cons")
        .replace(b"ORDER BY t.cons", b"ORDER BY " + order)
        .replace(b"WHERE false", b"WHERE pg_sleep(0.005)::text = 'never'")
    )


@pytest.mark.parametrize(
    ("order", "deadlocks"), [(b"t.cons", False), pytest.param(b"random()", True, marks=pytest.mark.long)]
)
def test_heads_are_locked_in_one_order_or_workers_deadlock(
    pair: Pair, teller: Teller, monkeypatch: pytest.MonkeyPatch, order: bytes, deadlocks: bool
) -> None:
    """What the order is for; and that a deadlock costs a retry, not an event."""
    slow = slowly(order)
    monkeypatch.setattr(work, "statement", lambda name: slow if name == "lock_heads" else statement(name))
    world(pair, teller)
    rng = random.Random(2)
    retries = collide(pair, claims(teller, rng), claims(teller, rng))
    assert bool(retries) is deadlocks
    monkeypatch.undo()
    heads_of(pair, teller)


def test_links_of_the_same_boxes_by_both_workers_end_right(pair: Pair, teller: Teller) -> None:
    world(pair, teller)
    rng = random.Random(3)

    def moves() -> list[list[Event]]:
        return [
            [
                teller.link(
                    LinkKind.CONTAINER_CARRIES,
                    teller.box(str(n)),
                    teller.cons(str(rng.randrange(BOXES))),
                    rng.randrange(20) * HOUR,
                )
                for n in rng.sample(range(BOXES), 6)
            ]
            for _ in range(8)
        ]

    collide(pair, moves(), moves())
    heads_of(pair, teller)


def test_the_same_events_by_both_workers_are_stored_once(pair: Pair, teller: Teller) -> None:
    world(pair, teller)
    rng = random.Random(4)
    same = claims(teller, rng)
    turned = [list(reversed(batch)) for batch in same]
    assert collide(pair, same, turned) == 0
    heads_of(pair, teller)
