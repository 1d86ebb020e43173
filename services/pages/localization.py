"""One language at work: messages, and numbers, dates, durations, places and countries as it writes them. Pure."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_skeleton, format_timedelta
from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
    get_currency_precision,
)
from babel.support import NullTranslations, Translations
from markupsafe import Markup, escape

from schemas import railnet
from schemas.rfc3339 import parse_micros
from services.pages.languages import DEFAULT, LANGUAGES, Language

FOLDER = Path(__file__).with_name("locales")
NAMES = Path(__file__).with_name("place_names.csv")
_MINUS = "\N{MINUS SIGN}"
_BESIDE = re.compile(r"\s*[(（/]")


class Localization:
    """What templates and page models write in one language. For several threads."""

    def __init__(self, language: Language, messages: NullTranslations) -> None:
        self.language = language
        self.code = language.code
        self.tag = language.tag
        self.locale = Locale.parse(language.locale)
        self._messages = messages

    def gettext(self, message: str) -> str:
        """The message in this language."""
        return str(self._messages.gettext(message))

    def ngettext(self, one: str, many: str, count: int) -> str:
        """The message for that many."""
        return str(self._messages.ngettext(one, many, count))

    def number(self, value: float) -> str:
        """A number with the separators of the language."""
        return str(format_decimal(value, locale=self.locale))

    def compact(self, value: float) -> str:
        """A number in as few characters as it takes: 1.2M, 120万."""
        return str(format_compact_decimal(value, fraction_digits=1, locale=self.locale))

    def percent(self, share: float) -> str:
        """A share of 1 in whole per cent."""
        return str(format_percent(share, locale=self.locale))

    def amount(self, minor_units: int, currency: str) -> str:
        """An amount of money; the minor units of its currency are those of ISO 4217."""
        value = minor_units / 10 ** get_currency_precision(currency)
        return str(format_currency(value, currency, locale=self.locale))

    def duration(self, micros: int) -> str:
        """A length of time in its largest unit, without a direction: 9 hours, 3 days."""
        return _duration(self.language.locale, round(abs(micros) / 60_000_000))

    def days(self, count: int) -> str:
        """So many days, in days."""
        return str(
            format_timedelta(timedelta(days=count), granularity="day", threshold=1_000, locale=self.locale)
        )

    def day(self, micros: int, place: str | None = None) -> str:
        """A calendar day as people write it, at that place; UTC without one."""
        return str(format_date(_at(micros, place), "long", locale=self.locale))

    def month(self, micros: int) -> str:
        """The month of a moment (UTC) as people write it: Sep 2025."""
        return str(format_skeleton("yMMM", _at(micros, None), locale=self.locale))

    def clock(self, micros: int, place: str | None = None) -> str:
        """Day and time at that place, with the offset where it is not UTC: 12 Sep, 02:10 UTC+2."""
        at = _at(micros, place)
        return f"{_written(self.language.locale, at)} {offset(at)}"

    def moment(self, micros: int, place: str | None = None) -> Markup:
        """``<time>`` with the local time at ``place`` and, where that is another, UTC."""
        at, utc = _at(micros, place), _at(micros, None)
        local = escape(_written(self.language.locale, at))
        beside = ""
        if at.utcoffset():
            world = utc.strftime("%H:%M") if utc.date() == at.date() else _written(self.language.locale, utc)
            beside = f' <span class="utc">{escape(world)} UTC</span>'
        return Markup(
            f'<time datetime="{utc:%Y-%m-%dT%H:%M:%SZ}">{local} <span class="offset">{offset(at)}</span>{beside}</time>'
        )

    def moment_of(self, text: str, place: str | None = None) -> Markup:
        """``moment`` of a time as the view has it (RFC 3339)."""
        return self.moment(parse_micros(text), place)

    def place(self, place: str) -> str:
        """The name of a place (``railnet:dostyk``, ``crossing:...``, a code) in this language; the code itself where it is not known."""
        return place_name(self.code, place)

    def country(self, code: str) -> str:
        """The name of a country or territory (ISO 3166-1 alpha-2) as CLDR has it; EU and EAEU by their names; the code otherwise."""
        return str(self.locale.territories.get(code, code))


def offset(at: datetime) -> str:
    """The offset of a moment as ``UTC+08:00``; ``UTC`` for none."""
    seconds = int((at.utcoffset() or timedelta()).total_seconds())
    if not seconds:
        return "UTC"
    hours, minutes = divmod(abs(seconds) // 60, 60)
    return f"UTC{'+' if seconds > 0 else _MINUS}{hours}" + (f":{minutes:02}" if minutes else "")


@lru_cache(maxsize=4_096)
def place_name(code: str, place: str) -> str:
    """The name of a place in the language of that code."""
    known = railnet.crossing(place)
    if known is not None:
        sides = (station_name(code, railnet.stations()[side.station]) for side in (known.a, known.b))
        return " – ".join(dict.fromkeys(sides))
    station = railnet.resolve(place)
    return place.removeprefix("railnet:") if station is None else station_name(code, station)


def station_name(code: str, station: railnet.Station) -> str:
    """The short name of a station in the language of that code: without what stands in brackets or behind a stroke."""
    return _BESIDE.split(_names().get((code, station.id)) or station.names.best(code), maxsplit=1)[0]


@cache
def _names() -> Mapping[tuple[str, str], str]:
    """Names for people to read, by language and station, where railnet has none: what partners' lists mean is read by railnet's alone."""
    with NAMES.open(encoding="utf-8", newline="") as file:
        return {
            (code, row["id"]): name
            for row in csv.DictReader(file)
            for code, name in row.items()
            if code != "id" and name
        }


@lru_cache(maxsize=1_024)
def zone_of(place: str) -> ZoneInfo | timezone:
    """The time zone of a place; UTC where it is not known, and for a crossing, which has two."""
    station = railnet.resolve(place)
    return UTC if station is None else railnet.zone(station.tz)


@cache
def localizations(folder: Path = FOLDER) -> Mapping[str, Localization]:
    """Every language, read once from ``folder``. OSError and ValueError where a catalogue cannot be read."""
    return MappingProxyType(
        {code: Localization(language, _messages(folder, code)) for code, language in LANGUAGES.items()}
    )


def catalogue(folder: Path, code: str) -> Catalog:
    """The messages of all files of one language together; ValueError where two translate one message differently."""
    whole = Catalog(locale=LANGUAGES[code].locale)
    for path in sorted((folder / code).glob("*.po")):
        with path.open("rb") as file:
            read = read_po(file, locale=LANGUAGES[code].locale, abort_invalid=True)
        for message in read:
            if not message.id:
                continue
            known = whole.get(message.id)
            if known is not None and known.string != message.string:
                raise ValueError(f"{path}: {message.id!r} is translated differently in another file")
            whole[message.id] = message
    return whole


def _messages(folder: Path, code: str) -> NullTranslations:
    if code == DEFAULT:
        return NullTranslations()
    compiled = io.BytesIO()
    write_mo(compiled, catalogue(folder, code))
    compiled.seek(0)
    return Translations(compiled)


def _at(micros: int, place: str | None) -> datetime:
    zone: Any = UTC if not place else zone_of(place)
    return datetime.fromtimestamp(micros // 1_000_000, zone)


def _written(locale: str, at: datetime) -> str:
    return _written_clock(locale, at.replace(tzinfo=None))


@lru_cache(maxsize=8_192)
def _written_clock(locale: str, at: datetime) -> str:
    """What a clock shows, without its zone: two clocks of one instant are equal to a cache and are written differently."""
    day = format_skeleton("yMMMd", at, locale=locale)
    return _together(locale).format(f"{at:%H:%M}", day)


@cache
def _together(locale: str) -> str:
    """How the language writes a time ({0}) beside a day ({1})."""
    return str(Locale.parse(locale).datetime_formats["short"]).replace("'", "")


@lru_cache(maxsize=2_048)
def _duration(locale: str, minutes: int) -> str:
    return str(format_timedelta(timedelta(minutes=minutes), threshold=1.5, locale=locale))
