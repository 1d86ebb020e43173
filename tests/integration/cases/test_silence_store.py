"""Silence in the store: what is usual on a leg is learned from all events, and opens and closes cases in any order of arrival."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest

from schemas.rfc3339 import parse_micros
from services.arrival.domain.legs import Leg, Stage
from services.arrival.domain.silence import Habit
from services.arrival.store import projector as arrival
from services.audit.fsck.check import fsck
from services.cases.domain.causes import CaseKind, Cause, Journey, causes
from services.cases.store import projector
from services.cases.store.rows import cause_of
from services.domain.derive import derive
from services.domain.facts import Facts, Micros
from services.domain.objects import ObjectId
from services.domain.rules import HOUR
from services.ledger.storage.session import Session, open_session
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story
from tests.support.arrival import FIRST, journey
from tests.support.cases.platform import Clock, register_platform
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, Desk, record, register

pytestmark = pytest.mark.integration
BORDER = Leg(Stage.AT_BORDER, "railnet:alashankou", "railnet:dostyk")
LATE = FIRST + timedelta(days=60)
WAITING = [journey(100 + number, 4, LATE + timedelta(hours=number)) for number in range(4)]
PASSED = [journey(number, 5) for number in range(24)]
NOW = parse_micros(LATE.isoformat()) + (60 + 40) * HOUR
"""Trains at the border have waited for 40 hours, where 20 to 24 are usual."""


@pytest.fixture
def dsn(postgres: DatabaseAddress) -> str:
    fresh = migrated_database(postgres, "cases_silence")
    with psycopg.connect(fresh) as session:
        register(session, [*WAITING, *PASSED])
        register_platform(session)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def stored(session: Session) -> set[tuple[ObjectId, Cause]]:
    rows = session.execute(
        "SELECT cons, case_id, kind, what, about_kind, about, jurisdiction, scope, place, occurrence, since, due, events,"
        " missing, surplus, normal, parties FROM lianyun.case_cause WHERE kind = 'SILENT'",
        binary=True,
    )
    return {cause_of(row) for row in rows}


def right(stories: list[Story], at: Micros, session: Session) -> set[tuple[ObjectId, Cause]]:
    """What the rules say of each story alone, by the habits in the store."""
    found: set[tuple[ObjectId, Cause]] = set()
    for story in stories:
        facts = Facts.union(each.facts() for each in story.told)
        (founding,) = facts.foundings
        view = derive(facts, founding.consignment, at)
        assert view is not None
        on = Journey.of(view)
        habits = arrival.read_habits(session, () if on.behind.leg is None else (on.behind.leg,))
        usual = None if on.behind.leg is None else habits.get(on.behind.leg)
        found |= {
            (founding.consignment.id, cause)
            for cause in causes(view, at, journey=on._replace(habit=usual))
            if cause.kind is CaseKind.SILENT
        }
    return found


def open_cases(session: Session) -> list[tuple[str, str, int]]:
    rows = session.execute(
        "SELECT h.what, h.occurrence, (SELECT count(*) FROM lianyun.case_cause c WHERE c.case_id = h.case_id)"
        " FROM lianyun.case_head h WHERE h.kind = 'SILENT' AND NOT h.closed AND h.occurrence LIKE 'AT_BORDER%'"
    )
    return sorted(rows)


def test_cases_follow_what_is_usual_in_any_order(dsn: str, session: Session) -> None:
    clock, rng = Clock(NOW), random.Random(7)
    events = [each for story in (*WAITING, *PASSED) for each in story.told]
    rng.shuffle(events)
    desk, at = Desk(dsn), 0
    while at < len(events):
        size = rng.randint(1, 60)
        desk.apply([record(each, at + n) for n, each in enumerate(events[at : at + size])])
        at += size
        if rng.random() < 0.5:
            projector.step(session, clock.desk, 200)
        if rng.random() < 0.5:
            arrival.step(session, 200)
    desk.settle()
    projector.catch_up(session, clock.desk, 200)  # before the last counts are learned
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 200)
    usual = arrival.read_habits(session, [BORDER])[BORDER]
    assert usual.publishers == ("cr",)
    assert 20 * HOUR <= usual.normal <= 25 * HOUR
    assert stored(session) == right([*WAITING, *PASSED], NOW, session)
    assert open_cases(session) == [("cr", "AT_BORDER railnet:alashankou>railnet:dostyk", 4)]
    sound(dsn)

    # One that goes on leaves the others silent; the last one closes the case.
    for number, story in enumerate(WAITING):
        going = journey(100 + number, 5, LATE + timedelta(hours=number))
        (handed,) = [each for each in going.told if each.event not in {e.event for e in story.told}]
        desk.apply([record(handed, 5_000 + number)])
        desk.settle()
        projector.catch_up(session, clock.desk, 200)
        assert [each[2] for each in open_cases(session)] == [3 - number][: 3 - number]
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 200)
    sound(dsn)
    desk.close()


@pytest.mark.long
def test_what_becomes_usual_closes_a_case_without_a_word_on_its_trains(dsn: str, session: Session) -> None:
    clock, desk = Clock(NOW), Desk(dsn)
    desk.apply([record(each, n) for n, each in enumerate(e for s in (*WAITING, *PASSED) for e in s.told)])
    desk.settle()
    desk.close()
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 200)
    assert open_cases(session)
    wider = Habit(("cr",), 60 * HOUR, 90 * HOUR, 50)
    session.execute(
        "UPDATE lianyun.arrival_habit SET normal = %s, alarming = %s, xid = pg_current_xact_id()"
        " WHERE stage = 6 AND first = 'railnet:alashankou'",
        (wider.normal, wider.alarming),
    )
    followed = projector.catch_up(session, clock.desk, 200)
    assert sum(each.judged for each in followed) == 4, "those on that leg, and no others"
    assert open_cases(session) == []
    arrival.forget(session)
    projector.catch_up(session, clock.desk, 200)
    assert open_cases(session) == [], "40 hours are no week"
    arrival.catch_up(session)
    projector.catch_up(session, clock.desk, 200)
    assert open_cases(session)
    sound(dsn)
    for harm in (
        "UPDATE lianyun.arrival_habit SET seen = seen + 1",
        "DELETE FROM lianyun.case_leg",
        "DELETE FROM lianyun.arrival_habit",
    ):
        session.execute(harm.encode())
        assert not fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY})).sound, harm


def sound(dsn: str) -> None:
    report = fsck(dsn, "demo", gateway_topics=frozenset({GATEWAY}))
    assert report.sound, report.findings[:3]
    assert not report.counts["cases_behind"]
