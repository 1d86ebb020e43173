"""The store of arrival times holds what the rules say of all accepted events, in any order and batches, and anew from nothing."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator

import psycopg
import pytest

from schemas.rfc3339 import parse_micros
from services.arrival.domain.cargo import cargo
from services.arrival.domain.forecast import Forecast
from services.arrival.domain.history import Source, week_of
from services.arrival.domain.legs import Stage
from services.arrival.store import projector
from services.arrival.store.presentation import arrival_json
from services.arrival.store.projector import ALWAYS, Row
from services.arrival.store.reader import LegHistory, read_forecast
from services.audit.fsck.check import fsck
from services.audit.report import Damage, Finding
from services.domain.derive import derive
from services.domain.facts import Facts
from services.domain.rules import HOUR
from services.ledger.storage.operations import quarantine
from services.ledger.storage.session import Session, open_session
from services.query.views import read_view
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import Story, stories
from tests.support.arrival import journey
from tests.support.databases import migrated_database
from tests.support.signed_stories import GATEWAY, NETWORK, Desk, key_of, record, register

pytestmark = pytest.mark.integration
_STORED = "SELECT cons, kind, stage, first, last, by, began, ended, present FROM lianyun.arrival_leg"


@pytest.fixture(scope="module")
def told() -> list[Story]:
    """Whole journeys, and stories of trains, borders, corrections, groups and reused boxes, each with objects of its own."""
    wanted = ("01", "08", "11", "16", "21", "25", "26", "35", "38", "53", "61", "76")
    some = [each.scoped(f"a{n:02}") for n, each in enumerate(stories()) if each.slug[:2] in wanted]
    return [*(journey(n, 3 + n % 5) for n in range(10)), *some]


@pytest.fixture
def dsn(postgres: DatabaseAddress, told: list[Story], request: pytest.FixtureRequest) -> str:
    fresh = migrated_database(postgres, "arrival_" + str(abs(hash(request.node.name)) % 10**8))
    with psycopg.connect(fresh) as session:
        register(session, told)
    return fresh


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def right(told: list[Story], without: frozenset[str] = frozenset()) -> set[Row]:
    """The rows that should be stored, without what some parties said."""
    rows: set[Row] = set()
    for story in told:
        facts = Facts.union(each.facts() for each in story.told if each.publisher.code not in without)
        for founding in facts.foundings:
            view = derive(facts, founding.consignment, ALWAYS)
            if view is not None:
                rows |= projector.rows_of(view.consignment.id, cargo(view))
    return rows


def stored(session: Session) -> set[Row]:
    """The stored rows; the counts must be those of distinct times in them."""
    rows = {Row(*row) for row in session.execute(_STORED, binary=True)}
    times = {(r.stage, r.first, r.last, r.kind, r.by, r.began, r.ended) for r in rows if r.ended is not None}
    counts = Counter((*key, week_of(began), (ended - began) // HOUR) for *key, began, ended in times)
    found = session.execute(
        "SELECT stage, first, last, kind, by, week, hours, trains FROM lianyun.arrival_count"
    )
    assert {tuple(key): trains for *key, trains in found} == counts
    return rows


def fill(dsn: str, session: Session, told: list[Story], seed: int) -> None:
    rng = random.Random(seed)
    events = [each for story in told for each in story.told]
    events += rng.sample(events, len(events) // 10)
    rng.shuffle(events)
    desk, at = Desk(dsn), 0
    while at < len(events):
        size = rng.randint(1, 60)
        desk.apply([record(each, at + n) for n, each in enumerate(events[at : at + size])])
        at += size
        if rng.random() < 0.4:
            projector.step(session, rng.choice((20, 200)))
        if rng.random() < 0.2:
            desk.writer.tick()
    desk.settle()
    desk.close()
    projector.catch_up(session)


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long)])
def test_the_store_says_what_the_rules_say(dsn: str, session: Session, told: list[Story], seed: int) -> None:
    fill(dsn, session, told, seed)
    expected = right(told)
    assert len(expected) > 30
    assert stored(session) == expected
    assert projector.catch_up(session) == 0
    # Under other rules everything is made anew, and comes out the same.
    session.execute("UPDATE lianyun.arrival_cursor SET version = 'other'")
    projector.catch_up(session)
    assert stored(session) == expected


def test_what_was_put_aside_with_its_key_is_followed(dsn: str, session: Session, told: list[Story]) -> None:
    fill(dsn, session, told, 3)
    with session.transaction():
        assert quarantine(session, key_of("ktz").key_id, 0)
    desk = Desk(dsn)
    desk.settle()
    desk.close()
    projector.catch_up(session)
    assert stored(session) == right(told, frozenset({"ktz"})) != right(told)


HARMS = (
    "UPDATE lianyun.arrival_count SET trains = trains + 1",
    "DELETE FROM lianyun.arrival_count WHERE kind = 2",
    "DELETE FROM lianyun.arrival_leg WHERE ended IS NULL",
    "UPDATE lianyun.arrival_leg SET began = began + 1 WHERE present",
    "UPDATE lianyun.arrival_cursor SET no = no + 100000",
    "UPDATE lianyun.arrival_cursor SET version = 'other'",
)


def test_fsck_finds_what_does_not_follow(dsn: str, session: Session, told: list[Story]) -> None:
    fill(dsn, session, told[:6], 5)
    assert not _findings(dsn)
    for harm in HARMS:
        session.execute(harm.encode())
        assert _findings(dsn), harm
        projector.forget(session)
        projector.catch_up(session)
        assert stored(session) == right(told[:6])


def _findings(dsn: str) -> list[Finding]:
    report = fsck(dsn, NETWORK, gateway_topics=frozenset({GATEWAY}))
    assert "arrival_behind" not in report.counts
    return [each for each in report.findings if each.kind is Damage.ARRIVAL]


def test_a_forecast_reads_three_statements_and_uses_what_others_ran(dsn: str, session: Session) -> None:
    journeys = [journey(n) for n in range(12)]
    late = journey(12, 4)  # at Alashankou
    with psycopg.connect(dsn) as registering:
        register(registering, [*journeys, late])
    fill(dsn, session, [*journeys, late], 6)
    moment = max(parse_micros(each.envelope.time) for each in late.told) + HOUR
    thing = late.thing("consignment xaport/ARR-12")
    known = read_view(session, thing.id, moment)
    assert known is not None
    asked: list[object] = []

    class Counting:
        def execute(self, query: object, *rest: object) -> object:
            asked.append(query)
            return session.execute(query, *rest)  # type: ignore[call-overload]

    found = read_forecast(Counting(), known, moment)  # type: ignore[arg-type]
    assert len(asked) == 3
    histories: dict[Hashable, LegHistory] = {}

    def remember(key: Hashable, read: Callable[[], LegHistory]) -> LegHistory:
        return histories[key] if key in histories else histories.setdefault(key, read())

    for _ in range(2):
        again = read_forecast(Counting(), known, moment, remember=remember)  # type: ignore[arg-type]
        assert again == found
    assert len(asked) == 6, "what was read of the legs serves again"
    result = found.forecast
    assert isinstance(result, Forecast)
    border, transfer = result.legs[:2]
    assert (border.leg.stage, border.source, border.own) == (Stage.AT_BORDER, Source.OWN, 12)
    assert transfer.own == 12
    assert border.ends.p50 is not None
    assert abs(border.ends.p50 - found.cargo.behind.since - 20 * HOUR) < 6 * HOUR
    assert found.silence is not None
    assert found.silence.publisher == "cr"
    shown = arrival_json(thing.key, found, moment, known.sources.named)
    assert shown["status"] == "FORECAST"
    assert shown["inputs"][0]["id"] == "arrival_012/s3"


def test_a_consignment_on_which_the_rules_fail_is_recorded_and_mended(
    dsn: str, session: Session, told: list[Story], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise ValueError("a fault of our own")

    with monkeypatch.context() as patch:
        patch.setattr(projector, "cargo", fail)
        fill(dsn, session, told[:3], 4)
    assert projector.broken(session)
    assert stored(session) == set()
    projector.catch_up(session)
    assert projector.broken(session) == set()
    assert stored(session) == right(told[:3])
