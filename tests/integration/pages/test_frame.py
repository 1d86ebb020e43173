"""What every page has in common: languages, headers, errors, static files, health, ETag, and who may look."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urljoin

import pytest

from services.pages import rendering
from services.pages.context import PageContext
from services.pages.edge import PagesEdge
from services.pages.languages import LANGUAGES
from services.pages.settings import PagesSettings
from tests.support.pages import RunningPages

pytestmark = pytest.mark.integration
XA1 = "/track/xaport/XA-1"


def test_the_first_page_is_for_everybody_in_every_language(pages: RunningPages) -> None:
    seen = set()
    for code, language in LANGUAGES.items():
        with pages.browser(language=language.tag) as browser:
            answer = browser.get("/")
            assert answer.status_code == 200
            assert f'<html lang="{language.tag}">' in answer.text
            seen.add(re.search(r"<h1>(.*?)</h1>", answer.text)[1])  # type: ignore[index]
            assert f'lang="{language.tag}" hreflang="{language.tag}" aria-current="true"' in answer.text, code
    assert len(seen) == len(LANGUAGES)


def test_a_chosen_language_is_kept(pages: RunningPages) -> None:
    with pages.browser(language="de") as browser:
        assert '<html lang="pl">' in browser.get("/?lang=pl-PL").text
        assert '<html lang="pl">' in browser.get("/").text
        cookie = browser.get("/?lang=kk").headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=lax" in cookie


def test_every_answer_carries_the_headers_and_loads_nothing_from_elsewhere(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        for path, status in (("/", 200), (XA1, 200), ("/nothing", 404), ("/track/xaport/none", 404)):
            answer = browser.get(path)
            assert answer.status_code == status
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy
            assert answer.headers["x-frame-options"] == "DENY"
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["referrer-policy"] == "same-origin"
            assert not re.search(
                r"<style|<script(?![^>]*\ssrc=)|\sstyle=|\son[a-z]+=|javascript:", answer.text
            )
            for address in re.findall(r'(?:src|href|action)="([^"]+)"', answer.text):
                assert urljoin(pages.url, address).startswith(pages.url)


def test_over_https_browsers_are_told_to_stay_there(pages: RunningPages) -> None:
    secure = PageContext(PagesSettings(dsn="postgresql://x", pages_url="https://track.example"))  # type: ignore[arg-type]
    (told,) = (value for name, value in PagesEdge(pages.app, secure)._always if b"transport" in name)
    assert told == b"max-age=31536000; includeSubDomains"
    with pages.browser() as browser:
        assert "strict-transport-security" not in browser.get("/").headers


def test_static_files_are_kept_for_ever_under_their_digest(pages: RunningPages) -> None:
    with pages.browser() as browser:
        (address,) = re.findall(r'href="(/static/\w+/site\.css)"', browser.get("/").text)
        assert "immutable" in browser.get(address).headers["cache-control"]
        assert browser.get("/static/another/site.css").headers["cache-control"] == "no-cache"
        assert browser.get("/static/x/app.py").status_code == 404
        assert browser.get("/static/x/..%2Fapp.py").status_code == 404


def test_whoever_did_not_sign_in_is_shown_the_way(pages: RunningPages) -> None:
    with pages.browser() as browser:
        for path in (XA1, "/track/xaport/none", "/search?q=CSQU3054383"):
            assert browser.get(path).status_code == 401


def test_foreign_and_absent_are_one_page(pages: RunningPages) -> None:
    with pages.browser("stranger") as browser:
        foreign, absent = browser.get(XA1), browser.get("/track/xaport/none")
        assert foreign.status_code == absent.status_code == 404
        assert foreign.text == absent.text
        assert "XA-1" not in foreign.text


def test_a_page_that_did_not_change_is_neither_rendered_nor_sent_again(
    pages: RunningPages, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pages.browser("optic") as browser:
        first = browser.get(XA1)
        with monkeypatch.context() as patch:
            patch.setattr(pages.context, "render", None)
            again = browser.get(XA1, headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.headers["etag"]) == (304, first.headers["etag"])
        other = browser.get(f"{XA1}?lang=zh", headers={"if-none-match": first.headers["etag"]})
        assert other.status_code == 200


def test_an_identifier_leads_to_its_consignment(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        answer = browser.get("/search", params={"q": " csqu3054383 "})
        assert (answer.status_code, answer.headers["location"]) == (303, XA1)
        guessed = browser.get("/search", params={"q": "CSQU3054833"}).text
        assert "CSQU3054383" in guessed
        assert f'href="{XA1}"' in guessed
        assert "differs by one character" in guessed
        nothing = browser.get("/search", params={"q": "<script>alert(1)</script>"})
        assert nothing.status_code == 200
        assert "<script>alert" not in nothing.text
    with pages.browser("stranger") as browser:
        for text in ("CSQU3054383", "CSQU3054833", "XA-1"):
            absent = browser.get("/search", params={"q": text})
            assert absent.status_code == 200
            assert "xaport" not in absent.text


def test_reading_is_logged_for_its_subject(pages: RunningPages) -> None:
    with pages.browser("abank") as browser:
        assert browser.get(XA1).status_code == 200
    with pages.context.pool.connection() as session:
        rows = session.execute(
            "SELECT client, resource, subjects, route FROM lianyun.access_log WHERE party = 'abank' AND client = 'test'"
        ).fetchall()
    assert ("test", "consignment:xaport/XA-1", ["optic"], "/track/{reference:path}") in rows


def test_other_names_are_not_answered_but_for_health(pages: RunningPages) -> None:
    with pages.browser() as browser:
        assert browser.get("/", headers={"host": "evil.example"}).status_code == 421
        for path in ("/healthz", "/health/live", "/health/ready"):
            assert browser.get(path).json() == {"ok": True}


def test_a_page_is_counted_by_its_route(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        browser.get(XA1)
    sample = pages.context.metrics.instruments.registry.get_sample_value
    labels = {"route": "/track/{reference:path}", "status": "200"}
    assert (sample("lianyun_pages_requests_total", labels) or 0) >= 1


def test_nul_is_refused_wherever_it_stands(pages: RunningPages) -> None:
    with pages.browser("optic") as browser:
        for path in (
            "/search?q=a%00b",
            "/search?q=x&%00=1",
            "/track/xaport/XA%00",
            "/links?consignment=%00",
            "/?lang=%00",
        ):
            assert browser.get(path).status_code == 400, path
        form = {"consignment": "xaport/XA-1", "days": "7", "label": "a\0b"}
        answer = browser.post("/links", data=form, headers={"sec-fetch-site": "same-origin"})
        assert answer.status_code == 400


def test_of_a_parameter_that_is_given_twice_the_last_counts(pages: RunningPages) -> None:
    """ASVS 5.1.1"""
    with pages.browser("optic") as browser:
        assert browser.get("/search?q=nothing&q=CSQU3054383").headers["location"] == XA1
        body = b"consignment=xaport/none&consignment=xaport/XA-1&days=7"
        headers = {"sec-fetch-site": "same-origin", "content-type": "application/x-www-form-urlencoded"}
        assert browser.post("/links", content=body, headers=headers).status_code == 200


def test_no_template_marks_a_value_as_safe() -> None:
    """ASVS 5.3.3: what is escaped is decided by Jinja alone: a rendered part of a page, and ``Localization.moment``, which escapes its own text, are
    marked, and the code of a page's address, which segno draws without a text."""
    folder = Path(rendering.__file__).parent
    marked = [
        path.name
        for path in folder.rglob("*")
        if path.suffix in (".html", ".py")
        and re.search(r"\|\s*safe\b|autoescape false|Markup\(", path.read_text())
    ]
    assert sorted(marked) == ["localization.py", "rendering.py", "tracking.py"]
