"""The page of the line: what everybody sees without JavaScript, what the module that plays it gets, and who sees which train."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from schemas.rfc3339 import parse_micros
from services.api.access.matrix import Field
from services.api.auth.gate import Caller
from services.pages.languages import LANGUAGES
from services.pages.line.diagram import wide
from services.pages.rendering import STATIC
from services.pages.settings import PagesSettings
from services.pages.viewer import Viewer
from services.testbed.localstack.engine import DatabaseAddress
from tests.support.api.server import now
from tests.support.databases import migrated_database
from tests.support.line_story import store
from tests.support.pages import RunningPages

pytestmark = pytest.mark.integration
PERIOD = "from=2026-03-10&to=2026-03-13"
AT = f"/line?{PERIOD}&at=2026-03-11T00:00"


@pytest.fixture(scope="module")
def line_dsn(postgres: DatabaseAddress) -> str:
    address = migrated_database(postgres, "line_page_tests")
    store(address)
    return address


@pytest.fixture(scope="module")
def pages(line_dsn: str) -> Iterator[RunningPages]:
    with RunningPages(line_dsn) as running:
        yield running


def text_of(pages: RunningPages, path: str, party: str = "", language: str = "en") -> str:
    with pages.browser(party, language) as browser:
        answer = browser.get(path)
        assert answer.status_code == 200, answer.text
        return answer.text


def test_without_javascript_there_is_a_picture_and_a_table(pages: RunningPages) -> None:
    shown = text_of(pages, AT, "bch")
    assert len(re.findall(r'<rect class="waits"', shown.partition('class="line-key"')[0])) == 2 * 2, (
        "in both forms"
    )
    assert "line-shut shut" in shown, "closed at that moment"
    assert re.search(r'<strong id="line-waiting">2</strong>', shown)
    assert re.search(r"Brest-Severny – Małaszewicze</th>\s*<td[^>]*>2</td>\s*<td[^>]*>0</td>", shown)
    assert "BCH/1401/2026-03-10" in shown
    assert '<div id="line-controls" class="line-controls" hidden>' in shown


def test_before_and_after_the_moment_the_picture_is_another(pages: RunningPages) -> None:
    before = text_of(pages, f"/line?{PERIOD}&at=2026-03-10T01:00", "bch")
    assert "line-shut shut" not in before
    assert '<rect class="waits"' not in before.partition('class="line-key"')[0]
    assert "PLK/45301" in text_of(pages, f"/line?{PERIOD}&at=2026-03-12T20:00", "bch"), (
        "one train under both numbers"
    )


@pytest.mark.parametrize(
    ("party", "named"),
    [
        ("bch", {"1401", "1403"}),
        ("gtk", {"1401", "1403"}),
        ("optic", {"1401"}),
        ("textil", {"1403"}),
        ("other", set()),
        ("", set()),
    ],
)
def test_everybody_sees_by_name_what_is_theirs_to_see(
    pages: RunningPages, party: str, named: set[str]
) -> None:
    page = text_of(pages, AT, party)
    film = text_of(pages, f"/line/film?{PERIOD}", party)
    for text in (page, film):
        assert {number for number in ("1401", "1403") if f"/{number}/" in text} == named
    if not party:
        assert "fewer than five" in page
        assert '"waiting":[]' in film, "two trains are few"


def test_whoever_came_by_a_share_link_is_the_public_here(pages: RunningPages, line_dsn: str) -> None:
    with RunningPages(line_dsn) as shared:
        viewer = Viewer("bch", Caller("link", frozenset(), "", ""), shared=frozenset({Field.MOVEMENT}))
        shared.context.identify = lambda _session, _request, _now: viewer
        film, public = (text_of(each, f"/line/film?{PERIOD}") for each in (shared, pages))
        assert film == public
        assert "/1401/" not in text_of(shared, AT)


def test_the_film_of_the_page_has_a_place_for_every_station_and_an_etag(pages: RunningPages) -> None:
    with pages.browser("bch") as browser:
        answer = browser.get(f"/line/film?{PERIOD}")
        body = answer.json()
        assert len(body["wide"]) == len(body["tall"]) == len(body["stations"]) > 5
        assert body["wide"] == [list(wide()[station]) for station in body["stations"]]
        again = browser.get(f"/line/film?{PERIOD}", headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        assert answer.headers["content-type"] == "application/json"


def test_the_present_line_shows_the_last_days_of_which_anything_is_known(pages: RunningPages) -> None:
    shown = text_of(pages, "/line", "bch")
    assert "data-plays" in shown, "nothing new: what was last, as a film"
    assert "2026-03-12" in text_of(pages, "/line/film", "bch")


def test_a_platform_without_trains_has_a_line_that_waits_for_them(postgres: DatabaseAddress) -> None:
    with RunningPages(migrated_database(postgres, "line_empty_tests"), {"pages_open_line": True}) as empty:
        shown = text_of(empty, "/line")
        assert 'data-live="1"' in shown
        moments = [parse_micros(each) for each in re.findall(r'datetime="([^"]+)"', shown)]
        assert max(moments) <= now(), "no moment to come is shown as the present one"
        assert re.search(r'<strong id="line-waiting">0</strong>', shown)
        assert '"trains":[]' in text_of(empty, "/line/film")


@pytest.mark.parametrize("wrong", ["at=now", "from=2025-01-01&to=2026-01-01", "from=x"])
def test_what_cannot_be_shown_is_said(pages: RunningPages, wrong: str) -> None:
    with pages.browser("bch") as browser:
        assert browser.get(f"/line?{wrong}").status_code == 400


def test_in_every_language_and_without_anything_inline(pages: RunningPages) -> None:
    titles = set()
    for language in LANGUAGES.values():
        shown = text_of(pages, AT, "bch", language.tag)
        titles.add(re.search(r"<h1>(.*?)</h1>", shown)[1])  # type: ignore[index]
        assert not re.search(r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", shown)
    assert len(titles) == len(LANGUAGES)


def test_the_module_is_small(pages: RunningPages) -> None:
    assert (STATIC / "line.js").stat().st_size < 15_000
    assert len(text_of(pages, AT, "bch")) < 150_000


def test_only_a_network_of_trials_shows_its_trains_to_everybody(line_dsn: str) -> None:
    with RunningPages(line_dsn, {"pages_open_line": True}) as open_pages:
        assert "/1401/" in text_of(open_pages, AT)
    with pytest.raises(ValueError, match="every train to everybody"):
        PagesSettings(dsn=line_dsn, pages_open_line=True, network="prod")  # type: ignore[arg-type]
