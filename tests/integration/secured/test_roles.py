"""The database's roles on a real server: the owner migrates, the worker writes and makes no tables, the reader reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from pydantic import SecretStr

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.api import statement
from services.arrival.store import projector as arrival
from services.audit.fsck.check import fsck
from services.credit.store import projector
from services.ledger.audit_trail.digests import COLUMNS, seal
from services.ledger.storage.bodies import SPAN, prepare_partitions
from services.ledger.storage.migrate import migrate
from services.ledger.storage.session import open_session
from services.monitoring.exporter.process import Exporter, SampleStore, measurements
from services.monitoring.exporter.settings import ExporterSettings
from services.statistics.store.publisher import publish_due
from services.telemetry import gauges
from services.testbed.localstack import LocalStack
from services.transparency.domain.keys import LogSigner
from services.transparency.store import log

pytestmark = pytest.mark.integration
ROLES = Path(__file__).resolve().parents[3] / "infra" / "postgres" / "roles.sql"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with LocalStack(kafka=False) as stack:
        head, _, _ = stack.database.admin_dsn.rpartition("/")
        with psycopg.connect(f"{head}/lianyun", autocommit=True) as admin:
            for _ in range(2):
                admin.execute(ROLES.read_bytes())
            for role in (
                "owner",
                "worker",
                "credit",
                "arrival",
                "transparency",
                "cases",
                "exporter",
                "api",
                "webhooks",
                "reader",
            ):
                admin.execute(f"ALTER ROLE lianyun_{role} PASSWORD 'only-here'".encode())
        address = f"postgresql://lianyun_ROLE:only-here@{head.rpartition('@')[2]}/lianyun"
        migrate(address.replace("ROLE", "owner"))
        yield address


def test_the_worker_makes_room_for_events_through_the_owner_and_nothing_else(server: str) -> None:
    with open_session(server.replace("ROLE", "worker")) as session:
        assert prepare_partitions(session, 2 * SPAN) >= 3 * SPAN
        session.execute("INSERT INTO lianyun.topic (name) VALUES ('cre.test.v1')")
        session.commit()
        for forbidden in (
            "CREATE TABLE lianyun.mine ()",
            "DROP TABLE lianyun.topic",
            "TRUNCATE lianyun.topic",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden.encode())
            session.rollback()


def test_the_owner_sees_what_sessions_of_others_do_and_ends_them(server: str) -> None:
    """What the runbooks of a long transaction and of too many sessions have an operator do."""
    with (
        psycopg.connect(server.replace("ROLE", "worker")) as stuck,
        psycopg.connect(server.replace("ROLE", "owner"), autocommit=True) as operator,
    ):
        stuck.execute("CREATE TEMPORARY TABLE held AS SELECT 1")
        seen = "SELECT query, xact_start IS NOT NULL FROM pg_stat_activity WHERE pid = %s"
        assert operator.execute(seen, (stuck.info.backend_pid,)).fetchone() == (
            "CREATE TEMPORARY TABLE held AS SELECT 1", True,
        )  # fmt: skip
        assert operator.execute("SELECT pg_terminate_backend(%s)", (stuck.info.backend_pid,)).fetchone() == (
            True,
        )
        with pytest.raises(psycopg.OperationalError):
            stuck.execute("SELECT 1")


def test_the_reader_reads_all_and_changes_nothing(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "reader"), autocommit=True) as session:
        assert session.execute("SELECT count(*) FROM lianyun.head").fetchone() == (0,)
        assert session.execute("SHOW statement_timeout").fetchone() == ("30s",)
        session.execute("SET default_transaction_read_only = off")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("DELETE FROM lianyun.topic")


def test_the_exporter_asks_all_its_questions_and_changes_nothing_else(server: str) -> None:
    address = server.replace("ROLE", "exporter")
    asked = measurements(ExporterSettings(dsn=SecretStr(address)))
    answers = SampleStore(asked)
    exporter = Exporter(address, asked, answers, timeout=10)
    exporter.step()
    refreshed = next(family for family in answers.collect() if family.name == gauges.EXPORTER_REFRESHED.name)
    assert {sample.labels["question"] for sample in refreshed.samples} == {
        question.name for question in asked
    }
    with (
        psycopg.connect(address, autocommit=True) as session,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        session.execute("DELETE FROM lianyun.partner_accepted")


LINE = {
    "id": str(UUID(int=1)), "at": 1, "client": "c", "party": "p", "bound": "", "purpose": "", "method": "GET", "route": "/",
    "resource": "", "subjects": [], "status": 200, "request": "r", "answer": None,
}  # fmt: skip


def test_the_api_adds_lines_to_the_access_log_and_takes_none_back(server: str) -> None:
    with open_session(server.replace("ROLE", "worker")) as session:
        for table, query in (("access_log", "log"), ("access_log_sealed", "log_sealed")):
            session.execute(statement(query), {**LINE, "digest": seal(*(LINE[name] for name in COLUMNS))})
            session.commit()
            for forbidden in (
                "UPDATE lianyun.{} SET at = 2",
                "DELETE FROM lianyun.{}",
                "TRUNCATE lianyun.{}",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    session.execute(forbidden.format(table).encode())
                session.rollback()
        for unseen in ("access_log_sealed", "access_log_opening", "access_log_approval", "access_log_shown"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT FROM lianyun.{unseen}".encode())
            session.rollback()


def test_the_reader_sees_neither_the_access_log_nor_secrets(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "reader"), autocommit=True) as session:
        for unseen in ("access_log", "access_log_sealed", "api_secret", "api_answer", "api_proof"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT FROM lianyun.{unseen}".encode())


CREDIT = (
    "credit_cursor",
    "credit_observation",
    "credit_count",
    "credit_about",
    "credit_again",
    "credit_broken",
)


ARRIVAL = (
    "arrival_cursor",
    "arrival_leg",
    "arrival_count",
    "arrival_again",
    "arrival_broken",
    "arrival_habit",
)


def test_the_follower_of_arrival_times_writes_its_own_tables_and_no_others(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "arrival"), autocommit=True) as session:
        arrival.catch_up(session)
        publish_due(session)  # the statistics are published under the same role
        assert _written(session) == {*ARRIVAL, "statistics_publication", "statistics_figure"}
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("SELECT FROM lianyun.credit_record")


def _written(session: psycopg.Connection[Any]) -> set[str]:
    """The tables that the session's role may change."""
    rows = session.execute(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE (n.nspname = 'lianyun' OR n.nspname ~ '^g[0-9]+$') AND c.relkind IN ('r', 'p', 'v', 'S')"
        " AND (has_table_privilege(c.oid, 'INSERT') OR has_table_privilege(c.oid, 'UPDATE')"
        "      OR has_table_privilege(c.oid, 'DELETE') OR has_table_privilege(c.oid, 'TRUNCATE'))"
    )
    return {name for (name,) in rows}


