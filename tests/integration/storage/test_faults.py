"""What cannot be stored, cannot be folded, or was judged by a registry that is no more."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import psycopg
import pytest

from schemas.reasons import Reason
from services.domain.facts import LinkKind
from services.ledger.admission.model import Refused
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.errors import RegistryMoved
from services.ledger.storage.operations import mend
from services.ledger.storage.writer import Writer
from tests.support.storage.comparison import assert_equal_to_core, core_heads, stored_heads
from tests.support.storage.facts import HOUR, Teller
from tests.support.storage.writers import Pair

pytestmark = pytest.mark.integration

MILESTONE_NOBODY_KNOWS = 32_000


class Desk:
    """A writer that keeps what it would put down as dead letters."""

    def __init__(self, dsn: str, topic: str) -> None:
        self.letters: list[Refused] = []
        self.topic = topic
        self.writer = Writer(dsn, self._record)
        self.claim = self.writer.claim_partitions("desk", [AssignedPartition(topic, 0)])[0]

    def _record(self, _session: Any, refused: Sequence[Refused]) -> None:
        self.letters += refused

    def batch(self, events: Sequence[Event], registry: int) -> Batch:
        placed = tuple(
            e._replace(record=e.record._replace(topic=self.topic, offset=n)) for n, e in enumerate(events)
        )
        return Batch((Advance(self.topic, 0, self.claim.epoch, 0, len(events)),), placed, (), registry)


@pytest.fixture
def desk(dsn: str, request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = Desk(dsn, f"cre.desk.{request.node.name}")
    yield desk
    desk.writer.close()


def unstorable(event: Event) -> Event:
    """The event with a claim that no rule knows: our own code fails on it."""
    (claim,) = event.facts.claims
    return event._replace(
        facts=event.facts._replace(claims=frozenset({claim._replace(milestone=MILESTONE_NOBODY_KNOWS)})),
    )


@pytest.mark.parametrize("bad", [{0}, {6}, {3, 4}, {0, 1, 2, 3, 4, 5, 6}])
def test_events_that_fail_alone_become_dead_letters_and_all_others_are_applied(
    dsn: str, desk: Desk, pair: Pair, teller: Teller, bad: set[int]
) -> None:
    events = [teller.founding(teller.cons()), *(teller.claim(teller.cons(), n * HOUR) for n in range(6))]
    # The founding has no claim; give the first place a claim too, so that every place can be bad.
    events[0], events[6] = events[6], events[0]
    given = [unstorable(e) if n in bad and e.facts.claims else e for n, e in enumerate(events)]
    failing = [e.id for e, g in zip(events, given, strict=True) if e is not g]
    applied = desk.writer.apply_or_bisect(desk.batch(given, pair.registry))
    assert applied.new == 7 - len(failing)
    assert sorted(letter.event or b"" for letter in desk.letters) == sorted(failing)
    assert {letter.reason for letter in desk.letters} <= {Reason.INTERNAL_ERROR}
    with psycopg.connect(dsn) as session:
        row = session.execute(
            "SELECT next_offset, events, refused FROM lianyun.kafka_offset WHERE topic = %s", (desk.topic,)
        ).fetchone()
    assert row == (7, 7 - len(failing), len(failing))


def test_a_null_character_in_a_text_is_the_events_fault(desk: Desk, pair: Pair, teller: Teller) -> None:
    """Postgres refuses it; without the bisection the worker would stop there for ever."""
    good, bad = teller.claim(teller.cons(), 1), teller.claim(teller.cons(), 2)
    (claim,) = bad.facts.claims
    bad = bad._replace(facts=bad.facts._replace(claims=frozenset({claim._replace(place="a\0b")})))
    applied = desk.writer.apply_or_bisect(desk.batch([good, bad], pair.registry))
    assert (applied.new, len(desk.letters)) == (1, 1)


def test_a_fault_of_the_infrastructure_is_raised_and_nothing_is_applied(
    dsn: str, desk: Desk, pair: Pair, teller: Teller
) -> None:
    given = desk.batch([teller.claim(teller.cons(), 1)], pair.registry)
    with psycopg.connect(dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (desk.writer.session.info.backend_pid,))
    with pytest.raises(psycopg.OperationalError):
        desk.writer.apply_or_bisect(given)
    assert not desk.letters


def test_a_batch_judged_by_an_older_registry_is_given_back(desk: Desk, pair: Pair, teller: Teller) -> None:
    with pytest.raises(RegistryMoved) as moved:
        desk.writer.apply_or_bisect(desk.batch([teller.claim(teller.cons(), 1)], pair.registry - 1))
    assert moved.value.version == pair.registry


def test_a_consignment_whose_fold_fails_is_marked_and_mended_and_stops_nobody_else(
    dsn: str, pair: Pair, teller: Teller
) -> None:
    ill, well = teller.cons("ill"), teller.cons("well")
    pair.apply(0, [teller.founding(ill), teller.founding(well), teller.claim(ill, HOUR)])
    pair.settle()
    # A row that no admission lets in: the spread of its question no longer fits its type.
    spoil = (
        "INSERT INTO lianyun.claim SELECT no, %s, published, event_hi, event_lo, 7, place, stop, %s, object, tolerance,"
        " jurisdiction, milestone, episode, kind, part, assurance, true, dead FROM lianyun.claim WHERE object = %s"
    )
    with psycopg.connect(dsn) as session:
        session.execute(spoil, (4 * 10**18, 1, ill.id.hex()))
        session.execute(
            "UPDATE lianyun.claim SET happened = -4 * 10::numeric ^ 18, slot = 7 WHERE object = %s AND publisher <> 1",
            (ill.id.hex(),),
        )
        session.execute(
            "INSERT INTO lianyun.claim SELECT no, 9 * 10::numeric ^ 18 - 1, published, event_hi, event_lo, 7, place, stop, 2,"
            " object, tolerance, jurisdiction, milestone, episode, kind, part, assurance, true, dead"
            " FROM lianyun.claim WHERE object = %s AND publisher = 1",
            (ill.id.hex(),),
        )
        session.execute(
            "UPDATE lianyun.reach SET starts = '{-9000000000000000000}', untils = '{9223372036854775807}' WHERE cons = %s",
            (ill.id.hex(),),
        )
    both = [teller.claim(ill, 3 * HOUR, 370), teller.claim(well, 3 * HOUR)]
    applied = pair.apply(0, both)
    assert (applied.new, applied.broken) == (2, 1)
    pair.settle()
    heads = _heads(dsn, teller)
    assert heads[ill.id] == (True, True)
    assert heads[well.id] == (True, False)
    expected = core_heads(teller.facts, [ill, well])
    with psycopg.connect(dsn) as session:
        assert stored_heads(session, [well.id]) == {well.id: expected[well.id]}
        session.execute(
            "DELETE FROM lianyun.claim WHERE object = %s AND publisher IN (1, 2)", (ill.id.hex(),)
        )
        session.execute(
            "UPDATE lianyun.claim c SET happened = %s, slot = no WHERE object = %s AND milestone = 300",
            (HOUR, ill.id.hex()),
        )
        assert mend(session, ill.id)
    pair.settle()
    assert_equal_to_core(dsn, teller.facts, [ill, well], [])


def _heads(dsn: str, teller: Teller) -> dict[bytes, tuple[bool, bool]]:
    ids = [teller.cons("ill").id.hex(), teller.cons("well").id.hex()]
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT cons, founded, broken FROM lianyun.head WHERE cons = ANY (%s::uuid[])", (ids,)
        ).fetchall()
    return {cons.bytes: (founded, broken) for cons, founded, broken in rows}


def test_ways_beyond_number_are_walked_as_the_few_that_differ(pair: Pair, teller: Teller, dsn: str) -> None:
    """Layers of notes re-issued as one another give ways that double with each layer."""
    cons, layers = teller.cons("ill"), 60
    events = [teller.founding(cons), teller.link(LinkKind.NOTE_COVERS, teller.note("0a"), cons)]
    for layer in range(layers):
        for side in "ab":
            for other in "ab":
                events.append(
                    teller.link(
                        LinkKind.NOTE_REISSUED,
                        teller.note(f"{layer + 1}{side}"),
                        teller.note(f"{layer}{other}"),
                    )
                )
    events.append(teller.claim(teller.note(f"{layers}a"), HOUR, 2000))
    assert pair.apply(0, events).broken == 0
    pair.settle()
    assert_equal_to_core(dsn, teller.facts, [cons], [])
    with psycopg.connect(dsn) as session:
        rows = session.execute(
            "SELECT document FROM lianyun.head WHERE cons = %s", (cons.id.hex(),)
        ).fetchall()
    assert rows[0][0] is not None, "the claim has come through all layers"
