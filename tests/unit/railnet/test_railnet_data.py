"""The data itself: check digits, codes used once, joins, positions, certainty and sources."""

from __future__ import annotations

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from schemas import railnet
from schemas.identifiers import CheckDigit, station1520, unlocode
from schemas.identifiers.check_digit import luhn
from schemas.railnet import Certainty, Station

STATIONS = list(railnet.stations().values())
UNLOCODE = Path(__file__).resolve().parents[4] / "shared" / "data" / "unlocode" / "src" / "data"


def test_there_is_a_network() -> None:
    assert (len(STATIONS), len(railnet.crossings()), len(railnet.corridors())) == (179, 31, 60)
    assert all(re.fullmatch(r"[a-z0-9-]+", station.id) for station in STATIONS)


@pytest.mark.parametrize("station", STATIONS, ids=lambda station: station.id)
def test_codes_of_a_station(station: Station) -> None:
    for code in filter(None, (station.esr, *station.esr_border)):
        assert (len(code), station1520.parse(code).check) == (6, CheckDigit.OK)
    for code in filter(None, (station.locode, *station.locode_also)):
        assert unlocode.parse(code).text == code
    if station.locode:
        assert station.locode[:2] == station.country
    if station.uic:
        assert re.fullmatch("[0-9]{8}", station.uic)
        assert luhn(station.uic[2:7]) == station.uic[7]
    if station.plc:
        assert station.plc == f"{station.country}{station.uic[2:7]}" if station.uic else station.country
    if station.telecode:
        assert re.fullmatch("[A-Z]{3}", station.telecode)
        assert station.telecode_of


def test_a_border_point_never_is_the_station() -> None:
    codes = Counter(code for s in STATIONS for code in filter(None, (s.esr, *s.esr_border)))
    assert [code for code, times in codes.items() if times > 1] == []
    assert sum(bool(s.esr) for s in STATIONS) > 90
    assert sum(bool(s.esr_border) for s in STATIONS) > 20


def test_what_is_known_about_a_code_is_kept() -> None:
    for station in STATIONS:
        assert (station.esr is None) == (station.esr_certainty is None), station.id
        assert (not station.esr_border) == (station.border_certainty is None), station.id
        assert (station.plc is None) == (station.plc_certainty is None), station.id
    alat = railnet.stations()["alat-port"]
    assert (alat.esr_certainty, alat.border_certainty) == (Certainty.CHECKED_IN_LIST, Certainty.ONE_SOURCE)
    assert railnet.stations()["rzepin"].plc_certainty is Certainty.APPROXIMATE
    assert {station.certainty for station in STATIONS} == set(Certainty)


def test_names_in_five_languages_where_known() -> None:
    assert all(station.names.zh and station.names.ru for station in STATIONS)
    assert railnet.stations()["malaszewicze"].names == (
        "马拉舍维奇",
        "Малашевичи",
        "Małaszewicze",
        "Małaszewicze",
        "Małaszewicze",
    )
    brest = railnet.stations()["brest-severny"].names
    assert [brest.best(language) for language in ("zh", "ru", "en", "de", "pl")] == [
        "布列斯特北站",
        "Брест-Северный",
        "Brest-Severny",
        "Brest Nord",
        "Brześć Północny",
    ]
    baoji = railnet.stations()["baoji"].names
    assert (baoji.de, baoji.best("de"), baoji.best("fr"), baoji.best("count")) == (
        None,
        "Baoji",
        "Baoji",
        "Baoji",
    )
    assert all(re.search("[\u4e00-\u9fff]", s.names.zh or "") for s in STATIONS)
    assert all(re.search("[\u0400-\u04ff]", s.names.ru or "") for s in STATIONS)
    assert {language for s in STATIONS for language in s.names_read} == {"zh", "ru"}


def test_every_source_is_known_and_every_known_one_cited() -> None:
    cited = {
        source
        for row in (
            *STATIONS,
            *railnet.crossings().values(),
            *railnet.corridors().values(),
            *railnet.legs().values(),
            *railnet.locode_traps().values(),
            *railnet.scenario_facts(),
        )
        for source in row.sources
    } | {source for corridor in railnet.corridors().values() for source in corridor.transit_sources}
    assert cited == set(railnet.sources())


def test_every_company_is_known() -> None:
    named = {code for s in STATIONS for code in s.managers}
    named |= {code for c in railnet.crossings().values() for side in (c.a, c.b) for code in side.managers}
    named |= {code for leg in railnet.legs().values() for code in leg.carriers}
    assert named == set(railnet.companies())
    assert {s.country for s in STATIONS} <= set(railnet.countries())
    assert {c.country for c in railnet.companies().values()} - {None} <= set(railnet.countries())


@pytest.mark.skipif(not UNLOCODE.is_dir(), reason="no UN/LOCODE list beside the repository")
def test_locodes_are_in_the_list_and_near() -> None:
    listed: dict[str, dict[str, str]] = {}
    for file in UNLOCODE.glob("*.csv"):
        with file.open(encoding="utf-8", errors="replace", newline="") as lines:
            listed.update((row["country"] + row["location"], row) for row in csv.DictReader(lines))
    assert len(listed) > 5000
    misplaced = {code for code, found in railnet.locode_traps().items()}
    far = []
    for station in STATIONS:
        for code in filter(None, (station.locode, *station.locode_also)):
            assert code in listed, (station.id, code)
        row = listed.get(station.locode or "")
        if row and row["lat"] and station.locode not in misplaced:
            off = abs(float(row["lat"]) - station.lat) + abs(float(row["lon"]) - station.lon)
            far += [station.id] if off > 1.0 else []
    assert far == []
    unlisted = {c for c, t in railnet.locode_traps().items() if t.kind is railnet.TrapKind.NOT_LISTED}
    assert not unlisted & set(listed)
