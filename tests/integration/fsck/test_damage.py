# ruff: noqa: S608  (the statements of damage are put together from constants)
"""Each kind of damage that somebody could do by SQL is found, with its row, its publisher and its field.

The database holds all stories, told as signed messages. Each test damages it in one way, in a transaction that is rolled
back. The check must name that damage, and must not name anything that the damage does not touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from services.audit.fsck.check import examine, fsck
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Damage, Report, ThrottledProgress
from services.ledger.admission.model import AdmissionSettings
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAmended
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.damage.world import begin_log
from tests.support.profile import first_of_each
from tests.support.signed_stories import APPENDED_MS, GATEWAY, NETWORK, all_stories, tell

pytestmark = pytest.mark.integration
Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def told(postgres: DatabaseAddress) -> str:
    """A database with every story, settled, and its transparency log over all of it."""
    dsn = postgres.fresh_database("fsck_told")
    tell(dsn, all_stories())
    with psycopg.connect(dsn) as connection:
        last = max(store.load(connection).parties.values(), key=lambda party: party.no)
        later = PartyAmended(code=last.code, since=2_000 * APPENDED_MS, name="of another name since")
        commands.amend_party(connection, later, at=1_000 * APPENDED_MS, by="test")
    begin_log(dsn)
    return dsn


@pytest.fixture
def session(told: str) -> Iterator[Session]:
    """A transaction to damage it in, which never becomes anybody else's truth."""
    with psycopg.connect(told) as connection:
        connection.execute("SET LOCAL search_path = g1, lianyun")
        yield connection
        connection.rollback()


def check(session: Session) -> Report:
    """The check as this transaction sees the store."""
    settings = AdmissionSettings(NETWORK, frozenset({GATEWAY}))
    snapshot = Snapshot(session)
    findings, _, stale = examine(snapshot, settings, ThrottledProgress(None))
    return findings.report(0.0, len(stale))


def test_a_sound_store_has_no_findings_and_everything_was_looked_at(told: str) -> None:
    stages: list[str] = []
    report = fsck(
        told,
        NETWORK,
        lambda stage, _done, _of: stages.append(stage),
        gateway_topics=frozenset({GATEWAY}),
    )
    assert report.findings == ()
    assert report.sound
    assert report.waiting == 0
    with psycopg.connect(told) as session:
        for count, query in (
            ("events", "SELECT count(*) FROM lianyun.body"),
            ("claim_rows", "SELECT count(*) FROM g1.claim"),
            ("link_rows", "SELECT count(*) FROM g1.link"),
            ("dead_letters", "SELECT count(*) FROM lianyun.dead_letter"),
            ("dead_events", "SELECT count(*) FROM g1.dead"),
            ("offsets", "SELECT sum(next_offset) FROM lianyun.kafka_offset"),
        ):
            (expected,) = session.execute(query.encode()).fetchone() or (None,)
            assert report.counts[count] == expected > 0, count
        (founded,) = session.execute("SELECT count(DISTINCT cons) FROM g1.founding").fetchone() or (0,)
    assert report.counts["consignments"] >= founded > 50
    assert report.counts["transparency_entries"] > report.counts["events"] + report.counts["dead_letters"]
    assert {"events", "ledger", "liveness", "links", "trains", "consignments"} <= set(stages)


@dataclass(frozen=True)
class Case:
    """One damage: the statements, and what must be found. ``where`` may hold %s for what ``key`` selects beforehand."""

    name: str
    statements: tuple[str, ...]
    kind: Damage
    field: str
    where: str
    key: str = ""
    publisher: bool = True  # the finding must name one
    only: bool = True  # no other kind of damage may be found, but for the log's


