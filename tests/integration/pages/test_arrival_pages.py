"""The forecast on the tracking page, and the record of borders, over a platform that has seen trains."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from services.arrival.store import projector
from services.ledger.storage.session import open_session
from services.pages.languages import LANGUAGES
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.arrival import journey
from tests.support.databases import migrated_database
from tests.support.pages import RunningPages
from tests.support.signed_stories import Desk, record, register

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def pages(postgres: DatabaseAddress) -> Iterator[RunningPages]:
    """Trains of the last weeks, of which one is at Alashankou, and another was left there long ago."""
    dsn = migrated_database(postgres, "arrival_pages")
    now = datetime.now(UTC).replace(microsecond=0)
    told = [journey(n, departs=now - timedelta(hours=200 + 26 * n)) for n in range(23)]
    told += [journey(23, 5, now - timedelta(hours=66)), journey(24, 5)]
    with psycopg.connect(dsn) as session:
        register(session, told)
    desk = Desk(dsn)
    desk.apply([record(each, n) for n, each in enumerate(e for story in told for e in story.told)])
    desk.settle()
    desk.close()
    with open_session(dsn) as session:
        session.autocommit = True
        projector.catch_up(session)
    with RunningPages(dsn) as running:
        yield running


def test_the_tracking_page_has_the_forecast_for_whoever_sees_the_movement(pages: RunningPages) -> None:
    with pages.browser("ktz") as browser:
        answer = browser.get("/track/xaport/ARR-23")
        assert answer.status_code == 200, answer.text
        assert "With a probability of 80% it arrives between" in answer.text
        assert "Hand-over at Alashankou – Dostyk" in answer.text
        assert "trains of this service: 23, of all services: 23" in answer.text
        again = browser.get("/track/xaport/ARR-23", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        forgotten = browser.get("/track/xaport/ARR-24")
        assert forgotten.status_code == 200
        assert "With a probability" not in forgotten.text, "beyond what is counted nothing is claimed"
    with pages.browser("mswia") as stranger:
        assert stranger.get("/track/xaport/ARR-23").status_code == 404


def test_a_cached_forecast_goes_with_what_it_was_learned_from(pages: RunningPages) -> None:
    with pages.browser("ktz") as browser, open_session(pages.dsn) as session:
        session.autocommit = True
        assert "With a probability" in browser.get("/track/xaport/ARR-23").text
        projector.forget(session)
        assert "With a probability" not in browser.get("/track/xaport/ARR-23").text
        projector.catch_up(session)
        assert "With a probability" in browser.get("/track/xaport/ARR-23").text


def test_everybody_sees_how_good_forecasts_of_borders_were(pages: RunningPages) -> None:
    seen = set()
    for language in LANGUAGES.values():
        with pages.browser(language=language.tag) as browser:
            answer = browser.get("/borders")
        assert answer.status_code == 200
        assert answer.text.count("<section") == 1, "one direction of one border has enough"
        seen.add(re.search(r"<h1>(.*?)</h1>", answer.text)[1])  # type: ignore[index]
        if language.code == "en":
            assert "Alashankou → Dostyk" in answer.text
            assert "fewer than 20" in answer.text
            assert 'href="?table=weeks&amp;format=csv"' in answer.text
    assert len(seen) == len(LANGUAGES)
    with pages.browser() as browser:
        record, weeks = (
            browser.get(f"/borders?table={name}&format=json").json()["rows"] for name in ("borders", "weeks")
        )
    assert len(record) == 1 < len(weeks)
    assert {row["crossings"] for row in weeks} == {None}, "a week with too few has no numbers"
    assert record[0]["crossings"] >= 20