def test_the_follower_of_credit_signals_writes_its_own_tables_and_no_others(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "credit"), autocommit=True) as session:
        projector.catch_up(session)
        assert _written(session) == set(CREDIT)
        for kept in ("credit_record", "api_secret"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT FROM lianyun.{kept}".encode())


CASES = {
    "arrival_judged": "INSERT UPDATE",
    "arrival_judgment": "INSERT",
    "case_again": "DELETE INSERT UPDATE",
    "case_cause": "DELETE INSERT",
    "case_cursor": "INSERT UPDATE",
    "case_due": "DELETE INSERT UPDATE",
    "case_head": "INSERT UPDATE",
    "case_leg": "DELETE INSERT UPDATE",
    "case_step": "INSERT",
    "case_touched": "DELETE INSERT",
    "consignment_party": "DELETE INSERT",
    "object_name": "INSERT",
    "trade_finding": "DELETE INSERT",
}


def test_the_follower_of_cases_writes_its_own_tables_and_changes_no_step(server: str) -> None:
    with psycopg.connect(server.replace("ROLE", "cases"), autocommit=True) as session:
        rows = session.execute(
            "SELECT c.relname, string_agg(p.kind, ' ' ORDER BY p.kind)"
            " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
            " CROSS JOIN (VALUES ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE')) AS p (kind)"
            " WHERE (n.nspname = 'lianyun' OR n.nspname ~ '^g[0-9]+$') AND c.relkind IN ('r', 'p', 'v')"
            "   AND (has_table_privilege(c.oid, p.kind)"
            "        OR p.kind IN ('INSERT', 'UPDATE') AND has_any_column_privilege(c.oid, p.kind))"
            " GROUP BY c.relname"
        )
        assert dict(rows.fetchall()) == CASES
        for kept in ("credit_record", "api_secret", "access_log", "webhook_secret"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT FROM lianyun.{kept}".encode())


def test_whoever_draws_dashboards_sees_nothing_of_a_shipper(server: str) -> None:
    """How far the signals are, which is no news of anybody; fsck as that role goes without them and says so."""
    with psycopg.connect(server.replace("ROLE", "reader"), autocommit=True) as session:
        assert session.execute("SELECT whole_at IS NOT NULL FROM lianyun.credit_cursor").fetchall() in (
            [(True,)],
            [],
        )
        for hidden in (*CREDIT[1:], "credit_record"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(f"SELECT FROM lianyun.{hidden}".encode())
    for role, unseen in (("reader", 1), ("owner", 0)):
        report = fsck(server.replace("ROLE", role), "demo", gateway_topics=frozenset())
        assert report.sound, report.findings
        for count in ("credit_not_permitted", "trail_not_permitted", "access_log_not_permitted"):
            assert report.counts.get(count, 0) == unseen


def test_a_role_without_its_password_does_not_come_in(server: str) -> None:
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(server.replace("ROLE:only-here", "worker:guess"), connect_timeout=5)


def test_the_sequencer_writes_the_transparency_log_and_nothing_else(server: str) -> None:
    signer = LogSigner("log.example/roles", SigningKey.from_seed(Scheme.ED25519, bytes(32)))
    with open_session(server.replace("ROLE", "owner")) as owner:
        log.create(owner, signer, 1)
    with open_session(server.replace("ROLE", "transparency")) as session:
        session.autocommit = True
        assert log.sequence(session, signer, "test", 8192).after > 0
        for forbidden in (
            "INSERT INTO lianyun.topic (name) VALUES ('x')",
            "SELECT party FROM lianyun.access_log",
            "DELETE FROM lianyun.transparency_entry",
            "UPDATE lianyun.transparency_entry SET entry = ''",
            "INSERT INTO lianyun.transparency_head (key, size, root, checkpoint, at) VALUES ('', 0, '', '', 0)",
            "UPDATE lianyun.audit_trail SET change = ''",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                session.execute(forbidden.encode())
    with open_session(server.replace("ROLE", "worker")) as session:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            session.execute("UPDATE lianyun.transparency_head SET size = 0")
        session.rollback()
    with open_session(server.replace("ROLE", "owner")) as session:
        with pytest.raises(psycopg.errors.RaiseException, match="never changed"):
            session.execute("DELETE FROM lianyun.transparency_entry")
        session.rollback()
