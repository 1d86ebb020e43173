"""Published and hand-computed numbers of every scheme: right digits, wrong digits, parts."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from schemas.identifiers import (
    CheckDigit,
    Identifier,
    cim_note,
    eaeu_declaration,
    gacc_declaration,
    hs,
    iso6346,
    lei,
    mrn,
    smgs_note,
    station1520,
    unlocode,
    uscc,
    wagon,
)

OK, WRONG, NONE = CheckDigit.OK, CheckDigit.WRONG, CheckDigit.NONE


@pytest.mark.parametrize(
    ("parse", "written", "text", "check"),
    [
        (iso6346.parse, "CSQU3054383", "CSQU3054383", OK),
        (iso6346.parse, "csqu 305438-3", "CSQU3054383", OK),
        (iso6346.parse, "CSQU3054384", "CSQU3054384", WRONG),
        (wagon.parse, "21-81-2471217-3", "UIC/218124712173", OK),
        (wagon.parse, "UIC/335249561341", "UIC/335249561341", OK),
        (wagon.parse, "UIC/928422031023", "UIC/928422031023", OK),
        (wagon.parse, "UIC/928422031024", "UIC/928422031024", WRONG),
        (wagon.parse, "62439641", "1520/62439641", OK),
        (wagon.parse, "1520/62439642", "1520/62439642", WRONG),
        (wagon.parse, "CN/5281234", "CN/5281234", NONE),
        (wagon.parse, "CN/X70 5281234", "CN/X705281234", NONE),
        (wagon.parse, "cn/nx17bk 5281234", "CN/NX17BK5281234", NONE),
        (mrn.parse, "06DE586600006143E1", "06DE586600006143E1", OK),
        (mrn.parse, "21DE27364916384836", "21DE27364916384836", OK),
        (mrn.parse, "21DE27364916384835", "21DE27364916384835", WRONG),
        (uscc.parse, "9144030071526726XG", "9144030071526726XG", OK),
        (uscc.parse, "914403001922038216", "914403001922038216", OK),
        (uscc.parse, "91330100799655058B", "91330100799655058B", OK),
        (uscc.parse, "91110000802100433B", "91110000802100433B", OK),
        (uscc.parse, "91110000802100433C", "91110000802100433C", WRONG),
        (lei.parse, "5493000IBP32UQZ0KL24", "5493000IBP32UQZ0KL24", OK),
        (lei.parse, "5493000IBP32UQZ0KL42", "5493000IBP32UQZ0KL42", WRONG),
        (unlocode.parse, "pl maa", "PLMAA", NONE),
        (station1520.parse, "987002", "987002", OK),
        (station1520.parse, "708507", "708507", OK),
        (station1520.parse, "708508", "708508", WRONG),
        (station1520.parse, "70850", "70850", NONE),
        (cim_note.parse_number, "70268-8", "702688", OK),
        (cim_note.parse_number, "702687", "702687", WRONG),
        (cim_note.parse, "CIM/PL/02580/70268-8/2025", "CIM/PL/02580/702688/2025", OK),
        (cim_note.parse, "cim/PL/02580/702681/2025", "CIM/PL/02580/702681/2025", WRONG),
        (smgs_note.parse, "SMGS/CN/XAY/A0012345/2025", "SMGS/CN/XAY/A0012345/2025", NONE),
        (smgs_note.parse, "CIMSMGS/CN/XAY/12345/2025", "CIMSMGS/CN/XAY/12345/2025", NONE),
        (gacc_declaration.parse, "310120240123456789", "310120240123456789", NONE),
        (eaeu_declaration.parse, "10702070/010125/5000123", "10702070/010125/5000123", NONE),
        (eaeu_declaration.parse, "55302/310125/A012345", "55302/310125/A012345", NONE),
        (hs.parse, "8471.30 00", "84713000", NONE),
        (hs.parse, "8471300000999", "8471300000999", NONE),
    ],
)
def test_number(parse: Callable[[str], Identifier], written: str, text: str, check: CheckDigit) -> None:
    value = parse(written)
    assert (value.text, value.check) == (text, check)
    assert parse(value.text) == value, "the normalised text reads as the same value"


def test_parts() -> None:
    box = iso6346.parse("CSQU3054383")
    assert (box.owner, box.category, box.serial) == ("CSQ", "U", "305438")
    tank = wagon.parse("1520/72439641")
    assert (tank.network, tank.type, tank.country) == ("1520", "7", None)
    assert wagon.parse("21-81-2471217-3").country == "81"
    assert wagon.parse("CN/X70 5281234").type == "X70"
    transit = mrn.parse("06DE586600006143E1")
    assert (transit.year, transit.country, transit.procedure) == ("06", "DE", "E")
    firm = uscc.parse("91110000802100433B")
    assert (firm.authority, firm.category, firm.region, firm.organisation) == (
        "9",
        "1",
        "110000",
        "802100433",
    )
    assert lei.parse("5493000IBP32UQZ0KL24").issuer == "5493"
    exported = gacc_declaration.parse("310120240123456789")
    assert (exported.office, exported.year, exported.direction) == ("3101", "2024", "EXPORT")
    assert gacc_declaration.parse("310120241123456789").direction == "IMPORT"
    declared = eaeu_declaration.parse("10702070/010125/5000123")
    assert (declared.post, declared.day) == ("10702070", date(2025, 1, 1))
    code = hs.parse("8471300000")
    assert (code.chapter, code.heading, code.subheading, code.national) == ("84", "8471", "847130", "0000")
    assert hs.parse("84").heading == ""
    assert smgs_note.parse("CIMSMGS/CN/XAY/12345/2025").common
    assert not smgs_note.parse("SMGS/CN/XAY/12345/2025").common


def test_a_five_digit_station_code_is_completed() -> None:
    assert station1520.complete("70840") == "708403"
    assert station1520.complete("708403") == "708403"


def test_remainder_ten_is_written_as_zero() -> None:
    ten = next(f"MSKU{n:06}" for n in range(1000) if iso6346.remainder_of_powers(f"MSKU{n:06}") == 10)
    assert iso6346.parse(f"{ten}0").check is OK
