"""Customs unions and clocks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from schemas import railnet
from schemas.railnet.zones import country_of_uic


@pytest.mark.parametrize(
    ("country", "union"),
    [
        ("CN", "CN"),
        *((country, "EAEU") for country in ("RU", "KZ", "BY", "KG", "AM")),
        *((country, "EU") for country in ("PL", "DE", "LT", "HU", "EU")),
        *((country, "OTHER") for country in ("MN", "UA", "TR", "GB", "CH", "UZ", "GE", "AZ", "HK", "XX", "")),
    ],
)
def test_customs_union(country: str, union: str) -> None:
    assert railnet.customs_union(country) == union


def test_the_eu_has_27_members_and_the_eaeu_5() -> None:
    unions = [country.customs_union for country in railnet.countries().values()]
    assert (unions.count(railnet.CustomsUnion.EU), unions.count(railnet.CustomsUnion.EAEU)) == (27, 5)


def test_uic_country_codes() -> None:
    assert [country_of_uic(code) for code in ("20", "21", "27", "31", "33", "51", "80")] == [
        "RU",
        "BY",
        "KZ",
        "MN",
        "CN",
        "PL",
        "DE",
    ]
    assert country_of_uic("00") is None


def test_all_of_kazakhstan_is_at_utc_plus_5_since_march_2024() -> None:
    places = [station for station in railnet.stations().values() if station.country == "KZ"]
    assert len(places) > 20
    for moment in (datetime(2024, 3, 1, 12, tzinfo=UTC), datetime(2025, 7, 1, tzinfo=UTC)):
        offsets = {s.id: moment.astimezone(railnet.zone(s.tz)).utcoffset() for s in places}
        assert set(offsets.values()) == {timedelta(hours=5)}, offsets
        working = railnet.working_zone("ktz")
        assert moment.astimezone(working).utcoffset() == timedelta(hours=5)
    before = datetime(2024, 2, 1, tzinfo=UTC).astimezone(railnet.zone("Asia/Almaty"))
    assert before.utcoffset() == timedelta(hours=6)


def test_russian_trains_run_on_moscow_time_everywhere() -> None:
    zabaikalsk = railnet.stations()["zabaikalsk"]
    summer = datetime(2025, 7, 1, tzinfo=UTC)
    assert summer.astimezone(railnet.zone(zabaikalsk.tz)).utcoffset() == timedelta(hours=9)
    assert summer.astimezone(railnet.working_zone(zabaikalsk.manager)).utcoffset() == timedelta(hours=3)
    assert railnet.companies()["rzd"].day_starts == "18:00"


def test_china_has_one_clock() -> None:
    assert {s.tz for s in railnet.stations().values() if s.country == "CN"} == {"Asia/Shanghai"}
    assert railnet.companies()["cr"].day_starts == "18:00"


def test_every_zone_exists() -> None:
    for station in railnet.stations().values():
        assert railnet.zone(station.tz).key == station.tz
    for company in railnet.companies().values():
        assert (railnet.working_zone(company.code) is None) == (company.code == "sea-carrier")
    assert railnet.working_zone("nobody") is None


@pytest.mark.parametrize("name", ["Asia/Nowhere", "", "Asia", "../secret", "Mars/Base"])
def test_an_unknown_zone_is_named(name: str) -> None:
    with pytest.raises(KeyError, match="no time zone"):
        railnet.zone(name)
