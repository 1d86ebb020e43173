"""Every page in a real browser: accessibility, narrow windows, no scripts, keyboard, weight, no other host."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request, Response, expect

from services.pages.languages import LANGUAGES
from tests.support.browser import DESK, PHONE, chromium, overflow, violations, window
from tests.support.pages import PARTY, RunningPages
from tests.support.profile import SEED
from tests.support.story_pages import StoryPages

pytestmark = pytest.mark.integration
LOOKING = {PARTY: "optic"}
PATHS = (
    "/",
    "/search?q=CSQU9999999",
    "/track/xaport/XA-1",
    "/track/xaport/XA-2",
    "/links?consignment=xaport/XA-1",
    "/links",
    "/nothing-here",
)
STORIES = ("04", "07", "14", "18", "24", "25", "27", "29", "30", "42", "43", "86")
HEAVIEST = 150_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def opened_events(page: Page) -> None:
    """Unfold what is folded, so that it is looked at too."""
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


def weight_of(page: Page, address: str) -> int:
    """The bytes of a page with all that it loads, before compression."""
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))
    page.goto(address, wait_until="networkidle")
    return sum(len(each.body()) for each in answers if each.status != 304)


def test_the_tracking_page_on_a_phone_in_chinese(pages: RunningPages, browser: Browser) -> None:
    """The one look of the ordinary run."""
    hosts: set[str] = set()
    with window(browser, size=PHONE, language="zh-CN", headers=LOOKING, bypass_csp=True) as context:
        page = context.new_page()
        page.on("request", lambda request: hosts.add(urlsplit(request.url).netloc))
        weight = weight_of(page, f"{pages.url}/track/xaport/XA-1")
        opened_events(page)
        assert overflow(page) <= 0
        assert page.get_attribute("html", "lang") == "zh-Hans"
        assert violations(page) == []
    assert hosts == {urlsplit(pages.url).netloc}
    assert weight <= HEAVIEST


@pytest.mark.long
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("turn", range(2))
def test_axe_finds_nothing_in_the_stories_and_none_is_wider_than_a_phone(
    browser: Browser, turn: int, scheme: str
) -> None:
    """What no consignment of the worlds shows that ``test_every_page`` walks; two languages, drawn by the number of the run."""
    code = list(LANGUAGES)[(SEED + 3 * turn) % len(LANGUAGES)]
    found = {}
    tag = LANGUAGES[code].tag
    with (
        StoryPages() as told,
        window(browser, size=PHONE, language=tag, scheme=scheme, headers=LOOKING, bypass_csp=True) as context,
    ):
        page = context.new_page()
        for story in STORIES:
            page.goto(f"{told.url}/{story}?lang={code}", wait_until="networkidle")
            opened_events(page)
            wrong = violations(page)
            if wrong or overflow(page) > 0:
                found[story] = wrong, overflow(page)
    assert found == {}


@pytest.mark.long
def test_it_works_without_scripts(pages: RunningPages, browser: Browser) -> None:
    with window(browser, headers=LOOKING, java_script_enabled=False) as context:
        page = context.new_page()
        page.goto(pages.url)
        page.fill("#q", "CSQU3054383")
        page.click("button[type=submit]")
        assert page.url == f"{pages.url}/track/xaport/XA-1"
        page.click("details summary")
        assert page.is_visible(".events li")
        page.click("text=Share this page")
        page.click("text=Make the link")
        link = page.input_value("#made")
        page.goto(link)
        assert page.is_visible("text=Shared by")
        page.click("text=Deutsch")
        assert page.get_attribute("html", "lang") == "de"


@pytest.mark.long
def test_no_page_asks_another_host_breaks_the_policy_or_is_too_heavy(
    pages: RunningPages, browser: Browser
) -> None:
    own = urlsplit(pages.url).netloc
    elsewhere: list[str] = []
    complaints: list[str] = []

    def asked(request: Request) -> None:
        if urlsplit(request.url).netloc != own:
            elsewhere.append(request.url)

    for path in PATHS:
        with window(browser, size=DESK, headers=LOOKING) as context:  # with nothing in its cache
            page = context.new_page()
            page.on("request", asked)
            page.on("console", lambda message: complaints.append(message.text))
            assert weight_of(page, pages.url + path) <= HEAVIEST, path
    assert elsewhere == []
    assert [text for text in complaints if "status of 404" not in text] == []


@pytest.mark.long
def test_the_top_of_a_page_is_read_again_and_the_rest_stays(pages: RunningPages, browser: Browser) -> None:
    with window(browser, headers=LOOKING) as context:
        page = context.new_page()
        page.clock.install()
        page.goto(f"{pages.url}/track/xaport/XA-1", wait_until="networkidle")
        page.click("details summary")
        page.evaluate("document.querySelector('#now h1').textContent = 'old'")
        page.clock.run_for(61_000)
        expect(page.locator("#now h1")).not_to_have_text("old")
        assert page.is_visible(".events li")
