"""Saved views: an address under a name of a person's own, which gives no rights; bounded, never a token, gone with the person."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from services.pages.app import GROUPS
from services.pages.routes.console_views import savable
from services.people.domain.person import Permission
from services.people.store import people, saved_views
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.cases.border_night import border_night, play
from tests.support.console import RunningConsole, post
from tests.support.databases import migrated_database

pytestmark = pytest.mark.integration
VIEWS = "/console/views"
MINE = "/console/cases?show=mine"
ROUTES = [route for group in GROUPS for route in group.routes]


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "saved_views")
    play(dsn)
    with RunningConsole(dsn, tmp_path_factory.mktemp("views")) as running:
        running.person("cr", "li-na", ["alashankou-shift"], [*Permission])
        running.person("cr", "screen", [], [Permission.BOARD])
        yield running


def test_a_person_saves_renames_opens_and_removes_a_view(console: RunningConsole) -> None:
    browser = console.looking("li-na")
    page = browser.get(f"{MINE}&lang=de")
    assert 'href="/console/views?save=%2Fconsole%2Fcases%3Fshow%3Dmine"' in page.text
    form = browser.get(f"{VIEWS}?save={MINE.replace('?', '%3F')}")
    assert f'name="address" value="{MINE}"' in form.text
    assert (
        post(
            browser, VIEWS, {"name": "夜班 <mine>", "address": f"{MINE}&lang=de&table=cases&format=csv"}
        ).status_code
        == 303
    )
    for where in (VIEWS, "/console", "/console/shift"):
        assert f'<a href="{MINE}">夜班 &lt;mine&gt;</a>' in browser.get(where).text
    assert "夜班" not in console.looking("screen").get(VIEWS).text, "it is nobody else's"
    assert post(browser, f"{VIEWS}/rename", {"view": "夜班 <mine>", "name": "=mine"}).status_code == 303
    assert browser.get(f"{VIEWS}?table=views&format=csv").text.splitlines()[1] == f"'=mine,{MINE}"
    assert browser.get(MINE).status_code == 200
    assert post(browser, f"{VIEWS}/rename", {"view": "none", "name": "x"}).status_code == 404
    assert post(browser, f"{VIEWS}/remove", {"view": "=mine"}).status_code == 303
    assert post(browser, f"{VIEWS}/remove", {"view": "=mine"}).status_code == 404
    assert MINE not in browser.get("/console").text


def test_a_view_gives_no_rights(console: RunningConsole) -> None:
    screen = console.looking("screen")
    assert post(screen, VIEWS, {"name": "cases", "address": MINE}).status_code == 303
    assert screen.get(MINE).status_code == 404


def test_nobody_saves_without_a_session_or_the_form(console: RunningConsole) -> None:
    form = {"name": "x", "address": MINE}
    assert (
        console.browser().post(VIEWS, data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 401
    )
    browser = console.looking("li-na")
    assert browser.post(VIEWS, data=form, headers={"sec-fetch-site": "same-origin"}).status_code == 403
    assert browser.get(f"{VIEWS}?save=https://evil.example").text.count('name="address"') == 0


@pytest.mark.parametrize(
    "address",
    [
        "https://evil.example/console", "//evil.example", "javascript:alert(1)", "/nothing", "/console/nothing", "console", "/console#x", "",
        "/s/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/track/a?from=/s/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/track/%2Fs%2FAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "/console?form_token=x", "/sign-in?return=/console", "/sign-out", "/console/account/sessions", "/console\r\nx: y", "/" + "a" * 3000,
    ],
)  # fmt: skip
def test_what_is_no_page_or_holds_a_token_is_not_saved(console: RunningConsole, address: str) -> None:
    assert savable(address, ROUTES) is None
    browser = console.looking("li-na")
    before = browser.get(VIEWS).text.count('name="view"')
    assert post(browser, VIEWS, {"name": "bad", "address": address}).status_code == 409
    assert browser.get(VIEWS).text.count('name="view"') == before


def test_pages_are_saved_as_they_are() -> None:
    for address in (
        "/",
        "/line?at=2025-09-14",
        "/track/xaport/XA-1",
        "/track/xaport/A%2FB",
        "/search?q=%E4%B8%AD",
        MINE,
    ):
        assert (
            savable(f"{address}{'&' if '?' in address else '?'}lang=zh&table=a&format=csv", ROUTES) == address
        )


def test_views_are_bounded_and_named_once(console: RunningConsole) -> None:
    browser = console.looking("li-na")
    for name, status in (
        ("", 409),
        (" ", 409),
        ("a\nb", 409),
        ("n" * 61, 409),
        ("n" * 60, 303),
        ("n" * 60, 303),
    ):
        assert post(browser, VIEWS, {"name": name, "address": MINE}).status_code == status, name
    assert browser.get(VIEWS).text.count('name="view"') == 2, (
        "saved again is saved once; with the form to remove it"
    )
    assert post(browser, VIEWS, {"name": "other", "address": "/line"}).status_code == 303
    assert post(browser, f"{VIEWS}/rename", {"view": "other", "name": "n" * 60}).status_code == 409
    with psycopg.connect(console.dsn) as session:
        (person,) = (each.id for each in people.listed(session) if each.subject == "li-na")
        for number in range(saved_views.MOST - 2):
            saved_views.save(session, person, f"view {number}", "/line", 1)
    assert post(browser, VIEWS, {"name": "one more", "address": "/line"}).status_code == 409
    assert post(browser, VIEWS, {"name": "other", "address": "/borders"}).status_code == 303, (
        "in place of its own"
    )


def test_views_go_when_the_person_is_erased(console: RunningConsole) -> None:
    made = console.person("ktz", "aigerim", [], [])
    with psycopg.connect(console.dsn) as session:
        saved_views.save(session, made, "mine", "/line", 1)
        people.end(session, made)
        assert saved_views.of_person(session, made) == [("mine", "/line")]
        assert people.erase(session, made)
        assert saved_views.of_person(session, made) == []


def test_a_board_of_a_past_moment_is_a_view(console: RunningConsole) -> None:
    board = f"/console/board/alashankou-dostyk?at={border_night().as_of}"
    assert savable(board, ROUTES) == board
    answer = console.looking("li-na").get(f"{board}&table=trains&format=json")
    assert answer.json()["complete"]
    assert {row["state"] for row in answer.json()["rows"]} >= {"QUEUED"}
