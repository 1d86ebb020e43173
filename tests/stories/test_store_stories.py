"""Every story through the real store: 100 orders and batchings, written by two connections at once, with equal result.

Each time all stories are told together, each in a universe of its own (parties and objects carry a mark, so nothing of
one telling meets another). Their events are shuffled, up to a third of them told twice, dealt at random to two writers
with a connection and a partition each, cut into batches of 1 to 60 events, and applied by two threads side by side. After
the settling ticks of an idle worker, each consignment's head in SQL must equal the head that the core gives to the story
told in the order of its file.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import psycopg
import pytest

from schemas.events.base import ObjectKind
from services.core.facts import Facts
from services.core.head import Head, Stage, head
from services.core.objects import Thing
from services.localstack.engine import DatabaseAddress
from services.processors.admission.model import Record
from services.storage.batch import Advance, Batch, Event
from services.storage.claiming import Wanted
from services.storage.migrate import migrate
from services.storage.words import whole, word
from services.storage.writer import Writer

from .telling import Story, Told, stories

pytestmark = pytest.mark.integration

TELLINGS = 100
TOPIC = "cre.stories.v1"
KEY_ID = "00" * 8


@dataclass(frozen=True)
class Telling:
    """All stories in one universe each, and the events of all of them with the facts that they state."""

    stories: tuple[Story, ...]
    events: tuple[tuple[Told, Facts], ...]
    heads: dict[Thing, Head | None]


def telling(number: int) -> Telling:
    scoped = tuple(story.scoped(f"t{number:02}s{n:02}") for n, story in enumerate(stories()))
    events: list[tuple[Told, Facts]] = []
    heads: dict[Thing, Head | None] = {}
    for story in scoped:
        told = [(each, each.facts()) for each in story.told]
        events += told
        facts = Facts.union(stated for _, stated in told)
        for name in story.expect:
            thing = Thing(ObjectKind.CONSIGNMENT, story.consignment(name))
            heads[thing] = head(facts, thing)
    return Telling(scoped, tuple(events), heads)


class Hand:
    """One writer on a connection and a partition of its own."""

    def __init__(self, dsn: str, partition: int) -> None:
        self.partition = partition
        self.offset = 0
        self.writer = Writer(dsn, lambda _session, refused: pytest.fail(f"refused: {refused}"))
        (claim,) = self.writer.claim_partitions(f"hand-{partition}", [Wanted(TOPIC, partition)])
        self.epoch = claim.epoch

    def batch(self, dealt: Sequence[tuple[Told, Facts]]) -> Batch:
        first = self.offset
        events = tuple(self._event(first + n, told, facts) for n, (told, facts) in enumerate(dealt))
        self.offset += len(dealt)
        return Batch((Advance(TOPIC, self.partition, self.epoch, first, self.offset),), events)

    def _event(self, offset: int, told: Told, facts: Facts) -> Event:
        record = Record(
            topic=TOPIC,
            partition=self.partition,
            offset=offset,
            append_ms=told.envelope.published_micros // 1_000,
            headers=told.envelope.to_headers(),
            value=told.payload,
        )
        return Event(record, told.event, told.content, told.payload, told.party, KEY_ID, 0, facts)


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    address = postgres.fresh_database("stories")
    migrate(address)
    return address


@pytest.fixture(scope="module")
def hands(dsn: str) -> Iterator[tuple[Hand, Hand]]:
    both = Hand(dsn, 0), Hand(dsn, 1)
    yield both
    for hand in both:
        hand.writer.close()


def deal(told: Telling, hands: tuple[Hand, Hand], rng: random.Random) -> list[list[Batch]]:
    """The batches of each hand: events shuffled, some twice (perhaps by the other hand), cut at random."""
    dealt = [*told.events, *rng.sample(told.events, rng.randint(0, len(told.events) // 3))]
    rng.shuffle(dealt)
    shares: tuple[list[tuple[Told, Facts]], ...] = ([], [])
    for event in dealt:
        shares[rng.randrange(2)].append(event)
    batches: list[list[Batch]] = []
    for hand, share in zip(hands, shares, strict=True):
        cut, at = [], 0
        largest = rng.choice((3, 20, 60))
        while at < len(share):
            size = rng.randint(1, largest)
            cut.append(hand.batch(share[at : at + size]))
            at += size
        batches.append(cut)
    return batches


def side_by_side(*work: Callable[[], None]) -> None:
    """Run both at once; the first exception of either is raised here."""
    failed: list[BaseException] = []

    def guarded(each: Callable[[], None]) -> None:
        try:
            each()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=guarded, args=(each,)) for each in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def tell(told: Telling, hands: tuple[Hand, Hand], rng: random.Random) -> int:
    """Apply the telling with both hands side by side, settle, and return how many events were new."""
    batches = deal(told, hands, rng)
    new = [0, 0]

    def apply(n: int) -> None:
        for batch in batches[n]:
            applied = hands[n].writer.apply(batch)
            assert applied.broken == 0
            new[n] += applied.new + applied.equivocations

    side_by_side(lambda: apply(0), lambda: apply(1))
    for _ in range(10):
        if hands[0].writer.pending() == 0:
            break
        hands[0].writer.tick()
    assert hands[0].writer.pending() == 0, "an idle worker has not settled in ten ticks"
    return sum(new)


COLUMNS = (
    "cons, founded, broken, movement, boxes, behind, cn, eaeu, eu, other, document, disputes, exceptions"
)
Row = tuple[object, ...]


def stage(numbers: list[int] | None) -> tuple[int, int, int, bytes] | None:
    """A stage of a head's row: happened, milestone, place and event."""
    if numbers is None:
        return None
    happened, _published, high, low, milestone, place = numbers
    return happened, milestone, place, whole(high, low)


