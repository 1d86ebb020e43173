# ruff: noqa: S608  (the statements of damage are put together from constants)
"""What whoever owns the database did, and fsck once called sound or ended at: each is a finding that names the row.

The database is a whole small platform, with a note that waits to be settled. Each change is made in a transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from services.audit.fsck.check import fsck
from services.audit.report import Damage, Finding
from services.cli.exits import Exit
from services.cli.main import app
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.damage import world
from tests.support.damage.mutations import prepare
from tests.support.damage.report import look
from tests.support.profile import first_of_each
from tests.support.signed_stories import GATEWAY, NETWORK

pytestmark = [pytest.mark.integration, pytest.mark.long]
Session = psycopg.Connection[Any]


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> str:
    address = postgres.fresh_database("tampering")
    world.build(address, tmp_path_factory.mktemp("tampering"))
    with psycopg.connect(address) as session:
        prepare(session)
    return address


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    with psycopg.connect(dsn) as connection:
        connection.execute("SET LOCAL search_path = g1, lianyun")
        yield connection
        connection.rollback()


def test_the_platform_is_sound_and_one_head_waits(session: Session) -> None:
    report = look(session)
    assert report.findings == ()
    assert report.waiting == 1


@dataclass(frozen=True)
class Harm:
    """One change, and what must be found: the kind, and parts of where and of the field."""

    name: str
    statements: tuple[str, ...]
    kind: Damage
    where: str
    field: str


A_LETTER = (
    "(SELECT digest FROM dead_letter WHERE value IS NOT NULL AND state = 'OPEN' ORDER BY digest LIMIT 1)"
)
WAITING = "(SELECT f.cons FROM pending p CROSS JOIN unnest(p.nos) AS n (no) JOIN link l ON l.no = n.no JOIN founding f ON f.cons = l.right_id LIMIT 1)"
AN_EVENT = "(SELECT min(no) FROM claim WHERE part = 1 AND NOT dead)"
PLAIN = "(SELECT max(b.no) FROM body b WHERE EXISTS (SELECT FROM claim c WHERE c.no = b.no) AND b.no NOT IN (SELECT no FROM link))"
ERASED = tuple(
    f"DELETE FROM {table} WHERE no = (SELECT no FROM erased)"
    for table in ("body", "identity", "claim", "mention", "event_trace", "financing_word", "financing_watch")
)
HARMS = (
    # Of credit.
    Harm("credit's cursor deleted", ("DELETE FROM credit_cursor", "DELETE FROM credit_observation WHERE bad > 0"),
         Damage.CREDIT, "credit_cursor", "row"),
    Harm("credit's cursor of other rules", ("UPDATE credit_cursor SET version = 'x'", "DELETE FROM credit_observation WHERE bad > 0"),
         Damage.CREDIT, "credit_cursor", "version"),
    Harm("credit's cursor moved on", ("UPDATE credit_cursor SET no = no + 1",), Damage.CREDIT, "credit_cursor", "xid and no"),
    Harm("bad debts gone beside what waits", (
        "DELETE FROM credit_count c USING credit_observation o WHERE o.bad > 0 AND (o.shipper, o.signal, o.day) = (c.shipper, c.signal, c.day)",
        "DELETE FROM credit_observation WHERE bad > 0"), Damage.CREDIT, "credit observation", "row"),
    Harm("unknown signal", ("UPDATE credit_count SET signal = 99 WHERE ctid = (SELECT min(ctid) FROM credit_count)",),
         Damage.CREDIT, "signal 99", "trials and bad"),
    Harm("unknown signal observed", ("UPDATE credit_observation SET signal = 99 WHERE ctid = (SELECT min(ctid) FROM credit_observation)",),
         Damage.UNREADABLE, "credit_observation", "value"),
    # Of dead letters.
    Harm("cut letter", (f"UPDATE dead_letter SET truncated = true, value = set_byte(value, 0, 1) WHERE digest = {A_LETTER}",),
         Damage.LETTER, "dead_letter ", "truncated"),
    Harm("cut letter without its seal", (
        f"UPDATE dead_letter SET truncated = true, seal = NULL, value = set_byte(value, 0, 1) WHERE digest = {A_LETTER}",),
         Damage.LETTER, "dead_letter ", "seal"),
    Harm("letter discarded by nobody", (f"UPDATE dead_letter SET state = 'DISCARDED' WHERE digest = {A_LETTER}",),
         Damage.LETTER, "dead_letter ", "state"),
    Harm("letter opened again", ("UPDATE dead_letter SET state = 'OPEN' WHERE state = 'DISCARDED'",),
         Damage.LETTER, "dead_letter ", "state"),
    # Beside a note that waits.
    Harm("head beside a note", (f"UPDATE head SET disputes = disputes + 1 WHERE cons = {WAITING}",), Damage.HEAD, "consignment", "disputes"),
    Harm("reach beside a note", (f"UPDATE reach SET engaged = engaged || 9::bigint WHERE cons = {WAITING}",),
         Damage.REACH, "consignment", "engaged"),
    Harm("head beside a forged note", (
        "INSERT INTO pending (judged, nos, consignments) SELECT '{}', '{}', array_agg(cons) FROM head",
        "UPDATE head SET exceptions = exceptions + 1 WHERE cons = (SELECT min(cons::text)::uuid FROM head WHERE founded)"),
         Damage.HEAD, "consignment", "exceptions"),
    Harm("note of the future", ("UPDATE pending SET mark = '9000000000'",), Damage.LEDGER, "pending ", "mark"),
    Harm("dead beside a forged note", (
        "INSERT INTO pending (judged, nos, consignments) SELECT array_agg(id), '{}', '{}' FROM dead",
        "UPDATE dead SET reason = 4 WHERE reason = 1"), Damage.LIVENESS, "dead ", "reason"),
    # Of the ledger.
    Harm("append time", (f"UPDATE body SET appended = appended + 31557600000000 WHERE no = {AN_EVENT}",),
         Damage.LEDGER, "events of the batch from", "appended"),
    Harm("rules of admission", (f"UPDATE body SET rules = rules + 1 WHERE no = {AN_EVENT}",),
         Damage.LEDGER, "events of the batch from", "versions"),
    Harm("event erased, read as a duplicate", (
        f"CREATE TEMP TABLE erased AS SELECT {PLAIN} AS no", *ERASED,
        "UPDATE batch SET events = events - 1 WHERE first_no = (SELECT no FROM erased) / 4096 * 4096"),
         Damage.LEDGER, "events of the batch from", "batch"),
    Harm("event erased, read as a hole", (
        f"CREATE TEMP TABLE erased AS SELECT {PLAIN} AS no", *ERASED,
        "UPDATE kafka_offset SET events = events - (SELECT taken FROM batch WHERE first_no = (SELECT no FROM erased) / 4096 * 4096),"
        " holes = holes + (SELECT taken FROM batch WHERE first_no = (SELECT no FROM erased) / 4096 * 4096) WHERE part = 4",
        "DELETE FROM batch WHERE first_no = (SELECT no FROM erased) / 4096 * 4096"),
         Damage.LEDGER, "kafka_offset", "holes"),
    # Of financing: a part of what secures a debt, given back by a row that nobody decided.
    Harm("partial release forged", (
        "INSERT INTO financing_decision SELECT (jsonb_populate_record(d, jsonb_build_object('number', n.number + 1, 'before', d.number,"
        " 'action', 'RELEASE_PART', 'outcome', 'DONE', 'idempotency', 'forged', 'amount', 100000000, 'at', d.at + 1))).*"
        " FROM financing_decision d, (SELECT max(number) AS number FROM financing_decision) AS n"
        " WHERE d.action = 'DRAW' AND d.outcome = 'DONE' AND d.financing = 'abank/GD-1'",),
         Damage.FINANCING, "RELEASE_PART on abank/GD-1", "waiver"),
    # What cannot be read.
    Harm("unknown role", ("UPDATE party SET roles = roles || 'emperor'::text WHERE no = 3",), Damage.REGISTRY, "party ", "roles"),
    Harm("decision without its amount", ("UPDATE financing_decision SET amount = NULL WHERE amount IS NOT NULL",),
         Damage.DECISION, "financing_decision ", "amount"),
    Harm("unknown action", ("UPDATE financing_decision SET action = 'STEAL' WHERE number = (SELECT min(number) FROM financing_decision)",),
         Damage.UNREADABLE, "financing_decision ", "value"),
    Harm("unknown step", ("UPDATE case_step SET kind = 'eaten' WHERE number = (SELECT min(number) FROM case_step)",),
         Damage.UNREADABLE, "case_step ", "value"),
    Harm("unknown kind of cause", ("UPDATE case_cause SET kind = 'BLISS' WHERE ctid = (SELECT min(ctid) FROM case_cause)",),
         Damage.UNREADABLE, "case_cause ", "value"),
    Harm("unknown assurance", (f"UPDATE claim SET assurance = 9 WHERE no = {AN_EVENT}",), Damage.FACT, "claim of event", "assurance"),
    Harm("registry event of another kind", ("UPDATE registry_event SET body = '[]' WHERE version = 5",), Damage.REGISTRY, "registry_event 5", "body"),
)  # fmt: skip


@pytest.mark.parametrize(
    "harm", first_of_each(HARMS, lambda harm: harm.kind, lambda harm: harm.name.replace(" ", "-"))
)
def test_what_was_changed_is_named(session: Session, harm: Harm) -> None:
    changed = [session.execute(statement.encode()).rowcount for statement in harm.statements]
    assert changed[-1] != 0, f"nothing was changed by {harm.statements[-1]}"
    report = look(session)
    shown = "\n".join(map(str, report.findings))
    assert any(_is(finding, harm) for finding in report.findings), shown or "sound"


def _is(finding: Finding, harm: Harm) -> bool:
    return finding.kind is harm.kind and harm.where in finding.where and harm.field in finding.field


@pytest.mark.long
def test_what_cannot_be_read_ends_no_check(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A column that no release has, and tables without rows that must be there: findings, exit 1, and everything else looked at."""
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_NETWORK", NETWORK)
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("ALTER TABLE lianyun.credit_observation RENAME COLUMN unit TO part")
        session.execute("ALTER TABLE lianyun.dead_letter RENAME COLUMN reason TO cause")
        try:
            report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}), patience=0.0)
            result = CliRunner().invoke(app, ["fsck"])
        finally:
            session.execute("ALTER TABLE lianyun.credit_observation RENAME COLUMN part TO unit")
            session.execute("ALTER TABLE lianyun.dead_letter RENAME COLUMN cause TO reason")
    assert {finding.kind for finding in report.findings} == {Damage.UNREADABLE}
    of_log = "tables of the transparency log"  # which compares dead letters with its entries
    assert {finding.where for finding in report.findings} == {"credit_observation", "dead_letter", of_log}
    assert report.counts["case_consignments"] > 0
    assert report.counts["consignments"] > 0
    assert result.exit_code == Exit.FAILED, result.output


def test_a_state_of_other_rules_is_a_finding(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("UPDATE lianyun.generation SET state = 'RETIRED' WHERE state = 'CURRENT'")
        try:
            report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
        finally:
            session.execute("UPDATE lianyun.generation SET state = 'CURRENT'")
    assert [finding.kind for finding in report.findings] == [Damage.GENERATION]
