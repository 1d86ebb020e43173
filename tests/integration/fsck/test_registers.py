# ruff: noqa: S608  (the statements of damage are put together from constants)
"""Whatever is changed by SQL in a register, the access log, an answer, a migration or a reference table is found: every column, and
rows that were taken away or added, the first and the last.

The database is one that an API has served; each test damages it in a transaction that is rolled back.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast
from uuid import uuid4

import psycopg
import pytest
from joserfc.jwk import ECKey, OKPKey

from schemas.schemes import Scheme
from schemas.signing_key import SigningKey
from services.api import sealed, statement
from services.api.auth import clients
from services.audit.fsck.registers import _differences, check_release, check_trail
from services.audit.fsck.registry import check_registry, read_history
from services.audit.fsck.sealed_rows import check_access_log, check_webhooks
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings, Report
from services.credit.store import records
from services.documents.pint.store import Platform, put_platform
from services.financing.domain.external_registries import RegistryAnswer, RegistryFinding
from services.financing.store.decision_service import DecisionService
from services.financing.store.financings import acknowledge, record_answers
from services.financing.store.fingerprint_versions import KeyRing
from services.ledger.audit_trail.digests import ANSWER, COLUMNS, DELIVERY, MESSAGE
from services.ledger.audit_trail.entries import AUDITED, LOGS, REGISTERS
from services.ledger.dead_letters import store as letters
from services.ledger.dead_letters.letter import LetterOutcome, LetterState
from services.ledger.registry import commands, store, trust
from services.ledger.registry.events import PartyAmended
from services.ledger.registry.signed import PublicSigner, Root
from services.ledger.storage.bodies import detach_bodies
from services.ledger.storage.migrate import migrate, migrations
from services.ledger.storage.migration import Phase
from services.ledger.storage.platform_events import record_platform_event
from services.ledger.storage.reference import TABLES
from services.ledger.storage.session import open_session
from services.notifications.webhooks import queue, subscriptions
from services.people.domain.person import Permission
from services.people.store import people
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.platform import take_over
from tests.integration.registry.test_registry import railway
from tests.integration.webhooks.conftest import KEY
from tests.support.api.cast import case, play
from tests.support.api.server import RunningApi, now
from tests.support.databases import migrated_database
from tests.support.financing.proposals import propose
from tests.support.financing.stored_world import SIGNER, register
from tests.support.financing.world import KEY as REGISTRY_KEY
from tests.support.profile import first_of_each
from tests.support.share_links import share_twice
from tests.support.subscribers import subscribe_twice

pytestmark = pytest.mark.integration
Session = psycopg.Connection[Any]
XA1 = "/v1/consignments/xaport/XA-1"
COVERED: dict[str, tuple[str, ...]] = {
    **{register.table: (*register.key, *register.columns) for register in REGISTERS},
    **dict.fromkeys(LOGS, (*COLUMNS, "stream", "place", "seal")),
    "access_stream": ("log", "stream", "lines", "seal"),
    "api_answer": (*ANSWER, "seal"),
    "api_answer_purge": ("given",),
    "webhook_message": (*MESSAGE, "seal"),
    "webhook_delivery": (*DELIVERY, "seal"),
    "webhook_tally": ("name", "rows"),
    "audit_trail": ("register", "no", "key", "change", "digest"),
    "audit_head": ("register", "entries", "digest"),
    "registry_version": ("version",),
    "reference": ("digest",),
    "reference_milestone": ("number", "name"),
    "reference_place": ("place", "object", "text", "name"),
    "reference_side": (
        "crossing", "near", "far", "itself", "object", "name", "zone", "west", "leaves", "enters", "managers",
    ),
    "reference_run": ("place", "crossing", "near", "hours"),
}  # fmt: skip
UNCOVERED = {
    **{register.table: set(register.uncovered) for register in REGISTERS},
    **{name: {"one"} for name in ("api_answer_purge", "registry_version", "reference")},
}
"""What says how a process is getting on, and the names of only rows."""


KEYS = tuple(SigningKey.from_seed(Scheme.ED25519, bytes([number]) * 32) for number in (1, 2, 3))
ROOT = PublicSigner(name="root", scheme=Scheme.ED25519, public_key=KEYS[0].public_key.hex())
TRUST = trust.Trust(Root(network="demo", threshold=1, keys=(ROOT,)), KEYS)


@pytest.fixture(scope="module")
def served(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A database whose every register has several rows."""
    dsn = migrated_database(postgres, "fsck_registers")
    play(dsn)
    folder = tmp_path_factory.mktemp("served")
    with RunningApi(dsn, folder, {"webhook_keys": KEY, "webhook_loopback": True}) as api:
        fill(api)
    return dsn