def wanted_stage(expected: Stage | None) -> tuple[int, int, int, bytes] | None:
    return expected and (expected.at, expected.milestone, word(expected.place), expected.event)


def wanted(expected: Head) -> Row:
    parts = (*expected.customs, expected.document)
    return (
        True,
        False,
        wanted_stage(expected.movement),
        expected.boxes,
        expected.behind,
        *(wanted_stage(part) for part in parts),
        expected.disputes,
        expected.exceptions,
    )


def found_heads(session: psycopg.Connection[Row], things: Sequence[bytes]) -> dict[bytes, Row]:
    rows = session.execute(
        f"SELECT {COLUMNS} FROM head WHERE cons = ANY (%s::uuid[])",  # noqa: S608 our own columns
        ([thing.hex() for thing in things],),
    ).fetchall()
    session.rollback()
    found: dict[bytes, Row] = {}
    for cons, founded, broken, movement, boxes, behind, *rest in rows:
        *parts, disputes, exceptions = rest
        key = cons if isinstance(cons, bytes) else cons.bytes
        stages = (stage(part) for part in parts)
        found[key] = (founded, broken, stage(movement), boxes, behind, *stages, disputes, exceptions)
    return found


def test_heads_of_all_stories_in_any_order(hands: tuple[Hand, Hand]) -> None:
    session = hands[0].writer.session
    for number in range(TELLINGS):
        rng = random.Random(number)
        told = telling(number)
        assert tell(told, hands, rng) == len(told.events), f"telling {number} lost or doubled an event"
        found = found_heads(session, [thing.id for thing in told.heads])
        for thing, expected in told.heads.items():
            if expected is None:
                row = found.get(thing.id)
                assert row is None or row[0] is False, f"telling {number}: {thing} was never founded"
                continue
            row = found.get(expected.consignment.id) or found_heads(session, [expected.consignment.id]).get(
                expected.consignment.id
            )
            assert row == wanted(expected), (
                f"telling {number}: the head of {thing} is another than the core's"
            )
