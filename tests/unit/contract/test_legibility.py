"""Ids and other texts that people cannot tell apart by looking: which characters, where, and what is free."""

from __future__ import annotations

import re
import sys
import unicodedata
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import legibility
from schemas.envelope import Envelope
from schemas.reasons import Reason, Refusal

GOOD = Envelope(
    "1.0",
    "arr-1",
    "urn:cre:ktz",
    "cre.movement.arrived.v1",
    "2026-03-05T09:21:00Z",
    "CSQU3054383",
    "application/json",
)


def test_every_character_that_does_not_show_is_named_by_its_number() -> None:
    missed = []
    for number in range(sys.maxunicode + 1):
        category = unicodedata.category(chr(number))
        shows_nothing = category in ("Cc", "Cf", "Cs", "Co", "Zl", "Zp") or (
            category == "Zs" and number != 0x20
        )
        if shows_nothing and number > 0x7F and f"U+{number:04X}" not in legibility.fault(f"a{chr(number)}b"):
            missed.append(hex(number))
    assert not missed


@pytest.mark.parametrize(
    "text", ["a", "arr/2026-03-05 1", "Хоргос 霍尔果斯", "Małaszewicze", "№ 5", "ě", "日本語", "한국"]
)
def test_letters_and_marks_of_all_languages_are_legible(text: str) -> None:
    assert legibility.fault(text) == ""
    assert legibility.escaped(text) == text


@pytest.mark.parametrize(
    "text",
    ["a\u202eb", "a\u200bb", "\u061ca", "a\u00adb", "a\ue000", "\U000e0041a", "a\u00a0b", "a\u3000b", " a", "a ", "站 ", "e\u0301", "\u3164", "a\ufe0f", "\ufeffa"],
)  # fmt: skip
def test_an_id_or_subject_that_cannot_be_told_from_another_is_refused(text: str) -> None:
    assert legibility.fault(text)
    for attribute, header in (("id", "header:ce_id"), ("subject", "header:ce_subject")):
        with pytest.raises(Refusal) as refused:
            legibility.require_legible(replace(GOOD, **{attribute: text}), b"{}")
        assert (refused.value.reason, refused.value.pointer) == (Reason.INVALID_HEADER, header)
        assert refused.value.remedy
        assert text not in str(refused.value) or text.isascii()


def test_texts_of_the_payload_are_refused_with_their_place_and_escapes_are_seen_through() -> None:
    for raw in (
        orjson.dumps({"objects": [{"kind": "container", "id": "CSQU\u061c3054383"}]}),
        b'{"objects":[{"kind":"container","id":"CSQU\\u061c3054383"}]}',
    ):
        with pytest.raises(Refusal) as refused:
            legibility.require_legible(GOOD, raw)
        assert (refused.value.reason, refused.value.pointer) == (Reason.INVALID_SCHEMA, "/objects/0/id")
        assert "U+061C" in refused.value.detail


def test_remarks_may_hold_what_does_no_harm_and_references_reach_older_events() -> None:
    legibility.require_legible(
        GOOD, orjson.dumps({"remark": "ok \u2714\ufe0f 12\u00a0kg", "occurrence": "一"})
    )
    legibility.require_legible(
        GOOD, orjson.dumps({"target": "old\u00ad1", "consent": {"source": "urn:a", "id": "old\u061c"}})
    )
    with pytest.raises(Refusal):
        legibility.require_legible(GOOD, orjson.dumps({"remark": "ab\u061c"}))
    with pytest.raises(Refusal):
        legibility.require_legible(GOOD, orjson.dumps({"x": {"source": "urn:a", "id": "o\u061c", "more": 1}}))


def test_the_published_pattern_says_the_same_of_every_character_of_the_basic_plane() -> None:
    published = re.compile(legibility.LEGIBLE)
    differing = []
    for number in range(1, 0xFFFE):
        text = f"a{chr(number)}b"
        composed = unicodedata.is_normalized("NFC", text)
        if composed and not 0xD800 <= number <= 0xDFFF and not 0xFDD0 <= number <= 0xFDEF:
            control = number < 0x20 or number == 0x7F  # the envelope refuses these before
            if bool(published.search(text)) is bool(legibility.fault(text) or control):
                differing.append(hex(number))
    assert not differing
    assert not published.search(" a")
    assert not published.search("a ")
    assert published.search("a b")


@given(st.text(max_size=12))
def test_the_short_way_for_ascii_says_what_the_long_way_says(text: str) -> None:
    ascii_only = text.encode("ascii", "ignore").decode()
    long_way = legibility._ILLEGIBLE.search(ascii_only)
    printable = all(
        " " <= character <= "~" for character in ascii_only
    )  # the envelope has refused the rest before
    if printable:
        assert bool(legibility.fault(ascii_only)) is (long_way is not None)
    assert legibility.hidden(legibility.escaped(text).replace("\n", "").replace("\t", "")) == ""
    assert legibility.hidden(legibility.without_hidden(text)) == ""