def fill(api: RunningApi) -> None:
    """Read, ask for changes, and do what operators do."""
    bank, legal = api.client("abank"), api.client("abank", "events:read purpose:AML", purposes=("AML",))
    for _ in range(3):
        assert bank.get(XA1).status_code == 200
        assert api.client("optic").get("/v1/access-log").status_code == 200
        assert legal.get(XA1).status_code == 200
    for party in ("abank", "bbank"):
        for _ in range(2):
            said = {"url": "http://127.0.0.1:9/", "types": ["financing.alert.v1"]}
            made = api.client(party).post("/v1/webhooks", json=said, headers=named())
            assert made.status_code == 201, made.text
        path = f"/v1/webhooks/{made.json()['id']}"
        client = api.client(party)
        assert client.post(f"{path}/test", headers=named()).status_code == 202
        assert client.post(f"{path}/secrets", json={"scheme": "v1"}, headers=named()).status_code == 200
    with psycopg.connect(api.dsn) as session:
        clients.add_key(
            session, "optic", api.key("other").as_dict(private=False), at=now(), by="test", old_until=now()
        )
        assert clients.revoke(session, "bbank", at=now())
        optic = store.read_snapshot(session).party("optic")
        assert optic is not None
        for subject in ("s-1", "s-2"):
            person = people.add(
                session,
                optic,
                "https://id.example",
                subject,
                "größer",
                ["x"],
                [Permission.CASES],
                at=1,
                by="test",
            )
            people.change(session, person, permissions=[], by="test")
            people.end(session, person)
        with trust.trusting(TRUST):
            take_over(session, now())
            for code in ("signed1", "signed2"):
                commands.add_party(session, railway(code), at=now(), by="test")
        share_twice(session, now())
        subscribe_twice(session, now())
        propose(session, DecisionService(KeyRing((REGISTRY_KEY,)), SIGNER), "abank/LN-1")
        for number in (1, 2):
            records.issue(session, "abank", "CREDIT_ASSESSMENT", "optic", number, {"score": number})
            opening = sealed.ask(session, "A. Chen", "order 12/2026", 0, now(), at=now())
            sealed.approve(session, opening, "B. Nowak", at=now())
            assert sealed.show(session, opening, "A. Chen", at=now())
            record_platform_event(session, "loss_accepted", {"next": number, "why": 'of "größer"'})
            url, jwk = f"http://127.0.0.1:{number}", OKPKey.generate_key("Ed25519").as_dict(private=False)
            put_platform(
                session, Platform(f"P-{number}", "größer", url, f"{url}/register/v1", (jwk,)), number, "test"
            )
            record_answers(
                session,
                "abank/GD-1",
                [RegistryAnswer("zhongdeng", finding, number) for finding in RegistryFinding],
            )
            acknowledge(session, "abank/GD-1", f"{number:032x}", now(), "abank", "seen")
            letter = bytes(32 * [number])
            session.execute(LETTER, {"digest": letter})
            letters.add_outcome(
                session, letter, LetterOutcome(now(), "A. Chen", "redrive", "STILL_REFUSED", "no\x00 key")
            )

    settle(api.dsn)


def settle(dsn: str) -> None:
    """Take what is to be told, and put down that it was, or was not."""
    with psycopg.connect(dsn) as session:
        first, second = queue.lease_due(session, now(), 1_000_000, {}, 10)
        queue.record_success(session, first, 200, now())
        queue.record_failure(session, second, None, 'no answer: "größer"\t', now(), now())
        (subscription,) = session.execute(
            "SELECT subscription FROM lianyun.webhook_delivery LIMIT 1"
        ).fetchone() or ("",)
        queue.replay(session, subscription, 0, now())


def named() -> dict[str, str]:
    return {"idempotency-key": uuid4().hex}


@pytest.fixture
def session(served: str) -> Iterator[Session]:
    """A transaction to damage it in, which never becomes anybody else's truth."""
    with psycopg.connect(served) as connection:
        yield connection
        connection.rollback()


def check(session: Session) -> Report:
    """What concerns these tables, as this transaction sees them."""
    snapshot, findings = Snapshot(session), Findings()
    check_registry(snapshot, read_history(snapshot, findings), findings)
    check_release(snapshot, findings)
    check_trail(snapshot, findings)
    check_access_log(snapshot, findings)
    check_webhooks(snapshot, findings)
    return findings.report(0.0)


