"""Redrive and quarantine through the real store: the state ends where it would have been without the detour."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest

from schemas.envelope import Envelope, event_id, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.dead_letters import batch as letters
from services.ledger.dead_letters import store
from services.ledger.dead_letters.batch import LetterSettings
from services.ledger.dead_letters.service import ActionOutcome, DeadLetterService, PostgresLedger
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.storage.batch import Advance, Batch, Event
from services.ledger.storage.claims import AssignedPartition
from services.ledger.storage.operations import quarantine
from services.ledger.storage.writer import Writer
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
NOW_MS = 1_772_700_000_000
NOW = NOW_MS * 1_000
SETTINGS = AdmissionSettings("demo")
ONE, TWO = (SigningKey.from_seed(Scheme.ED25519, bytes([n]) * 32) for n in (1, 2))
TOPIC = "cre.operator.xian.v1"


@pytest.fixture
def dsn(postgres: Any) -> str:
    return migrated_database(postgres, "redriven")


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        with connection.transaction():
            party = PartyAdded(
                code="xian",
                name="Xi'an",
                roles=frozenset({Role.OPERATOR}),
                sources=frozenset({"urn:xian"}),
                topics=frozenset({TOPIC}),
            )
            commands.add_party(connection, party, at=NOW, by="op")
            register(connection, ONE)
        yield connection


@pytest.fixture
def writer(dsn: str, session: psycopg.Connection[Any]) -> Iterator[Writer]:
    assert not session.closed, "the writer needs what the session has set up"
    with Writer(dsn, partial(letters.record_refused, settings=LetterSettings())) as opened:
        yield opened


def register(session: psycopg.Connection[Any], key: SigningKey) -> None:
    added = proven(key, "demo", "xian")
    commands.add_key(session, "xian", added, at=NOW, by="op")


def record(offset: int, id: str, type_: str, data: dict[str, Any], key: SigningKey = ONE) -> Record:
    raw = json.dumps({"salt": "0" * 32, **data}, separators=(",", ":")).encode()
    envelope = Envelope("1.0", id, "urn:xian", type_, f"2026-03-05T08:{offset:02}:00Z")
    signature = sign(key, signed_bytes("demo", envelope, raw)).encode()
    headers = [*envelope.to_headers(), ("lianyun-signature", signature)]
    return Record(TOPIC, 0, offset, NOW_MS + offset * 1_000, headers, raw)


def opened(offset: int, key: SigningKey = ONE) -> Record:
    data = {"from": "2026-03-01T00:00:00Z", "reference": "R1", "containers": ["CSQU3054383"]}
    return record(offset, "open", "cre.link.consignment_opened.v1", data, key)


def departed(offset: int, key: SigningKey = ONE, id: str = "dep", place: str = "railnet:dostyk") -> Record:
    data = {
        "classifier": "ACT",
        "happened": f"2026-03-05T07:{offset:02}:00Z",
        "place": place,
        "objects": [{"kind": "container", "id": "CSQU3054383"}],
    }
    return record(offset, id, "cre.movement.departed.v1", data, key)


def feed(session: psycopg.Connection[Any], writer: Writer, records: Sequence[Record]) -> None:
    """What a worker does with one poll."""
    (claim,) = writer.claim_partitions("w", [AssignedPartition(TOPIC, 0)])
    registry = commands.store.load(session)
    judged = [admit(each, registry, SETTINGS) for each in records]
    first = records[0].offset
    assert claim.next_offset == first
    writer.apply_or_bisect(
        Batch(
            (Advance(TOPIC, 0, claim.epoch, first, records[-1].offset + 1),),
            tuple(Event.of(each, registry.version) for each in judged if isinstance(each, Admitted)),
            tuple(each for each in judged if isinstance(each, Refused)),
            registry.version,
        )
    )
    settle(writer)


def settle(writer: Writer) -> None:
    for _ in range(10):
        writer.tick()


def heads(session: psycopg.Connection[Any]) -> list[Any]:
    """What lists and counts show, one object per consignment."""
    return [row[0] for row in session.execute("SELECT to_jsonb(h) FROM g1.head h ORDER BY h.cons").fetchall()]


def dead(session: psycopg.Connection[Any]) -> list[str]:
    """Ids of events that do not count."""
    return [str(row[0]) for row in session.execute("SELECT id FROM g1.dead ORDER BY id").fetchall()]


def ids(*names: str) -> list[str]:
    return sorted(str(UUID(bytes=event_id("urn:xian", name))) for name in names)


def revoke(session: psycopg.Connection[Any], writer: Writer, key: SigningKey, since: int) -> int:
    with session.transaction():
        done = commands.revoke_key(
            session, key.key_id, quarantine, at=NOW + 10**9, by="op", compromised_since=since
        )
    settle(writer)
    return done.quarantined


def desk(session: psycopg.Connection[Any]) -> DeadLetterService:
    return DeadLetterService(session, PostgresLedger(), SETTINGS, by="op", at=NOW)


def test_redriven_events_end_in_the_state_that_they_would_have_had(
    session: psycopg.Connection[Any], writer: Writer
) -> None:
    feed(session, writer, [opened(0, TWO), departed(1, TWO)])
    found = store.list_letters(session, store.LetterQuery())
    assert [letter.reason for letter in found] == ["UNKNOWN_KEY", "UNKNOWN_KEY"]
    assert heads(session) == []
    with session.transaction():
        register(session, TWO)
    for letter in found:  # the milestone first, its consignment after it
        assert desk(session).redrive(letter.digest).outcome is ActionOutcome.REDRIVEN
        assert desk(session).redrive(letter.digest).outcome is ActionOutcome.ALREADY_REDRIVEN
    settle(writer)
    redriven = heads(session)
    times = session.execute("SELECT appended FROM lianyun.body ORDER BY appended").fetchall()
    assert times == [(NOW,), (NOW + 1_000_000,)], "the original append times are kept"
    assert session.execute("SELECT next_offset FROM lianyun.kafka_offset").fetchone() == (2,)
    # The same bytes again, accepted at once: known already, and nothing changes.
    feed(session, writer, [opened(0, TWO)._replace(offset=2), departed(1, TWO)._replace(offset=3)])
    assert heads(session) == redriven
    (head,) = redriven
    assert head["founded"]
    assert head["movement"] is not None


def test_the_detour_leaves_no_trace_in_the_state(
    session: psycopg.Connection[Any], writer: Writer, dsn: str
) -> None:
    feed(session, writer, [opened(0, TWO), departed(1, TWO)])
    with session.transaction():
        register(session, TWO)
    for letter in store.list_letters(session, store.LetterQuery()):
        desk(session).redrive(letter.digest)
    settle(writer)
    redriven = heads(session)
    session.execute(
        "TRUNCATE lianyun.identity, g1.head, g1.claim, g1.link, g1.founding, g1.reach, g1.mention"
    )
    session.execute("UPDATE lianyun.kafka_offset SET next_offset = 0")
    assert heads(session) == []
    with Writer(dsn, partial(letters.record_refused, settings=LetterSettings())) as other:
        feed(session, other, [opened(0, TWO), departed(1, TWO)])
    assert heads(session) == redriven


def test_a_stolen_keys_events_stop_counting_and_take_nothing_with_them(
    session: psycopg.Connection[Any], writer: Writer
) -> None:
    """The thief moves the box and retracts the true milestone; after the revocation neither has happened."""
    with session.transaction():
        register(session, TWO)
    feed(session, writer, [opened(0), departed(1)])
    true = heads(session)
    assert true[0]["movement"] is not None
    taken_back = {"target": "dep", "reason": "DID_NOT_HAPPEN"}
    retraction = record(3, "retract", "cre.correction.retracted.v1", taken_back, TWO)
    feed(session, writer, [departed(2, TWO, id="fake", place="railnet:altynkol"), retraction])
    assert heads(session) != true
    assert dead(session) == ids("dep")
    assert revoke(session, writer, TWO, NOW + 2_500_000) == 1, "only the retraction lies after that moment"
    assert dead(session) == ids("retract")
    assert heads(session) != true, "the false milestone still counts"
    revoke(session, writer, TWO, NOW + 2_000_000)
    assert dead(session) == ids("fake", "retract")
    assert heads(session) == true


@pytest.mark.parametrize("thief_first", [False, True])
def test_a_stolen_keys_other_content_under_a_true_id_does_not_keep_it_aside(
    session: psycopg.Connection[Any], writer: Writer, thief_first: bool
) -> None:
    with session.transaction():
        register(session, TWO)
    stolen, honest = departed(2, TWO, place="railnet:altynkol"), departed(1)
    feed(session, writer, [opened(0), *([stolen._replace(offset=1)] if thief_first else [honest])])
    alone = heads(session)
    feed(session, writer, [honest._replace(offset=2) if thief_first else stolen])
    assert dead(session) == ids("dep"), "two contents under one id: neither counts"
    assert revoke(session, writer, TWO, NOW + 2_000_000) == 1
    assert dead(session) == []
    (head,) = heads(session)
    assert head["movement"] is not None
    assert (heads(session) == alone) != thief_first, "what counts is the honest content, whichever came first"


def test_a_letter_of_another_content_than_the_accepted_one_stays_out(
    session: psycopg.Connection[Any], writer: Writer
) -> None:
    feed(session, writer, [departed(0, TWO)])
    with session.transaction():
        register(session, TWO)
    feed(session, writer, [departed(1, TWO, place="railnet:altynkol")])
    (letter,) = store.list_letters(session, store.LetterQuery(state=None))
    assert desk(session).redrive(letter.digest).outcome is ActionOutcome.REPLACED
    assert session.execute("SELECT count(*) FROM lianyun.variant").fetchone() == (0,)
    admitted = admit(departed(1, TWO, place="railnet:altynkol"), commands.store.load(session), SETTINGS)
    assert isinstance(admitted, Admitted)
    assert PostgresLedger().content_of(session, admitted.event) == admitted.content
    assert PostgresLedger().content_of(session, bytes(16)) is None


def test_what_admission_refuses_is_a_letter_and_the_offsets_move_on(
    session: psycopg.Connection[Any], writer: Writer
) -> None:
    junk = [Record(TOPIC, 0, n, NOW_MS, [("x", bytes([n]))], b"\x00" * n) for n in range(50)]
    feed(session, writer, [*junk, opened(0)._replace(offset=50)])
    assert session.execute("SELECT next_offset FROM lianyun.kafka_offset").fetchone() == (51,)
    assert sum(tally.copies for tally in store.tallies(session)) == 50
    assert len(heads(session)) == 1
