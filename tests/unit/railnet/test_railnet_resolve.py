"""From what partners write to stations, managers, countries and crossings."""

from __future__ import annotations

from time import perf_counter

import pytest

from schemas import railnet


@pytest.mark.parametrize(
    ("place", "station"),
    [
        ("railnet:dostyk", "dostyk"),
        ("locode:PLMAA", "malaszewicze"),
        ("locode:PLKBL", "malaszewicze"),  # an alias
        ("locode:CNSIA", "xian-intl-port"),  # the airport
        ("locode:CNTAO", "qingdao-port"),
        ("locode:CNQDP", "qingdao-port"),  # in no list
        ("locode:PLMWR", "malaszewicze"),  # in no list
        ("locode:KZALS", "alashankou"),  # listed in another country
        ("locode:MNUQA", "ulanqab"),
        ("locode:KZNQZ", "astana"),
        ("locode:CNERC", "erenhot"),  # listed twice
        ("locode:MNDZU", "zamyn-uud"),
        ("esr:708403", "dostyk"),
        ("esr:708507", "dostyk"),  # its border point
        ("esr:707701", "altynkol"),
        ("plc:PL02580", "rzepin"),
        ("uic:5102580", "rzepin"),
        ("uic:51025809", "rzepin"),
        ("uic:5102580-9", "rzepin"),
        ("telecode:XAY", "xian-intl-port"),
        ("telecode:RLC", "erenhot"),
        ("railnet:nowhere", None),
        ("crossing:alashankou-dostyk", None),
        ("line:2", None),
        ("locode:RUMOW", None),  # the whole of Moscow
        ("locode:RUCTA", None),  # a village in Tatarstan that bears the name of Chita
        ("locode:RUKSN", None),
        ("locode:PLSKO", None),
        ("locode:DEFRA", None),  # not the Frankfurt on the border
        ("locode:KZSHU", None),
        ("esr:708508", None),
        ("dostyk", None),
        ("", None),
    ],
)
def test_resolve(place: str, station: str | None) -> None:
    found = railnet.resolve(place)
    assert (found.id if found else None) == station
    assert railnet.canonical(place) == (f"railnet:{station}" if station else place)


def test_a_border_point_is_told_from_its_station() -> None:
    dostyk = railnet.stations()["dostyk"]
    assert railnet.resolve_border("esr:708507") is dostyk
    assert railnet.resolve_border("esr:708403") is None
    assert railnet.resolve_border("railnet:dostyk") is None
    assert (dostyk.esr, dostyk.esr_border) == ("708403", ("708507",))
    naushki = [f"esr:{code}" for code in ("937304", "937003", "937107")]
    assert {railnet.canonical(code) for code in naushki} == {"railnet:naushki"}


def test_every_code_of_every_station_leads_back_to_it() -> None:
    for station in railnet.stations().values():
        for code in filter(None, (station.esr, *station.esr_border)):
            assert railnet.resolve(f"esr:{code}") is station
        for code in filter(None, (station.locode, *station.locode_also)):
            assert station in railnet.candidates(f"locode:{code}")


def test_no_alias_is_a_code_that_belongs_elsewhere() -> None:
    elsewhere = {c for c, t in railnet.locode_traps().items() if t.kind is railnet.TrapKind.OTHER_PLACE}
    assert {"RUCTA", "KZSHU", "DEFRA"} <= elsewhere
    for station in railnet.stations().values():
        assert not elsewhere & {station.locode, *station.locode_also}, station.id


def test_an_ambiguous_code_names_its_candidates() -> None:
    assert {s.id for s in railnet.candidates("locode:RUMOW")} == {"moscow-bely-rast", "moscow-kuntsevo"}
    assert railnet.candidates("locode:XXXXX") == ()


def test_a_trap_says_what_to_use() -> None:
    found = railnet.trap("locode:CNSIA")
    assert found is not None
    assert found.use == ("CNXIA",)
    village = railnet.trap("locode:RUCTA")
    assert village is not None
    assert railnet.canonical(f"locode:{village.use[0]}") == "railnet:chita"
    assert railnet.trap("locode:CNXIA") is None
    assert railnet.trap("esr:708403") is None
    for code, misleading in railnet.locode_traps().items():
        assert all(railnet.resolve(f"locode:{use}") for use in misleading.use), code


@pytest.mark.parametrize(
    ("place", "manager", "country", "countries"),
    [
        ("railnet:dostyk", "ktz", "KZ", ("KZ",)),
        ("esr:708507", "ktz", "KZ", ("KZ",)),
        ("locode:KZALS", "cr", "CN", ("CN",)),  # the country of the place, not the letters
        ("railnet:petropavl", "rzd", "KZ", ("KZ",)),
        ("railnet:malaszewicze", "pkp-cargo", "PL", ("PL",)),
        ("locode:FRPAR", None, "FR", ("FR",)),
        ("plc:CZ12345", None, "CZ", ("CZ",)),
        ("uic:5412345", None, "CZ", ("CZ",)),
        ("uic:0012345", None, None, ()),
        ("locode:f1", None, None, ()),
        ("tmis:12345", None, None, ()),
        ("crossing:alashankou-dostyk", None, None, ("CN", "KZ")),
        ("crossing:iletsk-kanisai", None, "RU", ("RU",)),
        ("crossing:nowhere", None, None, ()),
    ],
)
def test_manager_and_country(
    place: str, manager: str | None, country: str | None, countries: tuple[str, ...]
) -> None:
    assert railnet.manager_of(place) == manager
    assert railnet.country_of(place) == country
    assert railnet.countries_of(place) == countries


def test_a_crossing_has_the_managers_of_both_sides() -> None:
    assert railnet.managers_of("crossing:alashankou-dostyk") == ("cr", "ktz")
    assert railnet.managers_of("crossing:brest-malaszewicze") == ("bch", "pkp-cargo", "cargotor", "pkp-plk")
    assert railnet.managers_of("railnet:malaszewicze") == ("pkp-cargo", "cargotor")
    assert railnet.managers_of("locode:FRPAR") == ()


@pytest.mark.parametrize(
    ("places", "passed"),
    [
        (["railnet:alashankou", "railnet:dostyk"], ("alashankou-dostyk",)),
        (["railnet:dostyk", "railnet:alashankou"], ("alashankou-dostyk",)),
        (["locode:KZALS", "esr:708507", "esr:708403"], ("alashankou-dostyk",)),
        (["railnet:alashankou", "railnet:aktogay", "railnet:dostyk"], ()),
        (["railnet:alashankou", "locode:FRPAR", "railnet:dostyk"], ()),
        (["crossing:brest-malaszewicze"], ("brest-malaszewicze",)),
        (
            ["railnet:brest-severny", "crossing:brest-malaszewicze", "railnet:malaszewicze"],
            ("brest-malaszewicze",),
        ),
        (["crossing:nowhere", "railnet:malaszewicze"], ()),
        (["railnet:alashankou", "railnet:dostyk", "railnet:alashankou"], ("alashankou-dostyk",)),
        (["railnet:dostyk"], ()),
        ([], ()),
    ],
)
def test_crossings_on_a_route(places: list[str], passed: tuple[str, ...]) -> None:
    assert railnet.crossings_on(places) == passed


def test_a_look_up_takes_no_search() -> None:
    railnet.resolve("esr:708403")
    started = perf_counter()
    for _ in range(20_000):
        railnet.resolve("esr:708403")
        railnet.canonical("locode:XXXXX")
        railnet.manager_of("locode:PLMAA")
    assert (perf_counter() - started) / 60_000 < 10e-6
