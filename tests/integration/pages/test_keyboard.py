"""Console and search by the keyboard alone, in a real browser: skip link, shortcuts, rows, visible focus, and turning shortcuts off."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from services.people.domain.person import Permission
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.browser import PHONE, chromium, overflow, violations, window
from tests.support.cases.border_night import border_night, play
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database

pytestmark = [pytest.mark.integration, pytest.mark.long]
BOARD = f"/console/board/alashankou-dostyk?at={border_night().as_of}"
FOCUS = "() => [document.activeElement.getAttribute('href') ?? document.activeElement.id, getComputedStyle(document.activeElement).outlineStyle]"


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "keyboard")
    play(dsn)
    with RunningConsole(dsn, tmp_path_factory.mktemp("keyboard")) as running:
        running.person("cr", "li-na", ["alashankou-shift"], [*Permission], name="Li Na")
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def sign_in(page: Page, console: RunningConsole) -> None:
    """By keys too."""
    page.goto(f"{console.url}/console")
    page.get_by_role("main").get_by_role("link", name="Sign in").press("Enter")
    page.get_by_role("button", name="Li Na").press("Enter")
    page.wait_for_url(f"{console.url}/console")


def focus(page: Page) -> str:
    """Where the focus is, by address or id; it shows."""
    where, outline = page.evaluate(FOCUS)
    assert outline != "none", where
    return str(where)


def test_cases_and_search_are_walked_without_a_mouse(console: RunningConsole, browser: Browser) -> None:
    with window(browser) as context:
        page = context.new_page()
        sign_in(page, console)
        page.goto(f"{console.url}/console/cases")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "main", "the first stop skips the navigation"
        rows = page.locator("table.cases tbody tr th a")
        assert rows.count() > 1
        addresses = [rows.nth(number).get_attribute("href") for number in range(2)]
        page.keyboard.press("j")
        assert focus(page) == addresses[0]
        page.keyboard.press("j")
        assert focus(page) == addresses[1]
        page.keyboard.press("k")
        assert focus(page) == addresses[0]
        page.keyboard.press("Enter")
        page.wait_for_url(f"{console.url}{addresses[0]}")
        page.keyboard.press("/")
        page.wait_for_url(f"{console.url}/search")
        page.keyboard.press("/")
        assert focus(page) == "q"
        page.keyboard.type("CSQU305j?/")
        assert page.input_value("#q") == "CSQU305j?/", "whoever types only types"
        page.fill("#q", "X8024")
        page.keyboard.press("Enter")
        page.wait_for_url("**/search?q=X8024")
        page.keyboard.press("j")
        found = focus(page)
        assert found.startswith("/track/")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{console.url}{found}")


def test_shortcuts_are_listed_and_can_be_turned_off(console: RunningConsole, browser: Browser) -> None:
    with window(browser, size=PHONE, language="zh-CN", bypass_csp=True) as context:
        page = context.new_page()
        page.goto(console.url)
        listed = page.get_by_role("dialog")
        page.keyboard.press("?")
        expect(listed).to_be_visible()
        assert violations(page) == []
        assert overflow(page) <= 0
        page.locator("#keys-on").press("Space")
        page.keyboard.press("Escape")
        expect(listed).to_be_hidden()
        page.goto(f"{console.url}/line")
        page.keyboard.press("?")
        page.keyboard.press("/")
        expect(listed).to_be_hidden()
        assert page.url == f"{console.url}/line"
        page.locator("#keys-open").press("Enter")
        expect(listed).to_be_visible()


def test_a_view_is_saved_and_opened_by_keys(console: RunningConsole, browser: Browser) -> None:
    with window(browser, size=PHONE, bypass_csp=True) as context:
        page = context.new_page()
        sign_in(page, console)
        page.goto(f"{console.url}{BOARD}")
        page.get_by_role("link", name="Save this view").press("Enter")
        page.get_by_label("A name for it, which only you see").fill("night at Dostyk")
        page.keyboard.press("Enter")
        page.wait_for_url(f"{console.url}/console/views")
        assert violations(page) == []
        assert overflow(page) <= 0
        page.get_by_role("navigation").get_by_role("link", name="night at Dostyk").press("Enter")
        page.wait_for_url("**/console/board/**")
        with page.expect_download() as started:
            page.get_by_role("link", name="CSV (Trains)").press("Enter")
        assert started.value.suggested_filename == "trains.csv"
