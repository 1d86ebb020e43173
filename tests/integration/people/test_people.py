"""People on the real store: added, changed, ended, erased; each change in the audit trail, and nothing that names anybody there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from schemas.events.base import Role
from services.audit.fsck.registers import check_trail
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.cli.exits import Exit, Failure
from services.cli.main import app
from services.ledger.registry import commands, store
from services.ledger.registry.events import PartyAdded
from services.ledger.registry.party import Party
from services.people.domain.person import Permission
from services.people.store import people
from services.people.store.people import PersonError
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
ISSUER = "https://id.example"
ACT = (Permission.CASES, Permission.CASES_ACT)


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    made = migrated_database(postgres, "people")
    with psycopg.connect(made) as session:
        ktz = PartyAdded(
            code="ktz", name="KTZ", roles=frozenset({Role.RAILWAY}), sources=frozenset({"urn:x:ktz"})
        )
        commands.add_party(session, ktz, at=0, by="test")
    return made


@pytest.fixture
def session(dsn: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(dsn) as connection:
        yield connection
        connection.rollback()


def ktz(session: psycopg.Connection[Any]) -> Party:
    party = store.read_snapshot(session).party("ktz")
    assert party is not None
    return party


def sound(session: psycopg.Connection[Any]) -> bool:
    findings = Findings()
    check_trail(Snapshot(session), findings)
    return not findings.report(0.0).findings


def test_what_a_person_may_changes_at_a_moment_and_the_past_stays(session: psycopg.Connection[Any]) -> None:
    id_ = people.add(session, ktz(session), ISSUER, "s-1", "Айгерім", ["dostyk"], ACT, at=10, by="op")
    assert people.by_subject(session, ISSUER, "s-1") == people.by_id(session, id_)
    people.change(session, id_, teams=["aktogay"], by="op", at=20)
    assert people.end(session, id_, at=30)
    assert not people.end(session, id_, at=31), "it has ended"
    person = people.by_id(session, id_)
    assert person is not None
    spans = [(each.since, each.until, set(each.teams)) for each in person.grants]
    assert spans == [(10, 20, {"dostyk"}), (20, 30, {"aktogay"})]
    assert people.teams_of(session, "ktz", 25) == ["aktogay"]
    assert people.teams_of(session, "ktz", 30) == []
    assert sound(session)


def test_a_subject_is_one_person(session: psycopg.Connection[Any]) -> None:
    people.add(session, ktz(session), ISSUER, "s-1", "A", [], [], at=10, by="op")
    with pytest.raises(PersonError, match="registered already"):
        people.add(session, ktz(session), ISSUER, "s-1", "B", [], [], at=11, by="op")


def test_erasing_leaves_the_pseudonym_and_nothing_that_names_the_person(
    session: psycopg.Connection[Any],
) -> None:
    id_ = people.add(session, ktz(session), ISSUER, "subject-77", "Айгерім", ["dostyk"], ACT, at=10, by="op")
    with pytest.raises(PersonError, match="has not ended"):
        people.erase(session, id_)
    people.end(session, id_)
    assert people.erase(session, id_)
    assert not people.erase(session, id_)
    person = people.by_id(session, id_)
    assert person is not None
    assert (person.subject, person.name, person.party) == (None, None, "ktz")
    trail = session.execute("SELECT string_agg(change, ' ') FROM lianyun.audit_trail").fetchone()
    assert trail is not None
    assert "subject-77" not in trail[0]
    assert "Айгерім" not in trail[0]
    assert sound(session)


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE lianyun.person SET name = 'B'",
        "UPDATE lianyun.person SET subject = 's-2'",
        "UPDATE lianyun.person SET salt = decode('00', 'hex')",
        "UPDATE lianyun.person_grant SET teams = teams || '{brest}'",
        "UPDATE lianyun.person_grant SET permissions = '{board}'",
        "UPDATE lianyun.person_grant SET until = 40",
        "DELETE FROM lianyun.person_grant",
    ],
)
def test_fsck_finds_what_was_changed_by_hand(session: psycopg.Connection[Any], damage: str) -> None:
    people.add(session, ktz(session), ISSUER, "s-1", "A", ["dostyk"], ACT, at=10, by="op")
    assert sound(session)
    session.execute(damage.encode())
    assert not sound(session)


def test_the_commands(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    monkeypatch.setenv("LIANYUN_SIGNIN_ISSUER", ISSUER)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, ["people", *words])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    named = ("--subject", "u-9", "--name", "Данияр", "--team", "dostyk-shift", "--may", "cases")
    person = json.loads(run("add", "ktz", *named, "--json"))["person"]
    run("change", person[:8], "--may", "cases", "--may", "cases.act")
    (shown,) = json.loads(run("list", "--json"))["people"]
    assert (shown["party"], shown["teams"], shown["may"]) == ("ktz", ["dostyk-shift"], ["cases", "cases.act"])
    with pytest.raises(Failure) as refused:
        run("erase", person[:8])
    assert refused.value.code is Exit.FAILED
    run("end", person[:8])
    run("erase", person[:8])
    assert "(ended)" in run("list")
    assert "Данияр" not in run("list")
    with pytest.raises(Failure) as missing:
        run("end", "ffff")
    assert missing.value.code is Exit.NOT_FOUND
