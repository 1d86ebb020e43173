"""The tracking page of every story, in every language."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
import segno

from services.pages.languages import LANGUAGES
from services.pages.routes.tracking import printed_code
from tests.stories.story import Story, stories
from tests.support.story_pages import story_page
from tests.support.story_views import story_views

VOID = {"meta", "link", "input", "br", "path", "circle", "rect"}


class Nesting(HTMLParser):
    """Raises AssertionError where an element is not closed where it must be; collects ids and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value for name, value in attrs if name == "id" and value]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.mark.parametrize("story", stories(), ids=lambda story: story.slug)
def test_every_story_has_its_page_in_every_language(story: Story) -> None:
    for known, body in story_views(story):
        texts = {code: story_page(code, known, body).decode() for code in LANGUAGES}
        for code, text in texts.items():
            parser = Nesting()
            parser.feed(text)
            assert parser.open == []
            assert len(parser.ids) == len({*parser.ids})
            assert f'<html lang="{LANGUAGES[code].tag}">' in text
        # What is shown is the same in every language: as many times, sections and events.
        shapes = {
            code: re.findall(r'<time datetime="[^"]+"|<section|<tr|<li|<path', text)
            for code, text in texts.items()
        }
        assert len({tuple(shape) for shape in shapes.values()}) == 1


def test_what_partners_write_is_text_and_nothing_else() -> None:
    known, body = next(story_views(stories()[0]))
    evil = "<script>alert(1)</script>\"onload='x'&{{7*7}}%(x)s"
    body["consignment"] = evil
    body["members"] = [evil]
    for box in body["boxes"]:
        box["container"] = evil
    for item in body["timeline"]:
        item.update(by=evil, object=f"container:{evil}", place=evil)
    text = story_page("en", known, body).decode()
    assert "<script>alert" not in text
    assert "onload='x'" not in text
    assert "49" not in re.findall(r"alert\(1\)[^<]{0,80}", text)[0]
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text


def test_the_printed_code_is_the_one_that_segno_draws() -> None:
    for address in ("https://track.example/track/a/1", f"http://127.0.0.1:8480/s/{'x' * 90}"):
        code = segno.make_qr(address, error="m", mask=2)
        assert printed_code(address) == code.svg_inline(
            omitsize=True, svgclass="code", lineclass=None, border=4
        )
