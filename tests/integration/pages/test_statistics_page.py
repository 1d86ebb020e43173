"""Statistics for everybody: each number leads to what it is of, and what is hidden is nowhere on the pages nor in their data."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest

from services.pages.languages import LANGUAGES
from services.statistics.domain.definitions import definitions
from services.testbed.localstack.engine import DatabaseAddress
from tests.stories.story import stories
from tests.support.browser import DESK, PHONE, chromium, overflow, violations, window
from tests.support.databases import migrated_database
from tests.support.pages import RunningPages
from tests.support.statistics import fill, publish_year

pytestmark = pytest.mark.integration
AT = "Number(document.getElementById('stat-at').value)"
PATHS = (
    "/statistics",
    "/statistics?measure=dwell&corridor=CN-EU/alashankou-dostyk",
    "/statistics/definitions/transit_time?month=2025-09",
)


@pytest.fixture(scope="module")
def pages(postgres: DatabaseAddress) -> Iterator[RunningPages]:
    dsn = migrated_database(postgres, "statistics_pages")
    with RunningPages(dsn) as running:
        with running.browser() as browser:
            assert "Nothing is published yet" in browser.get("/statistics").text
        fill(dsn, [story for story in stories() if story.slug.startswith("25_border_closed")])
        publish_year(dsn)
        yield running


def test_every_number_leads_to_its_definition_in_every_language(pages: RunningPages) -> None:
    titles = set()
    for language in LANGUAGES.values():
        with pages.browser(language=language.tag) as browser:
            answer = browser.get("/statistics")
            assert answer.status_code == 200
            assert len(answer.content) < 150_000
            titles.add(re.search(r"<h1>(.*?)</h1>", answer.text)[1])  # type: ignore[index]
            links = re.findall(r'href="(/statistics/definitions/[^"]+)"', answer.text)
            assert len(links) > 20
            number = browser.get(unescape(links[1]))
            assert number.status_code == 200
            assert "SHA-256" in number.text
            assert "lianyun statistics recompute transit_time --month 2025-12" in number.text
            assert "FROM lianyun.claim" in number.text
    assert len(titles) == len(LANGUAGES)


def test_a_closed_border_is_shown_in_the_months_of_its_closure(pages: RunningPages) -> None:
    with pages.browser() as browser:
        for month, shut in (("2025-08", False), ("2025-09", True), ("2025-10", False)):
            page = browser.get(f"/statistics?month={month}").text
            assert page.count("line-shut shut") == (2 if shut else 0), (
                "on both forms of the diagram; a rumour closes nothing"
            )
            assert page.count('class="line-band" x="') >= 1


def test_what_is_hidden_is_nowhere(pages: RunningPages) -> None:
    with pages.browser() as browser:
        for definition in definitions():
            page = browser.get(f"/statistics?measure={definition}")
            csv = browser.get(f"/statistics?measure={definition}&table=figures&format=csv")
            assert (page.status_code, csv.status_code) == (200, 200)
            for text in (page.text, csv.text):
                assert "manzhouli-zabaikalsk" not in text
                assert "erenhot" not in csv.text, "hidden with it: the total would tell"
        assert len(csv.text.splitlines()) == 1, "no bank has lent"
        film = browser.get("/statistics/film").json()
        assert len(film["months"]) == 12
        assert {len(counts) for counts in film["counts"]} == {2}
        hidden = {"month": "2025-09", "corridor": "CN-EU/manzhouli-zabaikalsk"}
        assert browser.get("/statistics/definitions/transit_time", params=hidden).status_code == 404
        assert browser.get("/statistics/definitions/nothing").status_code == 404
        for wrong in ({"month": "2025-13"}, {"month": "x"}, {"corridor": "x"}):
            assert browser.get("/statistics", params=wrong).status_code == 400


@pytest.mark.long
def test_the_months_play_in_a_browser_and_stand_still_without(pages: RunningPages) -> None:
    with chromium() as browser:
        for size, scheme in ((PHONE, "light"), (DESK, "dark")):
            with window(browser, size=size, scheme=scheme, bypass_csp=True) as context:
                for path in PATHS:
                    page = context.new_page()
                    page.goto(pages.url + path)
                    assert violations(page) == [], path
                    assert overflow(page) <= 0, path
        with window(browser, java_script_enabled=False) as context:
            page = context.new_page()
            page.goto(f"{pages.url}/statistics?month=2025-09")
            assert page.locator("#stat-month").inner_text() == "Sept 2025"
            assert float(page.locator("svg.wide .stat-flow").first.get_attribute("stroke-width") or 0) > 1
        context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="no-preference")
        page, faults = context.new_page(), list[Any]()
        page.on("pageerror", lambda error: faults.append(error))
        page.goto(f"{pages.url}/statistics")
        page.wait_for_selector("#stat-controls:not([hidden])")
        assert page.evaluate(AT) == 11
        page.keyboard.press("Home")
        assert (page.evaluate(AT), page.locator("#stat-month").inner_text()) == (0, "Jan 2025")
        page.keyboard.press("ArrowRight")
        assert page.evaluate(AT) == 1
        page.keyboard.press("Space")
        for _ in range(200):
            if page.evaluate(AT) > 2:
                break
            page.wait_for_timeout(50)
        assert page.evaluate(AT) > 2
        page.keyboard.press("ArrowLeft")
        stopped = page.evaluate(AT)
        page.wait_for_timeout(300)
        assert page.evaluate(AT) == stopped
        assert faults == []
