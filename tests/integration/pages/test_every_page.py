"""Every page that a link leads to, as everybody: in a browser in every language and theme, and against hostile requests.

Pages are those of the walk: one that is added is looked at as well, and ``test_walk`` fails where no link leads to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from random import Random
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from services.pages.languages import LANGUAGES
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.cast import BOX, DECLARATION
from tests.support.browser import CONTRAST, DESK, PHONE, chromium, overflow, violations, window
from tests.support.peopled import Look, peopled
from tests.support.profile import SEED, rounds
from tests.support.walk.crawler import Seen, walk
from tests.support.walk.world import LENT

pytestmark = [pytest.mark.integration, pytest.mark.long]
FIRST_PAINT = 24_000
"""Bytes, compressed: 0.6 s at 40 kB/s, which leaves the rest of a second for the way there and back."""
MOST_STOPS, DATE_PARTS = 80, 8
AT_A_TIME = 15
"""Pages that one run walks by the keyboard."""
"""Elements of a page that are walked, and the fields within one for a moment."""
MARKS = frozenset({BOX, DECLARATION.partition("/")[2], "8541430000", "Person of abank", "LN-1", "FBL-2026-1"})
"""What stands on pages of some and is not for everybody."""
INNARDS = (
    "Traceback",
    "psycopg",
    "sqlalchemy",
    "/site-packages/",
    "services/pages",
    "SELECT ",
    "lianyun.body",
)
KEYLESS = re.compile(r"/console/financing(?:s/[^/]+/proposals|-check)")
"""What says 503 here: the first world's documents are held under a key that its console does not have."""
FORM = "application/x-www-form-urlencoded"
VALUES = (
    "", "0", "-1", "9" * 400, "\0", "a\0b", "'", '"><script>alert(1)</script>', "../../../etc/passwd", "%", "%ff", "\u202e\ufeff", "联运" * 300,
    "e\u0301" * 50, "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "NaN", "1e400", "x" * 4_000, "{{7*7}}${7*7}",
    "a\r\nset-cookie: injected=1", "' OR 1=1 --", "*", "[]", "null", "true", "\ufffd", "//evil.example/", "javascript:alert(1)",
    "consignment:xaport/XA-1", "xaport/XA-1", "00000000-0000-0000-0000-000000000000", "f" * 32,
)  # fmt: skip
_REACHED = """() => [...document.querySelectorAll(
    'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex="0"]')]
  .filter(each => each.checkVisibility() && !each.disabled && each.tabIndex >= 0)
  .filter(each => each.type !== 'radio' || each.checked)
  .map((each, number) => (each.dataset.stop = number, number))"""
_FOCUS = """() => { const style = getComputedStyle(document.activeElement);
  return [Number(document.activeElement.dataset.stop ?? -1), style.outlineStyle, style.outlineWidth,
          document.activeElement.outerHTML.slice(0, 120)]; }"""
Everybody = list[tuple[Look, list[Seen]]]


@pytest.fixture(scope="module")
def everybody(postgres: DatabaseAddress, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Everybody]:
    with peopled(postgres, tmp_path_factory.mktemp("everybody"), "every_page") as looks:
        yield [
            (look, list(walk(look.browser(), look.first, look.console.pages.app.routes))) for look in looks
        ]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


def of_each_route(everybody: Everybody) -> list[tuple[Look, Seen]]:
    """One page of each route with the same names of parameters and status, by whoever saw most of it."""
    found: dict[tuple[str, int, bool], tuple[Look, Seen]] = {}
    for look, pages in everybody:
        for page in pages:
            if page.form != "html" or page.status == 303:
                continue
            key = page.route, page.status, "wall" in page.address
            if key not in found or len(page.text) > len(found[key][1].text):
                found[key] = look, page
    return list(found.values())


def test_no_link_leads_nowhere(everybody: Everybody) -> None:
    """What a page offers can be opened by whoever is offered it."""
    wrong = []
    for look, pages in everybody:
        wrong += [
            f"{look.name}: {page.address} {page.status}"
            for page in pages
            if page.address not in look.first and page.status not in (200, 303)
        ]
    assert wrong == []


