"""Dead letters in a real database: counted once per content, bounded, redriven unchanged, never silently gone."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.envelope import Envelope, event_id, signed_bytes
from schemas.events.base import Role
from schemas.schemes import Scheme
from schemas.signing import SigningKey, sign
from services.api.cloudevents import outcomes
from services.cli.main import app
from services.ledger.admission.evaluation import admit
from services.ledger.admission.model import AdmissionSettings, Admitted, Record, Refused
from services.ledger.admission.raw_bytes import digest
from services.ledger.dead_letters import batch, store
from services.ledger.dead_letters.batch import LetterSettings
from services.ledger.dead_letters.letter import LetterState
from services.ledger.dead_letters.service import ActionOutcome, DeadLetterService
from services.ledger.registry import commands
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.possession import proven
from services.ledger.registry.registry import Registry
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
NOW_MS = 1_772_700_000_000
NOW = NOW_MS * 1_000
SETTINGS = AdmissionSettings("demo")
KEEP = LetterSettings()
KEY = SigningKey.from_seed(Scheme.ED25519, b"\x01" * 32)
TOPIC = "cre.railway.ktz.v1"
NOBODY = Registry.of(0)


@dataclass
class Accepted:
    """The store of accepted events, as far as the desk needs one, in the same database and transaction."""

    fault: Exception | None = None
    applied: list[bytes] = field(default_factory=list)

    def content_of(self, session: psycopg.Connection[Any], event: bytes) -> bytes | None:
        row = session.execute(
            "SELECT content FROM lianyun.identity WHERE id = %s", (UUID(bytes=event),)
        ).fetchone()
        return None if row is None else row[0].bytes

    def apply(self, session: psycopg.Connection[Any], admitted: Admitted, registry: int) -> None:
        assert registry == commands.store.version(session)
        session.execute(
            "INSERT INTO lianyun.identity (id, content, no) VALUES (%s, %s, %s) ON CONFLICT (id) DO NOTHING",
            (UUID(bytes=admitted.event), UUID(bytes=admitted.content), int.from_bytes(admitted.event[:4])),
        )
        if self.fault is not None:
            raise self.fault
        self.applied.append(admitted.event)


@pytest.fixture
def dsn(postgres: Any) -> str:
    return migrated_database(postgres, "deadletters")


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        yield connection


def event(id: str = "arr-1", offset: int = 0, append_ms: int = NOW_MS, **changes: Any) -> Record:
    payload = {
        "salt": "0" * 32,
        "classifier": "ACT",
        "happened": "2026-03-05T14:20:00+05:00",
        "place": "railnet:dostyk",
        "objects": [{"kind": "container", "id": "CSQU3054383"}],
    } | changes
    raw = json.dumps(payload, separators=(",", ":")).encode()
    envelope = Envelope("1.0", id, "urn:cre:ktz", "cre.movement.arrived.v1", "2026-03-05T08:00:00Z")
    signature = sign(KEY, signed_bytes("demo", envelope, raw)).encode()
    return Record(
        TOPIC, 0, offset, append_ms, [*envelope.to_headers(), ("lianyun-signature", signature)], raw
    )


def garbage(number: int, size: int = 100, topic: str = TOPIC, offset: int = 0) -> Record:
    value = f"{number:08}".encode() * (size // 8)
    return Record(topic, 0, offset, NOW_MS + number, [("h", None), ("h", b"\xff\x00")], value)


def refuse(record: Record, registry: Registry = NOBODY) -> Refused:
    judged = admit(record, registry, SETTINGS)
    assert isinstance(judged, Refused)
    return judged


def put(session: psycopg.Connection[Any], *records: Record, settings: LetterSettings = KEEP) -> None:
    with session.transaction():
        batch.record_refused(session, [refuse(record) for record in records], settings)


def register(session: psycopg.Connection[Any], not_before: int = 0) -> None:
    with session.transaction():
        added = PartyAdded(
            code="ktz",
            name="KTZ",
            roles=frozenset({Role.RAILWAY}),
            sources=frozenset({"urn:cre:ktz"}),
            topics=frozenset({TOPIC}),
        )
        commands.add_party(session, added, at=NOW, by="op")
        key = proven(KEY, "demo", "ktz", not_before=not_before)
        commands.add_key(session, "ktz", key, at=NOW, by="op")


def only(session: psycopg.Connection[Any], state: LetterState | None = None) -> Any:
    (letter,) = store.list_letters(session, store.LetterQuery(state=state))
    return letter


def desk(session: psycopg.Connection[Any], ledger: Accepted | None = None) -> DeadLetterService:
    return DeadLetterService(session, ledger or Accepted(), SETTINGS, by="op", at=NOW)


def used(session: psycopg.Connection[Any]) -> dict[str, tuple[int, int]]:
    rows = session.execute("SELECT publisher, letters, bytes FROM lianyun.dead_letter_usage").fetchall()
    return {publisher: (letters, size) for publisher, letters, size in rows}


def test_a_message_is_kept_once_and_whole_whatever_the_order_and_the_batches(
    session: psycopg.Connection[Any],
) -> None:
    copies = [garbage(1)._replace(offset=i, append_ms=NOW_MS + 10 * i, topic=f"t{i % 2}") for i in range(6)]
    other = garbage(2, offset=77)
    random.Random(5).shuffle(copies)
    put(session, copies[0], other, copies[1], copies[2])
    put(session, copies[3])
    put(session, copies[4], copies[5])
    letters = {letter.digest: letter for letter in store.list_letters(session, store.LetterQuery())}
    assert len(letters) == 2
    letter = letters[digest(copies[0].headers, copies[0].value)]
    assert letter.count == 6
    assert (letter.first.offset, letter.first.appended) == (0, NOW)
    assert (letter.last.offset, letter.last.topic) == (5, "t1")
    assert letter.state is LetterState.OPEN
    assert not letter.truncated
    assert [r.offset for r in letter.records()] == [0, 5]
    assert letter.records()[0].headers == list(copies[0].headers)
    assert letter.records()[0].value == copies[0].value
    assert sum(letters for letters, _ in used(session).values()) == 2


def test_null_and_empty_values_and_headers_are_different_letters(session: psycopg.Connection[Any]) -> None:
    records = [
        Record(TOPIC, 0, n, NOW_MS, headers, value)
        for n, (headers, value) in enumerate(
            itertools.product(([], [("a", None)], [("a", b"")]), (None, b"", b"x"))
        )
    ]
    put(session, *records)
    letters = store.list_letters(session, store.LetterQuery())
    assert len(letters) == 9
    assert {(tuple(letter.records()[0].headers), letter.value) for letter in letters} == {
        (tuple(record.headers), record.value) for record in records
    }


def test_text_that_postgres_cannot_hold_is_kept_all_the_same(session: psycopg.Connection[Any]) -> None:
    odd = Record(TOPIC, 0, 0, NOW_MS, [("n\x00\ud800", b"v")], b"x")
    said = Refused(odd, refuse(odd).reason, "a\x00b\udfffc", "/\x00", "", TOPIC)
    with session.transaction():
        batch.record_refused(session, [said], KEEP)
    letter = only(session)
    assert letter.detail == "a\ufffdb\ufffdc"
    assert letter.records()[0].headers == list(odd.headers)


def test_oversized_messages_are_cut_and_the_digest_covers_the_whole(session: psycopg.Connection[Any]) -> None:
    big = Record(TOPIC, 0, 4, NOW_MS, [("h", b"1")], b"x" * 70_000)
    put(session, big)
    letter = only(session)
    assert (letter.reason, letter.truncated, letter.value_bytes) == ("TOO_LARGE", True, 70_000)
    assert len(letter.value) == 65_536
    assert letter.digest == digest(big.headers, big.value)
    result = desk(session).redrive(letter.digest)
    assert result.outcome is ActionOutcome.NOT_KEPT_WHOLE
    assert f"{TOPIC}/0 at offset 4" in result.detail


def test_a_flood_of_one_publisher_is_bounded_and_still_accounted_for(
    session: psycopg.Connection[Any],
) -> None:
    room = LetterSettings(bytes_per_publisher=10_000)
    for start in range(0, 300, 60):
        put(session, *(garbage(n, 1_000, offset=n) for n in range(start, start + 60)), settings=room)
    put(session, garbage(9_999, 1_000, topic="other", offset=1), settings=room)
    letters = store.list_letters(session, store.LetterQuery(limit=1_000))
    mine = [letter for letter in letters if letter.publisher == TOPIC]
    assert len(mine) == 300, "none vanishes"
    kept = [letter for letter in mine if not letter.truncated]
    assert 5 <= len(kept) <= 10
    assert all(letter.value is None and letter.value_bytes == 1_000 for letter in mine if letter.truncated)
    assert mine[-1].digest == only_digest(garbage(0, 1_000))
    (others,) = [letter for letter in letters if letter.publisher == "other"]
    assert not others.truncated, "one publisher's flood takes no room from another"
    stored = session.execute(
        "SELECT publisher, count(*), sum(octet_length(headers) + coalesce(octet_length(value), 0))"
        " FROM lianyun.dead_letter GROUP BY 1"
    ).fetchall()
    assert used(session) == {publisher: (count, size) for publisher, count, size in stored}


HOUR = 3_600_000


def chained(records: list[Record]) -> bytes:
    """The digest of a cut over ``records``, worked out from what docs/guides/operators.md says of it."""
    found = b""
    for each in records:
        found = hashlib.sha256(found + each.offset.to_bytes(8) + digest(each.headers, each.value)).digest()
    return found


def test_beyond_the_bound_of_an_hour_a_refusal_is_recorded_and_its_bytes_are_not_stored(
    session: psycopg.Connection[Any],
) -> None:
    bound = LetterSettings(per_hour=100)
    start = NOW_MS // HOUR * HOUR
    sent = [garbage(n, offset=n)._replace(append_ms=start + n) for n in range(300)]
    for first in range(0, 300, 60):
        put(session, *sent[first : first + 60], settings=bound)
    put(session, garbage(9_999, topic="other", offset=1), settings=bound)
    letters = store.list_letters(session, store.LetterQuery(limit=1_000))
    assert sum(letter.publisher == TOPIC for letter in letters) == 100
    assert sum(letter.publisher == "other" for letter in letters) == 1, "the flood of one is not another's"
    (cut,) = store.cuts(session)
    assert (cut.topic, cut.partition, cut.publisher, cut.reason) == (TOPIC, 0, TOPIC, "UNSIGNED")
    assert (cut.messages, cut.first_offset, cut.last_offset) == (200, 100, 299)
    assert (cut.first_append, cut.last_append) == ((start + 100) * 1_000, (start + 299) * 1_000)
    assert cut.digest == chained(sent[100:]), "whatever the batches were"

    put(session, *sent[250:], settings=bound)
    assert store.cuts(session) == [cut], "read again, it is counted once"
    put(session, sent[3]._replace(offset=301), settings=bound)
    assert only_named(session, sent[3]).count == 2, "what is known counts on: that takes no room"
    later = garbage(7_000, offset=302)._replace(append_ms=start + HOUR)
    put(session, later, settings=bound)
    assert only_named(session, later).count == 1, "another hour has room again"
    assert store.purge(session, (start + 2 * HOUR) * 1_000)
    assert store.cuts(session) == []


def test_copies_of_what_is_not_stored_are_all_recorded(session: psycopg.Connection[Any]) -> None:
    bound = LetterSettings(per_hour=1)
    start = NOW_MS // HOUR * HOUR
    copies = [garbage(5, offset=n)._replace(append_ms=start + n) for n in (2, 4, 9)]
    other = garbage(6, offset=3)._replace(append_ms=start + 3)
    put(session, garbage(1, offset=1)._replace(append_ms=start), *copies, other, settings=bound)
    (cut,) = store.cuts(session)
    assert (cut.messages, cut.first_offset, cut.last_offset) == (4, 2, 9)
    assert cut.digest == chained([copies[0], other, *copies[1:]])


def test_what_failed_by_our_own_fault_is_always_stored(session: psycopg.Connection[Any]) -> None:
    faults = [Refused.internal(garbage(n, offset=n), ZeroDivisionError("planted"), TOPIC) for n in range(5)]
    with session.transaction():
        batch.record_refused(session, faults, LetterSettings(per_hour=2))
    assert len(store.list_letters(session, store.LetterQuery())) == 5
    put(session, garbage(11, offset=11), garbage(12, offset=12), settings=LetterSettings(per_hour=2))
    assert len(store.list_letters(session, store.LetterQuery())) == 7, "and takes nothing from the bound"


def test_once_an_hour_is_full_the_bytes_are_not_even_sent(session: psycopg.Connection[Any]) -> None:
    bound = LetterSettings(per_hour=2)
    start = NOW_MS // HOUR * HOUR
    records = [garbage(n, offset=n)._replace(append_ms=start + n) for n in range(6)]
    refused = [refuse(record) for record in records]
    assert batch.full_hours(session, refused, bound) == frozenset()
    put(session, *records[:3], settings=bound)
    full = batch.full_hours(session, refused, bound)
    assert full == {(TOPIC, start // HOUR)}
    with session.transaction():
        batch.record_refused(session, refused, bound, full)
    known = only_named(session, records[0])
    assert (known.count, known.truncated, known.value) == (2, False, records[0].value)
    (cut,) = store.cuts(session)
    assert (cut.messages, cut.digest) == (4, chained(records[2:]))


def only_named(session: psycopg.Connection[Any], record: Record) -> Any:
    (letter,) = store.find_by_prefix(session, digest(record.headers, record.value).hex())
    return letter


def test_redrive_accepts_the_unchanged_bytes_with_their_original_time(
    session: psycopg.Connection[Any],
) -> None:
    ledger = Accepted()
    put(session, event())
    letter = only(session)
    assert letter.reason == "UNKNOWN_KEY"
    assert desk(session, ledger).redrive(letter.digest).outcome is ActionOutcome.STILL_REFUSED
    register(session)
    assert desk(session, ledger).redrive(letter.digest).outcome is ActionOutcome.REDRIVEN
    again = desk(session, ledger).redrive(letter.digest)
    assert again.outcome is ActionOutcome.ALREADY_REDRIVEN
    assert again.detail == "It is already redriven."
    assert len(ledger.applied) == 1
    (shown,) = store.find_by_prefix(session, letter.name[:12])
    assert shown.state is LetterState.REDRIVEN
    assert [(o.action, o.outcome, o.by) for o in shown.outcomes] == [
        ("redrive", "STILL_REFUSED", "op"),
        ("redrive", "REDRIVEN", "op"),
    ]


def test_redrive_judges_by_append_time_and_may_accept_a_later_copy(session: psycopg.Connection[Any]) -> None:
    put(session, event(append_ms=NOW_MS - 5_000))
    register(session, not_before=NOW)
    letter = only(session)
    result = desk(session).redrive(letter.digest)
    assert (result.outcome, result.detail.partition(" ")[0]) == (
        ActionOutcome.STILL_REFUSED,
        "KEY_NOT_YET_VALID",
    )
    assert only(session).reason == "KEY_NOT_YET_VALID", "the latest judgement is shown"
    put(session, event(append_ms=NOW_MS + 5_000, offset=8))
    assert desk(session).redrive(letter.digest).outcome is ActionOutcome.REDRIVEN


def test_a_letter_whose_publisher_sent_another_content_is_never_redriven(
    session: psycopg.Connection[Any],
) -> None:
    """Redriving it would make two contents under one id, and neither would count."""
    put(session, event())
    register(session)
    ledger, letter = Accepted(), only(session)
    better = admit(event(place="railnet:altynkol"), commands.store.load(session), SETTINGS)
    assert isinstance(better, Admitted)
    ledger.apply(session, better, 2)
    result = desk(session, ledger).redrive(letter.digest)
    assert result.outcome is ActionOutcome.REPLACED
    assert only(session).state is LetterState.REPLACED
    assert desk(session, ledger).redrive(letter.digest).outcome is ActionOutcome.ALREADY_REPLACED
    assert len(ledger.applied) == 1


def test_an_open_letter_with_a_proven_id_shows_as_replaced_once_that_id_is_accepted(
    session: psycopg.Connection[Any],
) -> None:
    register(session)
    registry = commands.store.load(session)
    refused = refuse(event(classifier="MAYBE"), registry)
    assert refused.reason == "INVALID_SCHEMA"
    assert refused.publisher == "ktz"
    with session.transaction():
        batch.record_refused(session, [refused], KEEP)
    assert only(session, LetterState.OPEN).event == refused.event
    mended = admit(event(), registry, SETTINGS)
    assert isinstance(mended, Admitted)
    Accepted().apply(session, mended, 2)
    assert store.list_letters(session, store.LetterQuery()) == []
    assert only(session, LetterState.REPLACED).digest == digest(refused.record.headers, refused.record.value)
    assert [(t.publisher, t.state, t.letters) for t in store.tallies(session)] == [("ktz", "REPLACED", 1)]


def test_a_fault_of_ours_leaves_the_letter_and_nothing_half_done(session: psycopg.Connection[Any]) -> None:
    put(session, event())
    register(session)
    letter = only(session)
    result = desk(session, Accepted(fault=ZeroDivisionError("planted"))).redrive(letter.digest)
    assert (result.outcome, result.detail) == (ActionOutcome.FAILED, "ZeroDivisionError: planted")
    assert session.execute("SELECT count(*) FROM lianyun.identity").fetchone() == (0,)
    (shown,) = store.find_by_prefix(session, letter.name)
    assert shown.state is LetterState.OPEN
    assert [o.outcome for o in shown.outcomes] == ["FAILED"]
    assert desk(session).redrive(letter.digest).outcome is ActionOutcome.REDRIVEN


def test_discard_is_written_down_and_can_be_taken_back_by_redriving(session: psycopg.Connection[Any]) -> None:
    put(session, event())
    letter = only(session)
    work = desk(session)
    assert work.discard(letter.digest, "a test message").outcome is ActionOutcome.DISCARDED
    assert work.discard(letter.digest, "again").outcome is ActionOutcome.ALREADY_DISCARDED
    put(session, event(offset=9))
    assert (only(session).state, only(session).count) == (LetterState.DISCARDED, 2)
    register(session)
    assert work.redrive(letter.digest).outcome is ActionOutcome.REDRIVEN
    assert work.discard(letter.digest, "late").outcome is ActionOutcome.ALREADY_REDRIVEN
    assert work.redrive(b"\x00" * 32).outcome is ActionOutcome.NOT_FOUND


def test_a_replacement_must_be_an_accepted_event(session: psycopg.Connection[Any]) -> None:
    put(session, garbage(1))
    register(session)
    letter, ledger = only(session), Accepted()
    work = desk(session, ledger)
    assert work.replaced(letter.digest, "urn:cre:ktz", "arr-2").outcome is ActionOutcome.NO_SUCH_EVENT
    admitted = admit(event("arr-2"), commands.store.load(session), SETTINGS)
    assert isinstance(admitted, Admitted)
    ledger.apply(session, admitted, 2)
    assert work.replaced(letter.digest, "urn:cre:ktz", "arr-2").outcome is ActionOutcome.REPLACED
    assert work.replaced(letter.digest, "urn:cre:ktz", "arr-2").outcome is ActionOutcome.ALREADY_REPLACED


def test_two_redrives_at_once_apply_once(session: psycopg.Connection[Any], dsn: str) -> None:
    put(session, event())
    register(session)
    letter = only(session)
    results: list[ActionOutcome] = []

    def go() -> None:
        with psycopg.connect(dsn, autocommit=True) as own:
            results.append(desk(own).redrive(letter.digest).outcome)

    threads = [threading.Thread(target=go) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == [ActionOutcome.ALREADY_REDRIVEN] * 3 + [ActionOutcome.REDRIVEN]
    (shown,) = store.find_by_prefix(session, letter.name)
    assert [o.outcome for o in shown.outcomes] == ["REDRIVEN"]


def test_pages_filters_and_prefixes(session: psycopg.Connection[Any]) -> None:
    put(session, *(garbage(n, offset=n) for n in range(25)), event())
    seen, last = [], None
    while page := store.list_letters(session, store.LetterQuery(limit=10, before=last)):
        seen += page
        last = page[-1]
    assert len({letter.digest for letter in seen}) == 26
    assert [letter.last.appended for letter in seen] == sorted((n.last.appended for n in seen), reverse=True)
    assert [
        x.reason for x in store.list_letters(session, store.LetterQuery(reason=refuse(event()).reason))
    ] == ["UNKNOWN_KEY"]
    assert len(store.list_letters(session, store.LetterQuery(publisher=TOPIC))) == 25 + 1
    assert store.find_by_prefix(session, "ff" * 32) == []
    with pytest.raises(ValueError):
        store.find_by_prefix(session, "ab")


def test_what_was_signed_rightly_and_sent_to_the_topic_of_another_is_listed_under_both(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    register(session)
    with session.transaction():
        owner = PartyAdded(
            code="kgd",
            name="KGD",
            roles=frozenset({Role.CUSTOMS}),
            sources=frozenset({"urn:cre:kgd"}),
            topics=frozenset({"cre.customs.kgd.v1"}),
        )
        commands.add_party(session, owner, at=NOW, by="op")
    registry = commands.store.read_snapshot(session)
    elsewhere = event()._replace(topic="cre.customs.kgd.v1")
    with session.transaction():
        batch.record_refused(session, [refuse(elsewhere, registry)], KEEP)
    for code in ("ktz", "kgd"):
        query = store.LetterQuery(publisher=code, sources=registry.parties[code].sources)
        (letter,) = store.list_letters(session, query)
        assert (letter.reason, letter.publisher, store.count_letters(session, query)) == (
            "WRONG_TOPIC",
            "kgd",
            1,
        )
        shown = json.loads(command(dsn, "list", "--publisher", code, "--json"))
        assert (shown["total"], shown["letters"][0]["id"]) == (1, "arr-1")
    nobody = store.LetterQuery(publisher="rzd", sources=frozenset({"urn:cre:rzd"}))
    assert store.list_letters(session, nobody) == []
    (fate,) = outcomes.fates_of(session, [event_id("urn:cre:ktz", "arr-1")], "ktz")
    assert fate is not None
    assert fate.reason == "WRONG_TOPIC"


def test_the_list_gives_how_many_there_are_and_the_event_of_each(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    large = event("large", remark="x" * 70_000)
    put(session, *(garbage(n, offset=n) for n in range(3)), large._replace(append_ms=NOW_MS + 9))
    shown = json.loads(command(dsn, "list", "--limit", "1", "--json"))
    assert (shown["total"], len(shown["letters"])) == (4, 1)
    assert {name: shown["letters"][0][name] for name in ("reason", "source", "id", "type")} == {
        "reason": "TOO_LARGE",
        "source": "urn:cre:ktz",
        "id": "large",
        "type": "cre.movement.arrived.v1",
    }
    assert "the latest 1 of 4 open letters; --limit 4 shows all" in command(dsn, "list", "--limit", "1")
    whole = json.loads(command(dsn, "show", shown["letters"][0]["digest"], "--json"))
    assert whole["truncated"]
    assert whole["headers"]["ce_id"] == "large"


def command(dsn: str, *words: str) -> str:
    done = CliRunner().invoke(app, ["dlq", *words], env={"LIANYUN_DSN": dsn}, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_purge_takes_only_what_is_old_in_slices_and_frees_its_room(session: psycopg.Connection[Any]) -> None:
    put(session, *(garbage(n, offset=n) for n in range(40)))
    desk(session).discard(only_digest(garbage(3)), "known")
    gone: dict[LetterState, int] = {}
    while part := store.purge(session, NOW + 30_000, limit=7):
        for state, count in part.items():
            gone[state] = gone.get(state, 0) + count
    assert gone == {LetterState.OPEN: 29, LetterState.DISCARDED: 1}
    assert len(store.list_letters(session, store.LetterQuery(state=None, limit=100))) == 10
    stored = session.execute(
        "SELECT count(*), sum(octet_length(headers) + coalesce(octet_length(value), 0)) FROM lianyun.dead_letter"
    ).fetchone()
    assert used(session)[TOPIC] == stored
    assert session.execute("SELECT count(*) FROM lianyun.dead_letter_outcome").fetchone() == (0,)


def only_digest(record: Record) -> bytes:
    return digest(record.headers, record.value)


def test_workers_put_down_the_same_letters_at_once_without_deadlock(
    session: psycopg.Connection[Any], dsn: str
) -> None:
    failures: list[BaseException] = []

    def go(seed: int) -> None:
        shuffled = random.Random(seed)
        try:
            with psycopg.connect(dsn, autocommit=True) as own:
                for _ in range(15):
                    numbers = shuffled.sample(range(60), 30)
                    put(own, *(garbage(n, offset=n, topic=f"t{n % 5}") for n in numbers))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=go, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    total = session.execute("SELECT sum(count) FROM lianyun.dead_letter").fetchone()
    assert total == (3 * 15 * 30,)
