"""A forecast that crosses the carriers' plan is judged once, opens a case, and is lifted by another forecast; each can be made again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from schemas.rfc3339 import parse_micros
from services.arrival.store import projector as arrival
from services.audit.fsck.check import fsck
from services.audit.report import Damage
from services.cases.store import projector
from services.domain.rules import HOUR
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story, Told
from tests.support.arrival import FIRST, journey
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, Desk, record, register

pytestmark = pytest.mark.integration
LATE = FIRST + timedelta(days=60)
PASSED = [journey(number, 7) for number in range(24)]


def planned(days: float) -> Story:
    """A train at the border, for which the operator planned an arrival at Duisburg so many days after the departure."""
    story = journey(100, 4, LATE)
    plan = {
        "id": "plan", "by": "xaport", "at": (LATE - timedelta(days=8)).isoformat(), "type": "movement.arrived_at_destination",
        "says": {"classifier": "PLN", "objects": "consignment xaport/ARR-100", "place": "duisburg",
                 "happened": (LATE + timedelta(days=days)).isoformat()},
    }  # fmt: skip
    return Story(story.slug, story.title, story.why, story.parties, (*story.events, plan), story.as_of, {})


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    fresh = migrated_database(postgres, "cases_judgments")
    with psycopg.connect(fresh) as session:
        register(session, [planned(12), *PASSED])
        register_platform(session)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def judged(session: Session) -> list[tuple[str, Any]]:
    return session.execute("SELECT lateness, before FROM lianyun.arrival_judgment ORDER BY number").fetchall()


def cases(session: Session) -> list[tuple[str, bool]]:
    return session.execute(
        "SELECT place, closed FROM lianyun.case_head WHERE kind = 'ARRIVAL_LATE' ORDER BY opened"
    ).fetchall()


def found(dsn: str) -> list[str]:
    report = fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY}))
    assert not [each for each in report.findings if each.kind is not Damage.ARRIVAL], report.findings[:3]
    return sorted({each.field for each in report.findings})


def test_a_plan_that_will_not_be_met_is_a_case_until_it_will(dsn: str, session: Session) -> None:
    start = parse_micros(LATE.isoformat())
    story, clock, desk = planned(12), Clock(start + 61 * HOUR), Desk(dsn)
    desk.apply([record(each, n) for n, each in enumerate(e for s in (story, *PASSED) for e in s.told)])
    desk.settle()
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 500)
    first = judged(session)
    assert [each for each, _ in first] in ([], ["LIKELY_LATE"], ["LATE"])

    # Days at the border make it certain; nothing is recorded twice.
    for days in (6, 9, 9.25, 12):
        clock.at = start + int((61 + days * 24) * HOUR)
        projector.catch_up(session, clock.desk, 500)
        projector.catch_up(session, clock.desk, 500)
    states = [each for each, _ in judged(session)]
    assert states[-1] == "LATE"
    assert all(one != other for one, other in pairwise(states))
    assert cases(session) == [("railnet:duisburg", False)]
    assert found(dsn) == []

    # Nobody counts on a date any more.
    desk.apply([record(retraction(story), 9_000)])
    desk.settle()
    desk.close()
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 500)
    assert judged(session)[-1][0] == "OVER"
    assert cases(session) == [("railnet:duisburg", True)]
    assert found(dsn) == []

    harms = {
        "UPDATE lianyun.arrival_judgment SET p50 = p50 + 1 WHERE lateness = 'LATE'": "p10, p50, p90",
        "UPDATE lianyun.arrival_judgment SET lateness = 'IN_TIME' WHERE lateness = 'LATE'": "lateness",
        "DELETE FROM lianyun.arrival_judgment WHERE lateness = 'OVER'": "last",
        "UPDATE lianyun.arrival_judged SET last = last - 1": "last",
        "UPDATE lianyun.arrival_judgment SET before = 99 WHERE lateness = 'OVER'": "before",
    }
    for harm, field in harms.items():
        backup(session)
        session.execute(harm.encode())
        assert field in found(dsn), harm
        restore(session)
    assert found(dsn) == []


def retraction(story: Story) -> Told:
    """The operator takes its plan back."""
    back = {
        "id": "no-plan", "by": "xaport", "at": (LATE + timedelta(days=14)).isoformat(), "type": "correction.retracted",
        "says": {"of": "plan", "reason": "OTHER"},
    }  # fmt: skip
    whole = Story(story.slug, story.title, story.why, story.parties, (*story.events, back), story.as_of, {})
    return whole.told[-1]


TABLES = ("arrival_judgment", "arrival_judged")


def backup(session: Session) -> None:
    for table in TABLES:
        session.execute(f"CREATE TABLE kept_{table} AS TABLE lianyun.{table}".encode())


def restore(session: Session) -> None:
    for table in TABLES:
        session.execute(f"TRUNCATE lianyun.{table}".encode())
        session.execute(f"INSERT INTO lianyun.{table} TABLE kept_{table}".encode())
        session.execute(f"DROP TABLE kept_{table}".encode())
