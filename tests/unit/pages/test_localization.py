"""Times, numbers and names as each language writes them."""

from __future__ import annotations

import pytest

from schemas import railnet
from schemas.rfc3339 import parse_micros
from services.pages.languages import LANGUAGES
from services.pages.localization import localizations, place_name

L10N = localizations()
CLOSED = parse_micros("2025-09-11T22:30:00Z")


def test_one_instant_is_written_by_the_clock_of_each_place() -> None:
    """Also in whatever order they are asked for: equal instants of two zones are no one text."""
    en = L10N["en"]
    for _ in range(2):
        assert en.clock(CLOSED, "railnet:malaszewicze") == "12 Sept 2025, 00:30 UTC+2"
        assert en.clock(CLOSED, "railnet:brest-severny") == "12 Sept 2025, 01:30 UTC+3"
        assert en.clock(CLOSED, "railnet:dostyk") == "12 Sept 2025, 03:30 UTC+5"
        assert en.clock(CLOSED) == "11 Sept 2025, 22:30 UTC"


def test_a_moment_says_local_time_offset_and_utc() -> None:
    assert L10N["en"].moment(CLOSED, "railnet:alashankou") == (
        '<time datetime="2025-09-11T22:30:00Z">12 Sept 2025, 06:30 <span class="offset">UTC+8</span> '
        '<span class="utc">11 Sept 2025, 22:30 UTC</span></time>'
    )
    assert "06:30" in L10N["zh"].moment(CLOSED, "railnet:alashankou")
    assert "2025年9月12日" in L10N["zh"].moment(CLOSED, "railnet:alashankou")
    assert "UTC</span></time>" in L10N["de"].moment(CLOSED, "crossing:brest-malaszewicze")


@pytest.mark.parametrize(
    ("code", "number", "amount", "duration"),
    [
        ("en", "1,234.5", "€1,234.50", "9 hours"),
        ("de", "1.234,5", "1.234,50\xa0€", "9 Stunden"),
        ("ru", "1\xa0234,5", "1\xa0234,50\xa0€", "9 часов"),
        ("zh", "1,234.5", "€1,234.50", "9小时"),
    ],
)
def test_numbers_amounts_and_durations(code: str, number: str, amount: str, duration: str) -> None:
    l10n = L10N[code]
    assert l10n.number(1234.5) == number
    assert l10n.amount(123_450, "EUR") == amount
    assert l10n.duration(9 * 3_600_000_000) == duration


def test_an_amount_has_the_minor_units_of_its_currency() -> None:
    assert "1,235" in L10N["en"].amount(1235, "JPY")


def test_every_station_has_a_short_name_in_every_language() -> None:
    for station in railnet.stations().values():
        for code in LANGUAGES:
            name = place_name(code, station.place)
            assert name
            assert not {*"(（/"} & {*name}
    assert place_name("zh", "crossing:alashankou-dostyk") == "阿拉山口 – 多斯特克"
    assert place_name("kk", "esr:708403") == "Достық"
    assert place_name("pl", "somewhere:else") == "somewhere:else"


def test_countries_are_named() -> None:
    assert [L10N[code].country("KZ") for code in LANGUAGES] == [
        "哈萨克斯坦", "Kazakhstan", "Казахстан", "Kasachstan", "Kazachstan", "Қазақстан",
    ]  # fmt: skip
