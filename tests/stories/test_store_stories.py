"""Every story through the real store: 100 orders and batchings (5 in an ordinary run), written by two connections at once, with equal result.

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
from psycopg import sql

from schemas.envelope import Envelope
from schemas.events.base import ObjectKind
from schemas.events.decode import decode_payload
from schemas.rfc3339 import parse_micros
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.head import Head, head
from services.domain.interpretation import Attribution, interpret
from services.domain.objects import Thing
from services.ledger.admission.model import Record
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.event_reader import HeadRow, Stored, events_about, heads_of, load_facts
from services.ledger.storage.session import Session, open_session
from services.ledger.storage.writer import Writer
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.profile import SEED, rounds

from .flatten import explained, flatten, judged
from .story import Story, Told, stories

pytestmark = pytest.mark.integration

TELLINGS = rounds(3, 35)
VIEWED = 20
TOPIC = "cre.stories.v1"
KEY_ID = "00" * 8
STORIES = stories()


@dataclass(frozen=True)
class Telling:
    """All stories in one universe each, and the events of all of them with the facts that they state."""

    stories: tuple[Story, ...]
    events: tuple[tuple[Told, Facts], ...]
    heads: dict[Thing, Head | None]


def telling(number: int) -> Telling:
    scoped = tuple(story.scoped(f"t{number:02}s{n:02}") for n, story in enumerate(STORIES))
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
        (claim,) = self.writer.claim_partitions(f"hand-{partition}", [AssignedPartition(TOPIC, partition)])
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
    address = migrated_database(postgres, "stories")
    with open_session(address) as session:
        # Nothing here crashes on purpose, so a commit need not wait for the disk.
        name = sql.Identifier(session.info.dbname)
        session.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(name))
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
        largest = rng.choice((3, 20, 60, 60))
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


Row = tuple[object, ...]


def row_of(found: HeadRow) -> Row:
    """A head as the store shows it, in the order of ``wanted``."""
    stages = (found.movement, *found.customs, found.document)
    shown = (stage and (stage.at, stage.milestone, stage.place, stage.event) for stage in stages)
    return (found.broken, found.boxes, found.behind, found.disputes, found.exceptions, *shown)


def wanted(expected: Head) -> Row:
    """The head that the core gives, in the same order."""
    stages = (expected.movement, *expected.customs, expected.document)
    shown = (stage and (stage.at, stage.milestone, stage.place, stage.event) for stage in stages)
    return (False, expected.boxes, expected.behind, expected.disputes, expected.exceptions, *shown)


def check_heads(session: Session, told: Telling, number: int) -> None:
    found = {row.consignment: row_of(row) for row in heads_of(session, [thing.id for thing in told.heads])}
    session.rollback()
    expected = {each.consignment.id: wanted(each) for each in told.heads.values() if each is not None}
    names = {each.consignment.id: str(thing) for thing, each in told.heads.items() if each is not None}
    for consignment, row in expected.items():
        assert found.get(consignment) == row, f"telling {number}: the head of {names[consignment]}"
    assert found.keys() == expected.keys(), f"telling {number}: the store shows what was never founded"


def facts_from(story: Story, stored: Sequence[Stored]) -> Facts:
    """The facts of events as they were read back: their bytes are decoded and interpreted anew."""
    publishers = {story.source(code): story.publisher(code) for code in story.parties}
    pieces = []
    for each in stored:
        envelope = Envelope.from_headers(each.headers)
        publisher = publishers.get(envelope.source)
        if publisher is None:
            continue  # another universe's word on the same place
        statement = Attribution(each.id, envelope.source, publisher, envelope.published_micros)
        pieces.append(interpret(statement, each.content, decode_payload(envelope.type, each.payload)))
    return Facts.union(pieces)


def check_views(session: Session, told: Telling) -> None:
    """What the store reads back for one consignment alone gives the view that its story expects."""
    for story in told.stories:
        for name in story.expect:
            thing = Thing(ObjectKind.CONSIGNMENT, story.consignment(name))
            facts = facts_from(story, load_facts(session, [thing.id]))
            session.rollback()
            found = flatten(story, derive(facts, thing, parse_micros(story.as_of)))
            assert judged(story, name, found) == []
        for about in story.unreached:
            thing = story.thing(about)
            facts = facts_from(story, events_about(session, thing.kind, thing.key, parse_micros(story.as_of)))
            session.rollback()
            assert explained(story, facts, about) == story.unreached[about]


@pytest.mark.randomised
def test_all_stories_in_any_order(dsn: str, hands: tuple[Hand, Hand]) -> None:
    with psycopg.connect(dsn) as reader:
        for number in range(TELLINGS):
            told = telling(number)
            new = tell(told, hands, random.Random(f"{number} {SEED}"))
            assert new == len(told.events), f"telling {number} lost or doubled an event"
            check_heads(reader, told, number)
            if number % VIEWED == 0:
                check_views(reader, told)