@contextmanager
def looking(browser: Browser, look: Look, **more: Any) -> Iterator[Page]:
    """A page of a browser in which that person has signed in."""
    with window(browser, **more) as context:
        cookies = [(cookie.name, cookie.value or "") for cookie in look.browser().cookies.jar]
        here = look.console.url
        context.add_cookies([{"name": name, "value": value, "url": here} for name, value in cookies])
        yield context.new_page()


def opened(page: Page, address: str) -> None:
    """Go there, with everything unfolded that is folded."""
    page.goto(address, wait_until="load")
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")


def test_no_rule_of_accessibility_is_broken_on_any_page(everybody: Everybody, browser: Browser) -> None:
    """All rules on a phone in light, contrast on a desk in dark and on paper; nothing is wider than a phone.

    Each page in one language, drawn by the number of the run: six numbers one after the other show each page in each.
    """
    wrong: dict[str, list[str]] = {}
    for number, (look, shown) in enumerate(of_each_route(everybody)):
        code = list(LANGUAGES)[(number + SEED) % len(LANGUAGES)]
        with looking(browser, look, size=PHONE, language=LANGUAGES[code].tag, bypass_csp=True) as page:
            page.context.add_cookies([{"name": "lang", "value": code, "url": look.console.url}])
            opened(page, look.console.url + shown.address)
            found = violations(page)
            if page.get_attribute("html", "lang") != LANGUAGES[code].tag:
                found.append("in another language")
            if (wide := overflow(page)) > 0:
                found.append(f"{wide} px too wide for a phone")
            page.set_viewport_size({"width": DESK[0], "height": DESK[1]})
            page.emulate_media(color_scheme="dark")
            found += [f"dark: {each}" for each in violations(page, CONTRAST)]
            page.emulate_media(color_scheme="light", media="print")
            found += [f"print: {each}" for each in violations(page, CONTRAST)]
            if found:
                wrong[f"{shown.address} as {look.name} in {code}"] = found
    assert wrong == {}


def test_every_page_is_walked_by_the_keyboard_alone(everybody: Everybody, browser: Browser) -> None:
    """Tab meets whatever can be used, in the order in which it stands, shows where it is, and is caught nowhere.

    Some of the pages, drawn by the number of the run.
    """
    wrong: dict[str, object] = {}
    pages = of_each_route(everybody)
    for look, shown in Random(SEED).sample(pages, min(len(pages), AT_A_TIME)):
        with looking(browser, look) as page:
            page.goto(look.console.url + shown.address, wait_until="networkidle")
            unseen = []
            for wanted in page.evaluate(_REACHED)[:MOST_STOPS]:
                for _ in range(DATE_PARTS):
                    page.keyboard.press("Tab")
                    number, outline, width, element = page.evaluate(_FOCUS)
                    if number == wanted or not re.search(r'type="date(?:time-local)?"', element):
                        break
                if number != wanted or outline == "none" or width == "0px":
                    unseen.append(element)
            if unseen:
                wrong[f"{shown.address} as {look.name}"] = unseen[:3]
    assert wrong == {}


def test_the_first_paint_needs_few_bytes(everybody: Everybody) -> None:
    """The words of a page are there with the page and one stylesheet: no script blocks, no font or picture is waited for."""
    heavy: dict[str, object] = {}
    for look, shown in of_each_route(everybody):
        browser = look.browser()
        answer = browser.get(shown.address, headers={"accept-encoding": "gzip"})
        blocking = re.findall(r'<link rel="stylesheet" href="([^"]+)"', answer.text)
        scripts = re.findall(r"<script(?![^>]*(?:\sdefer|\stype=\"module\"))[^>]*>", answer.text)
        sheets = [browser.get(path) for path in blocking]
        fonts = [path for path, sheet in zip(blocking, sheets, strict=True) if "@font-face" in sheet.text]
        first = sum(each.num_bytes_downloaded for each in (answer, *sheets))
        if first > FIRST_PAINT or scripts or fonts:
            heavy[shown.address] = {"bytes": first, "scripts": scripts, "fonts": fonts}
    assert heavy == {}