def found(session: Session, table: str) -> None:
    report = check(session)
    shown = "\n".join(map(str, report.findings))
    about = {
        "access_stream": "stream",
        "api_answer_purge": "api_answer",
        "registry_version": "registry",
        "audit_trail": "audit_",
        "audit_head": "audit_",
    }.get(table, table)
    assert any(about in finding.where for finding in report.findings), shown or "nothing was found"
    assert all(finding.remedy and finding.stored != finding.expected for finding in report.findings), shown


def rows(session: Session, table: str) -> int:
    return int((session.execute(f"SELECT count(*) FROM lianyun.{table}".encode()).fetchone() or (0,))[0])


def unchecked(session: Session, table: str) -> None:
    """Take the table's triggers and checks away, as whoever owns it can."""
    session.execute(f"ALTER TABLE lianyun.{table} DISABLE TRIGGER USER".encode())
    constraints = session.execute(
        "SELECT conrelid::regclass::text, conname FROM pg_constraint"
        " WHERE %s::regclass IN (conrelid, confrelid) AND contype IN ('c', 'f', 'u') AND conparentid = 0",
        (f"lianyun.{table}",),
    ).fetchall()
    for owner, name in constraints:
        session.execute(f"ALTER TABLE {owner} DROP CONSTRAINT {name}".encode())
    if "no" in COVERED[table]:
        session.execute(f"ALTER TABLE lianyun.{table} ALTER no DROP IDENTITY IF EXISTS".encode())


def other(session: Session, table: str, column: str) -> str:
    """An expression of another value than a row has in ``column``."""
    (kind,) = session.execute(
        "SELECT format_type(atttypid, NULL) FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
        (f"lianyun.{table}", column),
    ).fetchone() or (None,)
    return {
        "text": "coalesce({}, '') || 'x'",
        "bigint": "coalesce({}, 0) + 7000000000000000",
        "integer": "coalesce({}, 0) + 1000000",
        "smallint": "coalesce({}, 0) + 20000",
        "real": "{} + 0.25",
        "boolean": "NOT {}",
        "bytea": "coalesce({}, '') || 'x'::bytea",
        "uuid": "gen_random_uuid()",
        "jsonb": '{} || \'{{"code": "x"}}\'',
        "text[]": "{} || 'x'::text",
        "timestamp with time zone": "{} + interval '1 microsecond'",
    }[str(kind)].format(f'"{column}"')


def test_a_served_database_is_sound_and_everything_was_looked_at(served: str) -> None:
    with psycopg.connect(served) as session:
        report = check(session)
        assert report.findings == ()
        registers = sum(rows(session, register.table) for register in REGISTERS)
        assert report.counts["register_rows"] == registers
        assert report.counts["access_log_lines"] == sum(rows(session, log) for log in LOGS)
        assert report.counts["answers"] == rows(session, "api_answer") > 3
        assert report.counts["trail_entries"] == rows(session, "audit_trail") > registers
        assert all(rows(session, table) for table in COVERED)
    for unseen in (
        "trail_not_permitted",
        "trail_not_entered",
        "access_log_not_permitted",
        "lines_without_seal",
    ):
        assert report.counts.get(unseen, 0) == 0


def test_every_column_is_covered_or_named(served: str) -> None:
    with psycopg.connect(served) as session:
        for table, columns in COVERED.items():
            there = session.execute(
                "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped",
                (f"lianyun.{table}",),
            ).fetchall()
            assert {name for (name,) in there} == {*columns, *UNCOVERED.get(table, set())}, table
    assert {name for name in COVERED if name.startswith("reference_")} == set(TABLES)


@pytest.mark.parametrize(
    "place",
    first_of_each(
        [(table, column) for table, columns in COVERED.items() for column in columns],
        lambda place: place[0],
        "-".join,
    ),
)
def test_a_changed_column_is_found(session: Session, place: tuple[str, str]) -> None:
    table, column = place
    unchecked(session, table)
    changed = session.execute(
        f'UPDATE lianyun.{table} SET "{column}" = {other(session, table, column)}'
        f" WHERE ctid = (SELECT min(ctid) FROM lianyun.{table})".encode()
    ).rowcount
    assert changed == 1
    found(session, table)


