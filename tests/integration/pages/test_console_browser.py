"""The console in a real browser: signing in with the keyboard, a case, a wall board that outlives what is behind it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from services.cases.store import overview
from services.cases.store.overview import Wanted
from services.ledger.storage.session import open_session
from services.people.domain.person import Permission
from services.testbed.localstack.database import Database
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.cases.border_night import border_night, night_server, play
from tests.support.console import RunningConsole
from tests.support.databases import migrated_database
from tests.support.pages import RunningPages

pytestmark = [pytest.mark.integration, pytest.mark.long]
CHROMIUM = Path(os.environ.get("LIANYUN_CHROMIUM", "/usr/bin/chromium"))
OPTIONS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
AT = border_night().as_of
BOARD = f"/console/board/alashankou-dostyk?at={AT}"
PICTURES = os.environ.get("LIANYUN_PICTURES")


@pytest.fixture(scope="module")
def console(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningConsole]:
    dsn = migrated_database(postgres, "console_browser")
    play(dsn)
    with RunningConsole(dsn, tmp_path_factory.mktemp("console")) as running:
        running.person("cr", "li-na", ["alashankou-shift", "urumqi"], [*Permission], name="李娜")
        running.person("ktz", "aigerim", ["dostyk-shift"], [*Permission], name="Айгерім")
        yield running


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.skip(f"no Chromium at {CHROMIUM} (LIANYUN_CHROMIUM)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=OPTIONS)
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    made = chromium.new_context(locale="en")
    made.set_default_timeout(60_000)
    yield made
    made.close()


def signed_in(
    console: RunningConsole, context: BrowserContext, name: str = "李娜", to: str = "/console"
) -> Page:
    page = context.new_page()
    page.goto(f"{console.url}{to}")
    page.get_by_role("link", name="Sign in").first.click()
    page.get_by_role("button", name=name).click()
    page.wait_for_url(f"{console.url}{to}")
    return page


def case_of(console: RunningConsole) -> str:
    with open_session(console.dsn) as session:
        return next(
            each.id.hex()
            for each in overview.listed(session, Wanted(unowned=True))
            if each.what == "SEAL_BROKEN"
        )


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def test_a_person_works_on_a_case_and_signs_out(console: RunningConsole, context: BrowserContext) -> None:
    faults: list[str] = []
    context.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page = signed_in(console, context)
    assert page.evaluate("document.cookie") == "", "no script sees the session"
    faults.clear()  # the 401 that led to signing in
    page.goto(f"{console.url}/console/cases/{case_of(console)}")
    page.get_by_role("button", name="Take the case").press("Enter")
    page.get_by_text("cr/alashankou-shift").first.wait_for()
    note = page.get_by_label("Note for whoever looks at it next")
    note.fill("two boxes wait for their translation")
    note.press("Enter")
    page.get_by_text("two boxes wait for their translation").wait_for()
    assert faults == [], "the policy of content and the forms go together"
    page.goto(f"{console.url}/console/account")
    page.get_by_role("button", name="Sign out").first.click()
    page.wait_for_url(f"{console.url}/signed-out")
    page.goto(f"{console.url}/console")
    page.get_by_role("heading", name="Sign in to see this").wait_for()


def test_a_wall_board_outlives_what_is_behind_it(console: RunningConsole, context: BrowserContext) -> None:
    page = signed_in(console, context)
    page.clock.install()
    page.goto(f"{console.url}/console/board/alashankou-dostyk?wall&at={AT}")
    board = page.get_by_text("CR X8024")
    board.wait_for()
    picture(page, "wall")
    console.pages.__exit__()
    page.clock.run_for(12_000)
    page.get_by_text("NO CONNECTION").wait_for()
    assert board.is_visible(), "what was shown stays, with its age"
    page.clock.run_for(60_000)
    assert "1:" in page.locator("#age").inner_text()
    clock = page.locator("[data-zone='Europe/Moscow']")
    assert clock.inner_text() == "15:01", "the clocks go on"
    picture(page, "wall-without-connection")
    restart_pages(console)
    goes_on(page)
    assert board.is_visible()


def restart_pages(console: RunningConsole) -> None:
    """Pages that were ended are there again, at the same address, with nothing kept from before but their settings."""
    before = console.pages
    again = RunningPages(console.dsn, {"pages_port": before.port})
    again.url = before.url
    for name in ("console", "identify", "sign_in"):
        setattr(again.context, name, getattr(before.context, name))
    console.pages = again
    again.__enter__()
    console._stack.callback(again.__exit__)


def goes_on(page: Page) -> None:
    for _ in range(60):
        page.clock.run_for(10_000)
        page.wait_for_timeout(200)
        if not page.get_by_text("NO CONNECTION").is_visible():
            break
    assert not page.get_by_text("NO CONNECTION").is_visible(), "it goes on by itself"
    assert not page.get_by_text("Signed out").is_visible(), "nobody has to sign in again"


@pytest.fixture
def server() -> Iterator[Database]:
    """A database server of the test's own, with the night at the border; it may be stopped and started."""
    with night_server("wall") as database:
        yield database


def test_a_wall_board_outlives_the_database_and_the_pages_together(
    server: Database, context: BrowserContext, tmp_path: Path
) -> None:
    with RunningConsole(server.dsn, tmp_path) as console:
        console.person("cr", "li-na", ["alashankou-shift"], [*Permission], name="李娜")
        page = signed_in(console, context)
        page.clock.install()
        page.goto(f"{console.url}/console/board/alashankou-dostyk?wall&at={AT}")
        board = page.get_by_text("CR X8024")
        board.wait_for()
        server.stop_immediate()  # the pages are there, and nothing behind them: that is no sign-out
        page.clock.run_for(12_000)
        page.get_by_text("NO CONNECTION").wait_for()
        assert board.is_visible()
        console.pages.__exit__()
        page.clock.run_for(120_000)
        since = page.locator("#age").inner_text()
        assert "NO CONNECTION" in since
        assert "2:" in since, "for how long it has been old"
        server.start()
        restart_pages(console)
        goes_on(page)
        assert board.is_visible()
        page.reload()
        board.wait_for()


def case_of_any(console: RunningConsole) -> str:
    with open_session(console.dsn) as session:
        return next(
            each.id.hex() for each in overview.listed(session, Wanted(everything=True)) if each.life.owner
        )


def test_pictures_for_people_to_look_at(console: RunningConsole, chromium: Browser) -> None:
    if not PICTURES:
        pytest.skip("LIANYUN_PICTURES names no folder for pictures")
    context = chromium.new_context(locale="en", viewport={"width": 1280, "height": 900})
    page = signed_in(console, context)
    for name, path in {
        "cases": "/console/cases",
        "case": f"/console/cases/{case_of_any(console)}",
        "shift": "/console/shift?hours=24",
        "board": BOARD,
        "account": "/console/account",
    }.items():
        page.goto(f"{console.url}{path}")
        picture(page, f"{name}-desk")
    context.close()
