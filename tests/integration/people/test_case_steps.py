"""A step that a person took names it by its pseudonym, is signed, and holds only while the person is in the team; fsck finds any other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
import pytest

from schemas.rfc3339 import parse_micros
from services.audit.fsck.cases import check_cases
from services.audit.fsck.registry import read_history
from services.audit.fsck.snapshot import Snapshot
from services.audit.report import Findings
from services.cases.domain.lifecycle import Refused, Step, StepKind, StepRequest, Team
from services.cases.store import overview
from services.cases.store.overview import Wanted
from services.ledger.registry import store
from services.ledger.storage.session import Session, open_session
from services.people.domain.person import Permission, Signatory
from services.people.store import people
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.cases.border_night import border_night, play
from tests.support.cases.platform import Clock
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
TEAM = Team("ktz", "dostyk-shift")
ACT = (Permission.CASES, Permission.CASES_ACT)
AT = parse_micros(border_night().as_of)


@pytest.fixture(scope="module")
def dsn(postgres: DatabaseAddress) -> str:
    made = migrated_database(postgres, "case_steps_of_people")
    play(made)
    return made


@dataclass
class Night:
    session: Session
    person: Signatory
    case: bytes

    def take(self, kind: StepKind, **more: str) -> Step | Refused | None:
        by = more.pop("by", str(TEAM)).split("/")
        ask = StepRequest(kind, Team(*by), person=self.person, **more)  # type: ignore[arg-type]
        return Clock(AT + 1_000).desk.take_step(self.session, self.case, ask)

    def damage(self) -> list[str]:
        snapshot, findings = Snapshot(self.session), Findings()
        check_cases(snapshot, read_history(snapshot, findings), "demo", findings)
        return [f"{each.where} {each.field}" for each in findings.report(0.0).findings]


@pytest.fixture
def night(dsn: str) -> Iterator[Night]:
    with open_session(dsn) as session:
        party = store.read_snapshot(session).party("ktz")
        assert party is not None
        id_ = people.add(
            session, party, "https://id.example", "s", "A", [TEAM.name], ACT, at=AT - 1_000, by="op"
        )
        case = next(each for each in overview.listed(session, Wanted(unowned=True)))
        yield Night(session, Signatory("https://id.example", id_), case.id)
        session.rollback()


def test_a_step_is_recorded_for_the_person_of_the_team(night: Night) -> None:
    assert isinstance(night.take(StepKind.ACKNOWLEDGED), Step)
    assert isinstance(night.take(StepKind.NOTED, text="two boxes wait"), Step)
    *_, taken, noted = overview.whole(night.session, night.case).steps
    assert (taken.by, taken.person, noted.person) == (TEAM, night.person, night.person)
    row = night.session.execute(
        "SELECT payload, headers FROM lianyun.case_step WHERE number = %s",
        (noted.number,),
    ).fetchone()
    assert row is not None
    assert night.person.person.hex().encode() in bytes(row[0])
    assert b"cre.case.noted.v2" in bytes(row[1])
    assert night.damage() == []


def test_nobody_acts_for_a_team_that_it_is_not_in(night: Night) -> None:
    for by in ("ktz/aktogay-shift", "cr/dostyk-shift"):
        refused = night.take(StepKind.ACKNOWLEDGED, by=by)
        assert isinstance(refused, Refused)
        assert by in refused.problem


def test_nobody_acts_who_has_ended_or_is_of_another_issuer(night: Night) -> None:
    pretended = Night(night.session, Signatory("https://other.example", night.person.person), night.case)
    assert isinstance(pretended.take(StepKind.ACKNOWLEDGED), Refused)
    people.end(night.session, night.person.person, at=AT)
    assert isinstance(night.take(StepKind.ACKNOWLEDGED), Refused)
    assert night.damage() == []


def test_a_step_taken_before_the_end_stays_right_after_it(night: Night) -> None:
    assert isinstance(night.take(StepKind.ACKNOWLEDGED), Step)
    people.end(night.session, night.person.person, at=AT + 2_000)
    assert night.damage() == []


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE lianyun.case_step SET by_person = gen_random_uuid() WHERE by_person IS NOT NULL",
        "UPDATE lianyun.case_step SET by_issuer = 'https://other.example' WHERE by_person IS NOT NULL",
        "UPDATE lianyun.case_step SET by_issuer = NULL WHERE by_person IS NOT NULL",
        "UPDATE lianyun.case_step SET by_issuer = NULL, by_person = NULL",
        "UPDATE lianyun.case_step SET by_issuer = 'https://id.example' WHERE kind = 'opened'",
        "UPDATE lianyun.person_grant SET teams = '{}'",
        "UPDATE lianyun.person_grant SET permissions = '{cases}'",
        "DELETE FROM lianyun.person_grant",
    ],
)
def test_fsck_finds_a_step_that_its_person_did_not_take(night: Night, damage: str) -> None:
    assert isinstance(night.take(StepKind.ACKNOWLEDGED), Step)
    assert night.damage() == []
    night.session.execute(damage.encode())
    assert any("case_step" in each for each in night.damage())


def test_an_end_waits_for_the_step_that_is_being_taken(dsn: str) -> None:
    with psycopg.connect(dsn) as session, psycopg.connect(dsn) as other:
        id_ = bytes(range(16))
        people.hold_shared(session, id_)
        other.execute("SET lock_timeout = '50ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            people.end(other, id_)