LOGGED = frozenset(
    {
        "payload byte",
        "every attribute",
        "signature",
        "headers cut",
        "body deleted",
        "body and identity deleted",
        "event with all its rows deleted",
        "append time before the key's window",
        "append time before publication",
        "topic",
        "origin taken twice",
        "batch deleted",
        "letter deleted",
        "letter's reason",
    }
)
"""The damage that the transparency log names too: of what joined it. Everything else follows from that, or is judged by it."""
A_CLAIM = "(SELECT ctid FROM claim WHERE part = 1 AND kind = 4 AND NOT dead ORDER BY no, object LIMIT 1)"
A_BODY = "(SELECT min(no) FROM claim WHERE part = 1 AND NOT dead)"
OPEN_LINK = (
    "(SELECT ctid FROM link WHERE kind = 1 AND NOT dead AND end_at IS NULL ORDER BY no, left_id LIMIT 1)"
)
LISTED = """
FROM link l JOIN link n ON n.left_id = l.left_id AND n.kind = 6 AND n.publisher = l.publisher AND n.start_at = l.until
    AND n.right_id <> l.right_id AND n.territorial AND NOT n.dead
WHERE l.kind = 6 AND NOT l.dead AND l.end_at IS NULL ORDER BY l.no, n.no LIMIT 1
"""
A_RIDE, A_LIST = f"(SELECT l.ctid {LISTED})", f"(SELECT n.ctid {LISTED})"
"""A ride that ended by the list of its wagon for a later run, and that list."""
A_HEAD = "(SELECT min(cons::text)::uuid FROM head WHERE founded AND movement IS NOT NULL)"
A_TRAIN = "(SELECT min(train::text)::uuid FROM train_head WHERE milestone IS NOT NULL)"
CASES = (
    # What was published.
    Case("payload byte", (f"UPDATE body SET payload = set_byte(payload, 60, get_byte(payload, 60) # 1) WHERE no = {A_BODY}",),
         Damage.SIGNATURE, "payload or headers", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("every attribute", (f"UPDATE body SET headers = replace(encode(headers, 'escape'), '.v1', '.v2')::bytea WHERE no = {A_BODY}",),
         Damage.IDENTITY, "content", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("signature", (f"UPDATE body SET headers = set_byte(headers, length(headers) - 20, CASE get_byte(headers, length(headers) - 20) WHEN 65 THEN 66 ELSE 65 END) WHERE no = {A_BODY}",),
         Damage.SIGNATURE, "signature", "event %s (", f"SELECT {A_BODY}"),
    Case("headers cut", (f"UPDATE body SET headers = substr(headers, 1, 30) WHERE no = {A_BODY}",),
         Damage.SIGNATURE, "headers", "event %s (", f"SELECT {A_BODY}"),
    Case("body deleted", (f"DELETE FROM body WHERE no = {A_BODY}",),
         Damage.BODY, "row", "body of event %s (identity", f"SELECT {A_BODY}", publisher=False, only=False),
    Case("body and identity deleted", (f"DELETE FROM identity WHERE no = {A_BODY}", f"DELETE FROM body WHERE no = {A_BODY}"),
         Damage.LEDGER, "events", "batch of event numbers from", publisher=False, only=False),
    Case("event with all its rows deleted", ("DELETE FROM identity WHERE no = (SELECT min(no) FROM passing)", "DELETE FROM body WHERE no = (SELECT min(no) FROM passing)",
         "DELETE FROM mention WHERE no = (SELECT min(no) FROM passing)", "DELETE FROM passing WHERE no = (SELECT min(no) FROM passing)"),
         Damage.LEDGER, "events", "batch of event numbers from", publisher=False),
    Case("append time before the key's window", ("UPDATE party_key SET not_before = not_before", f"UPDATE body SET appended = -1000 WHERE no = {A_BODY}"),
         Damage.ADMISSION, "appended", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("append time before publication", (f"UPDATE body SET appended = 1000000 WHERE no = {A_BODY}",),
         Damage.ADMISSION, "appended", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("registry version", (f"UPDATE body SET registry = 0 WHERE no = {A_BODY}",),
         Damage.ADMISSION, "key_id", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("registry version that never was", (f"UPDATE body SET registry = 99999 WHERE no = {A_BODY}",),
         Damage.ADMISSION, "registry", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("key id", (f"UPDATE body SET key_id = key_id + 1 WHERE no = {A_BODY}",),
         Damage.ADMISSION, "key_id", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("topic", ("INSERT INTO topic (name) VALUES ('cre.other.v1')", f"UPDATE body SET topic = (SELECT max(no) FROM topic) WHERE no = {A_BODY}"),
         Damage.ADMISSION, "topic", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("origin taken twice", (f'UPDATE body SET "offset" = (SELECT "offset" FROM body WHERE no > {A_BODY} ORDER BY no LIMIT 1) WHERE no = {A_BODY}',),
         Damage.BODY, "offset", "body of events %s, ", f"SELECT {A_BODY}", publisher=False, only=False),
    # What it is called.
    Case("identity's content", (f"UPDATE identity SET content = gen_random_uuid() WHERE no = {A_BODY}",),
         Damage.IDENTITY, "content", "of event %s (", f"SELECT {A_BODY}"),
    Case("identity deleted", (f"DELETE FROM identity WHERE no = {A_BODY}",),
         Damage.IDENTITY, "no", "of event %s (", f"SELECT {A_BODY}"),
    Case("body's id", (f"UPDATE body SET id = gen_random_uuid() WHERE no = {A_BODY}",),
         Damage.IDENTITY, "id", "event %s (", f"SELECT {A_BODY}", only=False),
    Case("variant deleted", ("DELETE FROM variant WHERE no = (SELECT min(no) FROM variant)",),
         Damage.IDENTITY, "no", "of event %s (", "SELECT min(no) FROM variant", only=False),
    # What it says.
    Case("claim's time", (f"UPDATE claim SET happened = happened + 60000000 WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "happened", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim's publisher", (f"UPDATE claim SET publisher = publisher + 1 WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "publisher", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim's object", (f"UPDATE claim SET object = gen_random_uuid() WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "object", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim's authority", (f"UPDATE claim SET territorial = NOT territorial WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "territorial", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim's assurance", (f"UPDATE claim SET assurance = assurance % 3 + 1 WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "assurance", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim deleted", (f"DELETE FROM claim WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "row", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim doubled", (f"INSERT INTO claim SELECT * FROM claim WHERE ctid = {A_CLAIM}",),
         Damage.FACT, "row", "claim of event %s (", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("claim out of nothing", (
        f"CREATE TEMP TABLE c AS SELECT * FROM claim WHERE ctid = {A_CLAIM}", "UPDATE c SET no = no + 4000", "INSERT INTO claim SELECT * FROM c"),
         Damage.FACT, "row", "claim of event %s, which is not stored", f"SELECT no + 4000 FROM claim WHERE ctid = {A_CLAIM}", publisher=False, only=False),
    Case("link's start", (f"UPDATE link SET start_at = start_at - 1 WHERE ctid = {OPEN_LINK}",),
         Damage.FACT, "start_at", "link of event %s (", f"SELECT no FROM link WHERE ctid = {OPEN_LINK}"),
    Case("link's names", (f"UPDATE link SET names = names || 7::bigint WHERE ctid = {OPEN_LINK}",),
         Damage.FACT, "names", "link of event %s (", f"SELECT no FROM link WHERE ctid = {OPEN_LINK}"),
    Case("founding's names", ("UPDATE founding SET names = '{}' WHERE no = (SELECT min(no) FROM founding WHERE names <> '{}')",),
         Damage.FACT, "names", "founding of event %s (", "SELECT min(no) FROM founding WHERE names <> '{}'"),
    Case("withdrawal deleted", ("DELETE FROM withdrawal WHERE no = (SELECT min(no) FROM withdrawal)",),
         Damage.FACT, "row", "withdrawal of event %s (", "SELECT min(no) FROM withdrawal"),
    Case("withdrawal's target", ("UPDATE withdrawal SET target = gen_random_uuid() WHERE no = (SELECT min(no) FROM withdrawal)",),
         Damage.FACT, "target", "withdrawal of event %s (", "SELECT min(no) FROM withdrawal"),
    Case("mention deleted", ("DELETE FROM mention WHERE no = (SELECT min(no) FROM mention)",),
         Damage.FACT, "row", "mention of event %s (", "SELECT min(no) FROM mention"),
    Case("passing deleted", ("DELETE FROM passing WHERE no = (SELECT min(no) FROM passing)",),
         Damage.FACT, "row", "passing of event %s (", "SELECT min(no) FROM passing"),
    # Whether it counts.
    Case("withdrawn row counts again", ("UPDATE claim SET dead = false WHERE no = (SELECT min(no) FROM claim WHERE dead)",),
         Damage.LIVENESS, "dead", "claim of event %s", "SELECT min(no) FROM claim WHERE dead"),
    Case("live row made dead", (f"UPDATE claim SET dead = true WHERE ctid = {A_CLAIM}",),
         Damage.LIVENESS, "dead", "of event %s", f"SELECT no FROM claim WHERE ctid = {A_CLAIM}"),
    Case("dead deleted", ("DELETE FROM dead WHERE id = (SELECT min(id::text)::uuid FROM dead)",),
         Damage.LIVENESS, "row", "dead %s", "SELECT replace(min(id::text), '-', '') FROM dead", publisher=False),
    Case("dead out of nothing", ("INSERT INTO dead VALUES (gen_random_uuid(), 1)",),
         Damage.LIVENESS, "row", "dead ", publisher=False),
    Case("reason", ("UPDATE dead SET reason = 4 WHERE id = (SELECT min(id::text)::uuid FROM dead)",),
         Damage.LIVENESS, "reason", "dead %s", "SELECT replace(min(id::text), '-', '') FROM dead", publisher=False),
    Case("quarantined by nobody", (f"INSERT INTO quarantine VALUES ({A_BODY})",),
         Damage.LIVENESS, "quarantine", "event %s (", f"SELECT {A_BODY}"),
    # What follows.
    Case("link's end", (f"UPDATE link SET until = until - 1 WHERE ctid = {OPEN_LINK}",),
         Damage.LINK_END, "until", "link of event %s ", f"SELECT no FROM link WHERE ctid = {OPEN_LINK}"),
    Case("ride's end", (f"UPDATE link SET until = 4611686018427387904 WHERE ctid = {A_RIDE}",),
         Damage.LINK_END, "until", "link of event %s ", f"SELECT no FROM link WHERE ctid = {A_RIDE}"),
    Case("list's authority", (f"UPDATE link SET territorial = false WHERE ctid = {A_LIST}",),
         Damage.FACT, "territorial", "link of event %s (", f"SELECT no FROM link WHERE ctid = {A_LIST}"),
    Case("list's start", (f"UPDATE link SET start_at = start_at + 1 WHERE ctid = {A_LIST}",),
         Damage.FACT, "start_at", "link of event %s (", f"SELECT no FROM link WHERE ctid = {A_LIST}"),
    Case("list deleted", (f"DELETE FROM link WHERE ctid = {A_LIST}",),
         Damage.FACT, "row", "link of event %s (", f"SELECT no FROM link WHERE ctid = {A_LIST}"),
    Case("document's end", ("UPDATE link SET until = 5 WHERE no = (SELECT min(no) FROM link WHERE kind = 2)",),
         Damage.LINK_END, "until", "link of event %s", "SELECT min(no) FROM link WHERE kind = 2", publisher=False),
    Case("group", ("DELETE FROM canonical WHERE cons = (SELECT min(cons::text)::uuid FROM canonical WHERE cons <> canonical)",),
         Damage.CANONICAL, "canonical", "consignment %s", "SELECT replace(min(cons::text), '-', '') FROM canonical WHERE cons <> canonical", publisher=False),
    Case("engaged", (f"UPDATE reach SET engaged = engaged || 9::bigint WHERE cons = {A_HEAD}",),
         Damage.REACH, "engaged", "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')"),
    Case("parts", (f"UPDATE reach SET parts = parts || cons WHERE cons = {A_HEAD}",),
         Damage.REACH, "parts", "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')"),
    Case("reach deleted", (f"DELETE FROM reach WHERE cons = {A_HEAD}",),
         Damage.REACH, "row", "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')"),
    *(
        Case(f"head's {column}", (f"UPDATE head SET {column} = {value} WHERE cons = {A_HEAD}",),
             Damage.HEAD, column, "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')")
        for column, value in (
            ("movement", "movement[:4] || 301::bigint || movement[6:]"), ("movement", "NULL"), ("boxes", "boxes + 1"),
            ("behind", "behind + 1"), ("disputes", "disputes + 1"), ("exceptions", "exceptions + 1"),
            ("cn", "ARRAY[1, 1, 1, 1, 1, 1]"), ("eu", "ARRAY[1, 1, 1, 1, 1, 1]"), ("document", "ARRAY[1, 1, 1, 1, 1, 1]"), ("founded", "false"),
        )
    ),
    Case("head deleted", (f"DELETE FROM head WHERE cons = {A_HEAD}",),
         Damage.HEAD, "row", "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')"),
    Case("head out of nothing", ("INSERT INTO head (cons, founded) VALUES (gen_random_uuid(), true)",),
         Damage.HEAD, "founded", "consignment ", publisher=False),
    Case("broken head", (f"UPDATE head SET broken = true WHERE cons = {A_HEAD}",),
         Damage.HEAD, "broken", "consignment %s", f"SELECT replace({A_HEAD}::text, '-', '')"),
    Case("train's milestone", (f"UPDATE train_head SET milestone = milestone[:5] || 0::bigint WHERE train = {A_TRAIN}",),
         Damage.TRAIN_HEAD, "milestone", "train %s", f"SELECT replace({A_TRAIN}::text, '-', '')"),
    Case("train head deleted", (f"DELETE FROM train_head WHERE train = {A_TRAIN}",),
         Damage.TRAIN_HEAD, "row", "train %s", f"SELECT replace({A_TRAIN}::text, '-', '')"),
    # What was read.
    Case("offset moved on", ("UPDATE kafka_offset SET next_offset = next_offset + 5",),
         Damage.LEDGER, "next_offset", "kafka_offset cre.gateway.v1[0]", publisher=False),
    Case("offset moved back", ("UPDATE kafka_offset SET next_offset = next_offset - 10",),
         Damage.LEDGER, "next_offset", "kafka_offset cre.gateway.v1[0]", publisher=False),
    Case("offset and its sum moved back", ("UPDATE kafka_offset SET next_offset = next_offset - 300, events = events - 300",),
         Damage.LEDGER, "next_offset", "kafka_offset cre.gateway.v1[0]", publisher=False, only=False),
    Case("offset and its sum moved on", ("UPDATE kafka_offset SET next_offset = next_offset + 3, events = events + 3",),
         Damage.LEDGER, "events", "kafka_offset and batch", publisher=False),
    Case("last record beyond the next", ("UPDATE kafka_offset SET last_offset = next_offset, last_digest = sha256('')",),
         Damage.LEDGER, "last_offset", "kafka_offset cre.gateway.v1[0]", publisher=False),
    Case("digest of the last record cut", ("UPDATE kafka_offset SET last_offset = 0, last_digest = '\\x00'",),
         Damage.LEDGER, "last_offset", "kafka_offset cre.gateway.v1[0]", publisher=False),
    Case("offset row deleted", ("DELETE FROM kafka_offset",),
         Damage.LEDGER, "row", "kafka_offset cre.gateway.v1[0]", publisher=False, only=False),
    Case("batch deleted", ("DELETE FROM batch WHERE first_no = (SELECT min(first_no) FROM batch)",),
         Damage.LEDGER, "row", "batch of event numbers from %s", "SELECT min(first_no) FROM batch", publisher=False),
    Case("batch's count", ("UPDATE batch SET events = events + 1 WHERE first_no = (SELECT min(first_no) FROM batch)",),
         Damage.LEDGER, "events", "batch of event numbers from %s", "SELECT min(first_no) FROM batch", publisher=False),
    Case("numbers set back", ("ALTER SEQUENCE event_block RESTART WITH 4096",),
         Damage.LEDGER, "last_value", "event_block", publisher=False),
    # What was refused.
    Case("letter's bytes", ("UPDATE dead_letter SET value = value || 'x'::bytea WHERE digest = (SELECT digest FROM dead_letter ORDER BY 1 LIMIT 1)",),
         Damage.LETTER, "headers or value", "dead_letter %s", "SELECT encode(digest, 'hex') FROM dead_letter ORDER BY digest LIMIT 1", only=True),
    Case("letter deleted", ("DELETE FROM dead_letter WHERE digest = (SELECT digest FROM dead_letter ORDER BY 1 LIMIT 1)",),
         Damage.LETTER, "letters", "dead_letter_usage cre.gateway.v1"),
    Case("letter's state", ("UPDATE dead_letter SET state = 'REDRIVEN' WHERE digest = (SELECT digest FROM dead_letter ORDER BY 1 LIMIT 1)",),
         Damage.LETTER, "state", "dead_letter %s", "SELECT encode(digest, 'hex') FROM dead_letter ORDER BY digest LIMIT 1"),
    Case("letter's reason", ("UPDATE dead_letter SET reason = 'NICE' WHERE digest = (SELECT digest FROM dead_letter ORDER BY 1 LIMIT 1)",),
         Damage.LETTER, "reason", "dead_letter %s", "SELECT encode(digest, 'hex') FROM dead_letter ORDER BY digest LIMIT 1"),
    # Who may speak.
    Case("party's territory", ("UPDATE party SET countries = '{AQ}' WHERE no = 1",),
         Damage.REGISTRY, "countries", "party %s", "SELECT code FROM party WHERE no = 1"),
    Case("party's role", ("UPDATE party SET roles = roles || 'customs'::text || 'bank'::text WHERE no = 1",),
         Damage.REGISTRY, "roles", "party %s", "SELECT code FROM party WHERE no = 1"),
    Case("party's first day", ("UPDATE party SET since = 9 WHERE no = 1",),
         Damage.REGISTRY, "since", "party %s", "SELECT code FROM party WHERE no = 1"),
    Case("party's earlier shape", ("UPDATE party_earlier SET roles = roles || 'bank'::text",),
         Damage.REGISTRY, "roles", "party_earlier %s", "SELECT p.code || ' of version ' || e.version FROM party_earlier e JOIN party p ON p.no = e.party"),
    Case("party's earlier shape forgotten", ("DELETE FROM party_earlier",),
         Damage.REGISTRY, "row", "party_earlier %s", "SELECT p.code || ' of version ' || e.version FROM party_earlier e JOIN party p ON p.no = e.party"),
    Case("source given away", ("UPDATE party_source SET party = party % 5 + 1 WHERE source = (SELECT min(source) FROM party_source)",),
         Damage.REGISTRY, "party", "party_source %s", "SELECT min(source) FROM party_source"),
    Case("key's window", ("UPDATE party_key SET not_before = 5 WHERE key_id = (SELECT min(key_id) FROM party_key)",),
         Damage.REGISTRY, "not_before", "party_key %s", "SELECT min(key_id) FROM party_key"),
    Case("key unrevoked", ("UPDATE party_key SET revoked_at = 1 WHERE key_id = (SELECT min(key_id) FROM party_key)",),
         Damage.REGISTRY, "revoked_at", "party_key %s", "SELECT min(key_id) FROM party_key"),
    Case("key deleted", ("DELETE FROM party_key WHERE key_id = (SELECT min(key_id) FROM party_key)",),
         Damage.REGISTRY, "row", "party_key %s", "SELECT min(key_id) FROM party_key"),
    Case("version", ("UPDATE registry_version SET version = version - 1",),
         Damage.REGISTRY, "version", "registry_version", publisher=False),
    Case("version deleted", ("DELETE FROM registry_version",),
         Damage.REGISTRY, "version", "registry_version", publisher=False),
    Case("registry event", ("ALTER TABLE registry_event DISABLE TRIGGER ALL", "UPDATE registry_event SET body = jsonb_set(body, '{roles}', '[\"bank\"]') WHERE version = 1"),
         Damage.REGISTRY, "roles", "party %s", "SELECT code FROM party WHERE no = 1", only=False),
    Case("registry event deleted", ("ALTER TABLE registry_event DISABLE TRIGGER ALL", "DELETE FROM registry_event WHERE version = (SELECT max(version) FROM registry_event)"),
         Damage.REGISTRY, "version", "registry_version", publisher=False, only=False),
    # Which trace it is of.
    Case("trace without its event", ("INSERT INTO event_trace VALUES (1, gen_random_uuid(), 1, true)",),
         Damage.TRACE, "no", "event_trace 1", publisher=False),
    Case("trace of an event that came without", (f"INSERT INTO event_trace VALUES ({A_BODY}, gen_random_uuid(), 1, true)",),
         Damage.TRACE, "trace", "event_trace %s", f"SELECT {A_BODY}", publisher=False),
    # What numbers stand for.
    Case("term", ("UPDATE term SET text = 'somebody else' WHERE number = (SELECT publisher FROM claim LIMIT 1)",),
         Damage.TERM, "text", "term %s", "SELECT publisher FROM claim LIMIT 1", publisher=False),
    Case("term deleted", ("DELETE FROM term WHERE number = (SELECT publisher FROM claim LIMIT 1)",),
         Damage.TERM, "row", "term %s", "SELECT publisher FROM claim LIMIT 1", publisher=False),
)  # fmt: skip


@pytest.mark.parametrize(
    "case", first_of_each(CASES, lambda case: case.kind, lambda case: case.name.replace(" ", "-"))
)
def test_damage_is_found_and_named(session: Session, case: Case) -> None:
    where = case.where
    if case.key:
        (key,) = session.execute(case.key.encode()).fetchone() or (None,)
        where %= key
    for statement in case.statements:
        changed = session.execute(statement.encode()).rowcount
        assert changed != 0, f"nothing was damaged by {statement}"
    report = check(session)
    shown = "\n".join(map(str, report.findings))
    named = [f for f in report.findings if f.kind is case.kind and f.field == case.field and where in f.where]
    assert named, f"{case.kind} {where} {case.field} is not among:\n{shown}"
    assert all(f.publisher or not case.publisher for f in named), shown
    assert all(f.remedy and f.stored != f.expected for f in named), shown
    kinds = {f.kind for f in report.findings}
    assert (Damage.TRANSPARENCY in kinds) is (case.name in LOGGED), shown
    if case.only:
        assert kinds - {Damage.TRANSPARENCY} == {case.kind}, shown
    assert not report.sound


def test_each_kind_of_damage_is_tested() -> None:
    # These have databases of their own (tests/integration/arrival, cases, credit, documents and financing, test_unreadable).
    # Registers and the access log: test_registers.py. The transparency log: tests/integration/transparency.
    elsewhere = {
        Damage.ARRIVAL, Damage.CASE, Damage.CREDIT, Damage.DECISION, Damage.FINANCING, Damage.GENERATION, Damage.UNREADABLE,
        Damage.AUDIT, Damage.ACCESS_LOG, Damage.RELEASE, Damage.WEBHOOK, Damage.TRANSPARENCY, Damage.DOCUMENT,
    }  # fmt: skip
    assert {case.kind for case in CASES} == set(Damage) - elsewhere