@pytest.mark.parametrize("which", ["min", pytest.param("max", marks=pytest.mark.long)])
@pytest.mark.parametrize("table", COVERED)
def test_a_deleted_row_is_found(session: Session, table: str, which: str) -> None:
    unchecked(session, table)
    assert session.execute(
        f"DELETE FROM lianyun.{table} WHERE ctid = (SELECT {which}(ctid) FROM lianyun.{table})".encode()
    ).rowcount
    found(session, table)


@pytest.mark.parametrize("table", [name for name in COVERED if UNCOVERED.get(name) != {"one"}])
def test_a_forged_row_is_found(session: Session, table: str) -> None:
    unchecked(session, table)
    key = COVERED[table][0]
    session.execute(
        f"CREATE TEMPORARY TABLE forged AS SELECT * FROM lianyun.{table}"
        f" WHERE ctid = (SELECT max(ctid) FROM lianyun.{table})".encode()
    )
    session.execute(f'UPDATE forged SET "{key}" = {other(session, table, key)}'.encode())
    session.execute(f"INSERT INTO lianyun.{table} OVERRIDING SYSTEM VALUE SELECT * FROM forged".encode())
    found(session, table)


@pytest.mark.parametrize("log", LOGS)
def test_a_line_as_if_of_an_older_release_is_found(session: Session, log: str) -> None:
    unchecked(session, log)
    names = ", ".join(COLUMNS[1:-1])
    session.execute(f"INSERT INTO lianyun.{log} ({names}) SELECT {names} FROM lianyun.{log} LIMIT 1".encode())
    found(session, log)


def test_the_end_of_the_trail_cut_with_its_rows_is_found(session: Session) -> None:
    unchecked(session, "audit_trail")
    unchecked(session, "credit_record")
    session.execute("DELETE FROM lianyun.audit_trail WHERE register = 'credit_record' AND no = 2")
    session.execute(
        "DELETE FROM lianyun.credit_record WHERE no = (SELECT max(no) FROM lianyun.credit_record)"
    )
    found(session, "credit_record")


def test_what_is_changed_and_forgotten_as_it_should_be_is_no_damage(session: Session) -> None:
    made = subscriptions.list_for_party(session, "abank")
    assert subscriptions.change(
        session, made[0], now(), state=subscriptions.State.PAUSED, url="http://127.0.0.1:8/"
    )
    assert queue.disable(session, made[1].id, "gone", now())
    assert queue.purge(session, now() + 1, limit=1)
    (removed, *_) = subscriptions.list_for_party(session, "bbank")
    assert subscriptions.change(session, removed, now(), state=subscriptions.State.REMOVED)
    answers = rows(session, "api_answer")
    session.execute(statement("purge_answers"), {"kept": -60})
    assert rows(session, "api_answer") == 0 < answers
    assert clients.revoke(session, "optic", at=now())
    assert letters.purge(session, 6, limit=1) == {LetterState.OPEN: 1}
    assert rows(session, "dead_letter_outcome") == 1
    assert detach_bodies(session, 2 * now())
    party_row(session)
    report = check(session)
    assert report.findings == ()


def party_row(session: Session) -> None:
    """A further event of the registry."""
    last = max(store.load(session).parties.values(), key=lambda party: party.no)
    later = PartyAmended(code=last.code, since=now() + 1_000_000, name="of another name since")
    with trust.trusting(TRUST):
        commands.amend_party(session, later, at=now(), by="test")


