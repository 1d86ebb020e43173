"""Every table of a page as CSV and JSON at the page's own address: same access, same log, same budget."""

from __future__ import annotations

import csv
import io
import re
from html import unescape

import httpx
import pytest

from tests.support.pages import RunningPages

pytestmark = pytest.mark.integration
XA1 = "/track/xaport/XA-1"
EVENTS = f"{XA1}?table=events&format=csv"


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"), newline="")))


def test_a_page_names_its_tables_and_gives_them(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        page = browser.get(f"{XA1}?lang=de")
        named = {unescape(each) for each in re.findall(r'href="(\?[^"]*table=[^"]*)"', page.text)}
        assert {"?table=events&format=csv", "?table=containers&format=json"} <= named
        for address in named:
            answer = browser.get(f"{XA1}{address}")
            assert answer.status_code == 200
            assert answer.json()["rows"] if "json" in address else rows_of(answer), address
        sheet = browser.get(EVENTS)
        assert sheet.headers["content-type"].startswith("text/csv")
        assert sheet.headers["x-content-type-options"] == "nosniff"
        assert sheet.headers["x-robots-tag"] == page.headers["x-robots-tag"]
        assert "movement.loaded_on_wagon" in {row["milestone"] for row in rows_of(sheet)}
        assert sheet.content == browser.get(f"{EVENTS}&lang=zh").content
        assert browser.get(f"{XA1}?table=none&format=csv").status_code == 404
        assert browser.get(f"{XA1}?table=events&format=xlsx").status_code == 400


def test_a_table_that_did_not_change_is_not_sent_again(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        tag = browser.get(EVENTS).headers["etag"]
        assert browser.get(EVENTS, headers={"if-none-match": tag}).status_code == 304
        assert browser.get(XA1, headers={"if-none-match": tag}).status_code == 200


def test_nobody_gets_a_table_of_a_page_that_is_not_theirs(pages: RunningPages) -> None:
    with pages.browser() as browser:
        assert browser.get(EVENTS).status_code == 401
    with pages.browser("stranger") as browser:
        foreign, absent = browser.get(EVENTS), browser.get("/track/xaport/none?table=events&format=csv")
        assert foreign.status_code == absent.status_code == 404
        assert foreign.text == absent.text


def test_reading_a_table_is_logged_as_reading_the_page_is(pages: RunningPages) -> None:
    def lines() -> list[tuple[str, ...]]:
        with pages.context.pool.connection() as session:
            return session.execute(
                "SELECT client, resource, subjects, route FROM lianyun.access_log WHERE party = 'abank' AND client = 'test'"
            ).fetchall()

    before = len(lines())
    with pages.browser("abank") as browser:
        assert browser.get(EVENTS).status_code == 200
    assert lines()[before:] == [("test", "consignment:xaport/XA-1", ["optic"], "/track/{reference:path}")]
