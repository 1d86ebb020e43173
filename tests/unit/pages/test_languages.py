"""One place reads tags of languages."""

from __future__ import annotations

import pytest

from services.pages.languages import LANGUAGES, language_of, negotiate


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("zh", "zh"), ("zh-Hans", "zh"), ("zh-CN", "zh"), ("zh_Hans_CN", "zh"), ("ZH-hant-TW", "zh"), (" de-AT ", "de"),
        ("kk-Cyrl-KZ", "kk"), ("en-GB", "en"), ("fr", None), ("", None), ("*", None), ("zhx", None), ("d", None),
    ],
)  # fmt: skip
def test_a_tag_names_a_language_in_any_spelling(tag: str, code: str | None) -> None:
    assert language_of(tag) == code


def test_each_language_is_named_by_its_own_tag_and_locale() -> None:
    for code, language in LANGUAGES.items():
        assert language_of(language.tag) == language_of(language.locale) == code == language.code


@pytest.mark.parametrize(
    ("query", "cookie", "accept", "code"),
    [
        ("zh-Hans", "de", "ru", "zh"),
        ("xx", "de", "ru", "de"),
        ("", "xx", "ru-RU,ru;q=0.9,en;q=0.8", "ru"),
        ("", "", "fr-CH, fr;q=0.9, pl;q=0.7, de;q=0.8, *;q=0.5", "de"),
        ("", "", "de;q=0, pl;q=0.1", "pl"),
        ("", "", "kk, de", "kk"),
        ("", "", "de;q=nonsense", "en"),
        ("", "", "", "en"),
        ("", "", ";;,=,q=1", "en"),
    ],
)
def test_the_query_then_the_cookie_then_the_header_decide(
    query: str, cookie: str, accept: str, code: str
) -> None:
    assert negotiate(query, cookie, accept) == code