def test_what_older_releases_wrote_is_taken_up_when_the_deployment_is_done(postgres: DatabaseAddress) -> None:
    dsn = postgres.fresh_database("fsck_older")
    known = [each for each in migrations() if each.number < 38]
    migrate(dsn, most=len(known))
    with open_session(dsn) as session:
        register(session, case().story)
    with psycopg.connect(
        dsn
    ) as session:  # the statements of the release before, which had no trail to enter it into
        session.execute(LINE)
        session.execute(
            "INSERT INTO lianyun.api_answer (party, key, request, status, headers, body, given)"
            " VALUES ('abank', 'k', '', 200, '{}', '', 5)"
        )
        session.execute(
            "INSERT INTO lianyun.webhook_message (id, party, type, at, body) VALUES ('msg_1', 'abank', 't', 5, '')"
        )
        bank = store.load(session).party("abank")
        assert bank is not None
        key = ECKey.generate_key("P-256").as_dict(private=False)
        clients.add_client(session, "old", bank, jwk=key, at=1, by="test")
        session.execute(LETTER, {"digest": bytes(32)})
        session.execute(
            "INSERT INTO lianyun.dead_letter_outcome (digest, at, by, action, outcome, detail)"
            " VALUES (%s, 1, 'A. Chen', 'redrive', 'FAILED', '')",
            (bytes(32),),
        )
        session.execute(
            "INSERT INTO lianyun.platform_event (kind, detail) VALUES ('loss_accepted', '{\"next\": 1}')"
        )
        session.execute(
            "INSERT INTO lianyun.financing_external VALUES (gen_random_uuid(), 'zhongdeng', 1, 'CLEAR')"
        )
        session.execute(DECISION)
    migrate(dsn, phase=Phase.BEFORE)
    with psycopg.connect(dsn) as session:
        assert clients.revoke(session, "old", at=2)
        session.execute(
            "UPDATE lianyun.api_client SET scopes = '{}'"
        )  # as a process of the release before may
        report = check(session)
        assert report.findings == ()
        assert report.counts["trail_not_entered"] > 10
        assert report.counts["lines_without_seal"] == report.counts["answers_without_seal"] == 1
    migrate(dsn)
    with psycopg.connect(dsn) as session:
        report = check(session)
        assert report.findings == ()
        assert "trail_not_entered" not in report.counts
        assert session.execute("SELECT * FROM lianyun.financing_tally").fetchall() == [(0, 1, 7)]
        assert report.counts["lines_without_seal"] == report.counts["webhooks_without_seal"] == 1
        for damage, where in (
            ("UPDATE lianyun.access_log SET party = 'x'", "access_log, lines without a seal"),
            ("UPDATE lianyun.api_client SET party = party + 1", "api_client old"),
            ("UPDATE lianyun.api_answer SET given = 6", "api_answer abank k"),
            ("UPDATE lianyun.webhook_message SET at = 6", "webhook_message msg_1"),
            ("DELETE FROM lianyun.registry_event WHERE version = 1", "registry_event 1"),
            ("DELETE FROM lianyun.platform_event", "platform_event 1"),
            ("UPDATE lianyun.dead_letter_outcome SET by = 'B. Nowak'", "dead_letter_outcome 1"),
            ("UPDATE lianyun.financing_external SET finding = 'HIT'", "financing_external"),
        ):
            unchecked(session, damage.split("lianyun.")[1].split()[0])
            session.execute(damage.encode())
            found_at = [finding.where for finding in check(session).findings]
            assert any(where in each for each in found_at), (damage, found_at)
            session.rollback()
        session.execute("UPDATE lianyun.api_client SET party = party + 1")
        session.execute("DELETE FROM lianyun.migration WHERE number = %s", (AUDITED,))
    assert migrate(dsn) == ["0039_audited"]
    with psycopg.connect(dsn) as session:
        (finding,) = check(session).findings
        assert finding.where == "api_client old", "what was changed by hand was taken for a release's"


LETTER = """
INSERT INTO lianyun.dead_letter
VALUES (%(digest)s, 'OPEN', 'abank', NULL, 'MALFORMED', '', '', '', 1, '', '', 0, false, 5, 't', 0, 1, 5, 't', 0, 1)
"""
DECISION = """
INSERT INTO lianyun.financing_decision
    (number, position, at, action, outcome, asked_by, idempotency, asked, financing, frees, notices, guard, satisfied_by, rules, headers, payload)
VALUES (7, 1, 1, 'RELEASE', 'REFUSED', 'abank', 'k', gen_random_uuid(), 'abank/X', '{}', '{}', '', '', '', '', '')
"""
LINE = """
INSERT INTO lianyun.access_log (at, client, party, bound, purpose, method, route, resource, subjects, status, request)
VALUES (1, 'c', 'p', '', '', 'GET', '/', '', '{}', 200, 'r')
"""


def test_a_column_that_came_after_the_row_is_null_in_it_and_nothing_else() -> None:
    rows: list[tuple[str, dict[str, object]]] = [("1", {"made": 7, "overdue": None})]
    older = {"1": {"made": 7}}
    told = {"1": {"made": 7, "overdue": True}}

    class Read:
        def stream(self, _query: str) -> Iterator[tuple[str, dict[str, object]]]:
            return iter(rows)

    def differences(entries: dict[str, dict[str, object]]) -> list[str]:
        found = _differences(cast(Any, Read()), REGISTERS[0], entries, Findings())
        return [each.field for each in found]

    assert differences(older) == []
    assert differences(told) == ["overdue"]
    rows[0][1]["overdue"] = True
    assert differences(older) == ["overdue"]
