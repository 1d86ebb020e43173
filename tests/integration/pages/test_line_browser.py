"""The line in a real browser: it plays, obeys the keyboard, stands still for whoever asked for that, and breaks no rule of accessibility."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from services.testbed.bench.line_film import ARGUMENTS, chromium
from services.testbed.localstack.engine import DatabaseAddress
from services.testbed.localstack.process import StackError
from tests.support.databases import migrated_database
from tests.support.line_story import store
from tests.support.pages import PARTY, RunningPages

pytestmark = [pytest.mark.integration, pytest.mark.long]
FILM = "/line?from=2026-03-10&to=2026-03-13"
AT = "Number(document.getElementById('line-at').value)"


@pytest.fixture(scope="module")
def pages(postgres: DatabaseAddress) -> Iterator[RunningPages]:
    address = migrated_database(postgres, "line_browser_tests")
    store(address)
    with RunningPages(address) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        path = chromium()
    except StackError as problem:
        pytest.skip(f"NOT RUN in a browser: {problem}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=path, args=list(ARGUMENTS))
        yield started
        started.close()


def opened(browser: Any, pages: RunningPages, path: str = FILM, **options: Any) -> tuple[Any, list[str]]:
    context = browser.new_context(
        extra_http_headers={PARTY: "bch"}, **{"reduced_motion": "no-preference", **options}
    )
    page, faults = context.new_page(), list[str]()
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.on(
        "request",
        lambda request: faults.append(request.url) if not request.url.startswith(pages.url) else None,
    )
    page.goto(f"{pages.url}{path}")
    return page, faults


def test_it_plays_by_itself_and_stops_by_a_key(browser: Any, pages: RunningPages) -> None:
    page, faults = opened(browser, pages)
    page.wait_for_selector("#line-controls:not([hidden])")
    for _ in range(200):  # the policy of content lets nothing wait inside the page
        if page.evaluate(AT) > 6:
            break
        page.wait_for_timeout(50)
    page.keyboard.press("Space")
    stopped = page.evaluate(AT)
    page.wait_for_timeout(300)
    assert page.evaluate(AT) == stopped
    page.keyboard.press("ArrowRight")
    assert page.evaluate(AT) == pytest.approx(stopped + 6, abs=1), "an hour"
    page.keyboard.press("End")
    assert page.evaluate(AT) == 3 * 144
    page.keyboard.press("Home")
    assert page.evaluate(AT) == 0
    assert faults == []


def test_what_waits_is_what_the_table_has(browser: Any, pages: RunningPages) -> None:
    page, faults = opened(browser, pages, f"{FILM}&at=2026-03-11T00:00")
    page.wait_for_selector("#line-controls:not([hidden])")
    assert page.text_content("#line-waiting") == "2"
    assert page.evaluate(AT) == 144, "the moment that was asked for, and it does not run away"
    assert page.locator(".corridor.wide .line-shut.shut").count() == 1
    page.keyboard.press("Home")
    assert page.text_content("#line-waiting") == "0"
    assert page.locator(".corridor.wide .line-shut.shut").count() == 0
    assert faults == []


def test_whoever_asked_for_less_motion_gets_a_still_picture(browser: Any, pages: RunningPages) -> None:
    page, faults = opened(browser, pages, reduced_motion="reduce")
    page.wait_for_selector("#line-controls:not([hidden])")
    page.wait_for_timeout(500)
    assert page.evaluate(AT) == 0
    assert not page.is_visible("#line-play")
    assert faults == []


def test_without_javascript_the_picture_stands(browser: Any, pages: RunningPages) -> None:
    page, _ = opened(browser, pages, f"{FILM}&at=2026-03-11T00:00", java_script_enabled=False)
    assert page.locator(".corridor.wide rect.waits").count() == 2
    assert not page.is_visible("#line-controls")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_rule_of_accessibility_is_broken_and_nothing_runs_over(
    browser: Any, pages: RunningPages, width: int, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page, faults = opened(
        browser, pages, viewport={"width": width, "height": 844}, color_scheme=scheme, reduced_motion="reduce"
    )
    page.wait_for_selector("#line-controls:not([hidden])")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert faults == []
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
