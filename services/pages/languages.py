"""The languages of the pages: which there are, how a tag names one, and which one a request asks for."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Language(NamedTuple):
    """A language by its code here: its BCP 47 tag in HTML, its CLDR locale, and what it calls itself."""

    code: str
    tag: str
    locale: str
    name: str


DEFAULT = "en"
LANGUAGES: Mapping[str, Language] = MappingProxyType(
    {
        each.code: each
        for each in (
            Language("zh", "zh-Hans", "zh_Hans_CN", "中文"),
            Language("en", "en", "en_GB", "English"),
            Language("ru", "ru", "ru_RU", "Русский"),
            Language("de", "de", "de_DE", "Deutsch"),
            Language("pl", "pl", "pl_PL", "Polski"),
            Language("kk", "kk", "kk_KZ", "Қазақша"),
        )
    }
)
_LONGEST_HEADER = 500


def language_of(tag: str) -> str | None:
    """The code of the language that a BCP 47 tag names in any spelling (``zh-CN``, ``zh_Hans``, ``DE``); None where there is none."""
    code = tag.strip().replace("_", "-").partition("-")[0].lower()
    return code if code in LANGUAGES else None


def negotiate(query: str, cookie: str, accept: str) -> str:
    """The code of the language to answer in: by the query, else the cookie, else Accept-Language (RFC 9110, 12.5.4), else DEFAULT."""
    return language_of(query) or language_of(cookie) or _accepted(accept) or DEFAULT


def _accepted(header: str) -> str | None:
    found: list[tuple[float, int, str]] = []
    for place, item in enumerate(header[:_LONGEST_HEADER].split(",")):
        tag, *parameters = item.split(";")
        code = language_of(tag)
        quality = _quality(parameters)
        if code is not None and quality > 0:
            found.append((-quality, place, code))
    return min(found)[2] if found else None


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0