@pytest.mark.randomised
def test_no_request_breaks_a_page_or_shows_what_is_not_for_its_reader(everybody: Everybody) -> None:
    """Each address that links lead to and each form, with parameters that no page offers."""
    random, faults = Random(SEED), []
    for look, pages in everybody:
        may_read = {mark for mark in MARKS if any(mark in page.text for page in pages)}
        # Reads by a bank that others' requests cause meanwhile show to whom they may, though no page showed them at the walk.
        may_read |= {mark for mark, parties in LENT.items() if look.name.partition(" ")[0] in parties}
        requests = [
            *(hostile for page in pages for hostile in hostile_addresses(page.address, random)),
            *(
                hostile
                for page in pages
                for form in posted(page)
                for hostile in hostile_forms(page, form, random)
            ),
        ]
        for request in random.sample(requests, min(len(requests), rounds(20, 40))):
            answer = look.browser().request(
                request.method,
                request.address,
                content=request.body,
                headers={"sec-fetch-site": "same-origin", "content-type": FORM},
            )
            told = {mark for mark in MARKS - may_read if mark in answer.text and mark not in str(request)}
            shown = re.sub(r'<pre class="query">.*?</pre>', "", answer.text, flags=re.DOTALL)
            failed = answer.status_code >= 500 and not (
                answer.status_code == 503 and KEYLESS.search(request.address)
            )
            wrong = failed or any(word in shown for word in INNARDS)
            broken = "set-cookie" in answer.headers and "injected" in answer.headers["set-cookie"]
            if wrong or told or broken:
                faults.append((look.name, answer.status_code, str(request)[:300], told))
    assert faults == []


class Form(NamedTuple):
    """A form as it stands on a page: where it is posted, and what it holds before anybody types."""

    action: str
    fields: tuple[tuple[str, str], ...]


class _Forms(HTMLParser):
    """Collects the forms that are posted."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._action: str | None = None
        self._fields: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action = given.get("action", "") if given.get("method", "get").lower() == "post" else None
            self._fields = []
        elif tag in ("input", "select", "textarea", "button") and given.get("name"):
            self._fields.append((given["name"], given.get("value", "")))
        elif tag == "option" and self._fields and not self._fields[-1][1]:
            self._fields[-1] = self._fields[-1][0], given.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form" and self._action is not None:
            self.found.append(Form(self._action, tuple(self._fields)))
            self._action = None


def posted(page: Seen) -> list[Form]:
    """The forms of a page that are posted."""
    forms = _Forms()
    forms.feed(page.text if page.form == "html" else "")
    return forms.found


class Hostile(NamedTuple):
    """A request that no page offers."""

    method: str
    address: str
    body: bytes = b""


def hostile_addresses(address: str, random: Random) -> Iterator[Hostile]:
    """The address with one part of its path or one parameter replaced, doubled or added."""
    parts = urlsplit(address)
    query = parse_qsl(parts.query, keep_blank_values=True)
    steps = parts.path.split("/")
    for number in range(1, len(steps)):
        value = quote(random.choice(VALUES), safe="")
        yield Hostile("GET", f"{'/'.join([*steps[:number], value, *steps[number + 1 :]])}?{parts.query}")
    for number, (name, value) in enumerate([*query, ("lang", "en"), ("at", ""), ("q", "x")]):
        wrong = random.choice(VALUES)
        others = query[:number] + query[number + 1 :]
        yield Hostile("GET", f"{parts.path}?{urlencode([*others, (name, wrong)])}")
        yield Hostile("GET", f"{parts.path}?{urlencode([*others, (name, value), (name, wrong)])}")
        yield Hostile("GET", f"{parts.path}?{urlencode([*query, (wrong, value)])}")


def hostile_forms(page: Seen, form: Form, random: Random) -> Iterator[Hostile]:
    """The form as it stands with one field replaced, doubled or left out, and with what is no form at all."""
    if form.action == "/sign-out":
        return
    action = form.action or page.address
    for number, (name, value) in enumerate(form.fields):
        others = [each for place, each in enumerate(form.fields) if place != number]
        wrong = random.choice(VALUES)
        for fields in ([*others, (name, wrong)], [*others, (name, value), (name, wrong)], others):
            yield Hostile("POST", action, urlencode(fields).encode())
    yield Hostile("POST", action, b"\xff\xfe=%00&=&&&;" + b"a" * 3_000)
    yield Hostile("POST", action, b"&".join([b"a=1"] * 300))
