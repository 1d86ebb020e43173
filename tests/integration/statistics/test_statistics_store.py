"""Statistics are published from accepted events alone, come out the same in any order, and are derived again from the signed bytes."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import psycopg
import pytest
from typer.testing import CliRunner

from services.cli.exits import Failure
from services.cli.main import app
from services.ledger.storage.session import Session, open_session
from services.statistics.domain import months
from services.statistics.domain.publication import ALL, Figure
from services.statistics.store import publisher
from services.statistics.store.ledger_at import LedgerAt, present
from services.statistics.store.reader import publications, read_published
from services.statistics.store.schedule import ScheduleSettings, run
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.databases import migrated_database
from tests.support.signed_stories import Desk, record, register
from tests.support.statistics import fill, months_of_trade, published, shipped

pytestmark = pytest.mark.integration
SEPTEMBER = months.parse("2025-09")
WEST = "CN-EU/alashankou-dostyk"


@pytest.fixture
def dsn(postgres: DatabaseAddress, request: pytest.FixtureRequest) -> str:
    return migrated_database(postgres, "stat_" + str(abs(hash(request.node.name)) % 10**8))


@pytest.fixture
def session(dsn: str) -> Iterator[Session]:
    opened = open_session(dsn)
    opened.autocommit = True
    yield opened
    opened.close()


def test_a_month_is_published_and_derived_again_from_the_events(
    dsn: str, session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [*months_of_trade()[:24], *months_of_trade()[48:72]]
    order = [event for story in told for event in story.told]
    random.Random(3).shuffle(order)
    fill(dsn, told, order)
    with open_session(dsn) as quiet:
        quiet.autocommit = True
        first = publisher.publish_due(quiet)
    assert first
    assert all(each.figures is None for each in first if each.month in (SEPTEMBER - 2, SEPTEMBER)), (
        "in the midst of it"
    )
    done = {months.written(each.month): each.figures for each in published(dsn)}
    assert published(dsn) == []
    assert {month for month, figures in done.items() if figures} == {"2025-07", "2025-09"}

    by_month = {each.publication.month: each for each in read_published(session)}
    found = {(f.definition, f.corridor, f.part): f for f in by_month[SEPTEMBER].figures}
    assert {corridor for _, corridor, _ in found} == {ALL, WEST}
    moved = found["transit_time", WEST, ""]
    assert (moved.counted, moved.middle // 3_600_000_000) == (25, 456), "23 of 24 have arrived"
    assert found["under_way", WEST, ""].middle == 4
    assert found["dwell", WEST, "alashankou-dostyk"].middle // 3_600_000_000 == 30
    assert found["on_time", WEST, ""].middle == 0
    assert found["disputes", WEST, ""].middle == 0
    july = {(f.definition, f.corridor): f for f in by_month[SEPTEMBER - 2].figures}
    assert july["on_time", WEST].middle == 73, (
        "eight of eleven within a day of what was announced before they left"
    )

    compared = publisher.recompute(session, SEPTEMBER)
    assert len(compared) == len(found)
    assert all(each.equal for each in compared)
    session.execute("UPDATE lianyun.statistics_figure SET middle = middle + 1 WHERE definition = 'dwell'")
    monkeypatch.setenv("LIANYUN_DSN", dsn)
    asked = ["statistics", "recompute", "dwell", "--month", "2025-09"]
    found_wrong = CliRunner().invoke(app, [*asked, "--json"])
    assert isinstance(found_wrong.exception, Failure)
    assert [each["equal"] for each in json.loads(found_wrong.stdout)["figures"]] == [False]
    right = CliRunner().invoke(
        app, ["statistics", "recompute", "transit_time", "--month", "2025-09", "--corridor", WEST]
    )
    assert (right.exception, right.stdout.count("equal")) == (None, 1)
    listed = json.loads(CliRunner().invoke(app, ["statistics", "show", "on_time", "--json"]).stdout)[
        "figures"
    ]
    assert {each["month"] for each in listed} == {"2025-07", "2025-09"}


@pytest.mark.long
def test_the_same_events_in_another_order_give_the_same_numbers(postgres: DatabaseAddress, dsn: str) -> None:
    told = months_of_trade()[:24]
    other = migrated_database(postgres, "stat_other_order")
    fill(dsn, told)
    backwards = [event for story in reversed(told) for event in reversed(story.told)]
    fill(other, told, backwards)
    results: list[list[tuple[Figure, ...]]] = []
    for each in (dsn, other):
        published(each)
        with psycopg.connect(each) as session:
            results.append([month.figures for month in read_published(session)])
    assert results[0] == results[1]
    assert any(results[0])


def test_what_came_after_a_publication_changes_nothing_that_is_derived_for_it(
    dsn: str, session: Session
) -> None:
    told = months_of_trade()[48:72]
    at = fill(dsn, told)
    before = LedgerAt(session, present(session)).observations(SEPTEMBER)
    position = present(session)
    published(dsn)
    late = shipped(500, datetime(2025, 9, 20, tzinfo=UTC), "s8", 900)
    with psycopg.connect(dsn) as other:
        register(other, [late])
    desk = Desk(dsn)
    desk.apply([record(each, at + n) for n, each in enumerate(late.told)])
    desk.settle()
    desk.close()
    assert LedgerAt(session, position).observations(SEPTEMBER) == before
    assert len(LedgerAt(session, present(session)).observations(SEPTEMBER)) > len(before)
    assert all(each.equal for each in publisher.recompute(session, SEPTEMBER))
    # The final publication beside it: one shipper's late consignment does not show.
    session.execute("UPDATE lianyun.statistics_publication SET final = false")
    published(dsn)
    first, final = publications(session)[SEPTEMBER]
    assert (first.revision, final.revision, final.final) == (1, 2, True)
    rows = "SELECT definition, corridor, part, counted, middle, inputs FROM lianyun.statistics_figure WHERE month = %s AND revision = %s ORDER BY 1, 2, 3"
    assert (
        session.execute(rows, (SEPTEMBER, 1)).fetchall() == session.execute(rows, (SEPTEMBER, 2)).fetchall()
    )
    assert all(each.equal for each in publisher.recompute(session, SEPTEMBER))
    # A first publication that does not come out of the events any more is not published beside.
    session.execute("UPDATE lianyun.statistics_publication SET final = false")
    session.execute("DELETE FROM lianyun.statistics_figure WHERE revision = 2")
    session.execute("DELETE FROM lianyun.statistics_publication WHERE revision = 2")
    session.execute("UPDATE lianyun.statistics_figure SET counted = counted + 5")
    with pytest.raises(publisher.NotAsPublished):
        published(dsn)


def test_the_process_that_keeps_arrival_times_publishes_what_is_due(dsn: str, session: Session) -> None:
    fill(dsn, months_of_trade()[:24])
    stop = threading.Event()
    settings = ScheduleSettings.model_validate({"dsn": dsn, "statistics_quiet_hours": 0, "arrival_nice": 0})
    process = threading.Thread(target=run, args=(settings, stop))
    process.start()
    try:
        for _ in range(600):
            if publications(session):
                break
            assert process.is_alive()
            stop.wait(0.1)
    finally:
        stop.set()
        process.join(60)
    assert not process.is_alive()
    assert {month for month, each in publications(session).items() if each[-1].final}
    assert published(dsn) == [], "nothing is left that is due"
