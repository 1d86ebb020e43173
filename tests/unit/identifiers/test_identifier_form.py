"""Only a wrong form raises, and the error helps: what, where, what to do. The traps of parsers are shut."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schemas.identifiers import (
    MalformedIdentifier,
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

VALID: list[tuple[Callable[[str], object], str]] = [
    (iso6346.parse, "CSQU3054383"),
    (wagon.parse, "UIC/335249561341"),
    (wagon.parse, "1520/62439641"),
    (wagon.parse, "CN/5281234"),
    (mrn.parse, "06DE586600006143E1"),
    (uscc.parse, "91110000802100433B"),
    (lei.parse, "5493000IBP32UQZ0KL24"),
    (unlocode.parse, "PLMAA"),
    (station1520.parse, "708507"),
    (cim_note.parse, "CIM/PL/02580/702688/2025"),
    (smgs_note.parse, "SMGS/CN/XAY/A0012345/2025"),
    (gacc_declaration.parse, "310120240123456789"),
    (eaeu_declaration.parse, "10702070/010125/5000123"),
    (hs.parse, "847130"),
]


@pytest.mark.parametrize(("parse", "valid"), VALID)
@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text + "\n0",
        lambda text: text[:0],
        lambda text: text[:-1] + "\uff13",  # a full-width 3, which str.isdigit and int() accept
        lambda text: text[:-1] + "\u0663",  # an Arabic-Indic 3, which \d accepts
        lambda text: text[:-1] + "\u00b2",  # a superscript 2, which str.isdigit accepts
        lambda text: "\u0131" + text[1:],  # a dotless i, which upper() turns into I
        lambda text: text[:-1] + "?",
        lambda text: text * 4,
    ],
)
def test_text_of_another_form_is_refused(
    parse: Callable[[str], object], valid: str, spoil: Callable[[str], str]
) -> None:
    parse(valid)
    with pytest.raises(MalformedIdentifier) as caught:
        parse(spoil(valid))
    assert isinstance(caught.value, ValueError)
    assert caught.value.problem
    assert caught.value.where
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("parse", "text", "problem", "where"),
    [
        (iso6346.parse, "CSQA3054383", "'A' out of place", "position 4"),
        (iso6346.parse, "CSQU305438", "10 characters instead of 11", "its length"),
        (iso6346.parse, "CSQU30543\uff183", "U+FF18", "position 10"),
        (wagon.parse, "92840203102", "11 characters", "its length"),
        (wagon.parse, "UIC/92840203102", "11 characters instead of 12", "its length"),
        (mrn.parse, "06D1586600006143E1", "'1' out of place", "position 4"),
        (uscc.parse, "9111000080210O433B", "'O' out of place", "position 14"),
        (unlocode.parse, "PLMA1", "'1' out of place", "position 5"),
        (gacc_declaration.parse, "310120242123456789", "'2' out of place", "position 9"),
        (eaeu_declaration.parse, "10702070/310225/5000123", "day 310225", "the second part"),
        (smgs_note.parse, "SMGS/CHN/XAY/1/2025", "country 'CHN'", "the country"),
        (smgs_note.parse, "SMGS/CN/XAY/1", "4 parts instead of 5", "its slashes"),
        (smgs_note.parse, "CIM/PL/02580/702688/2025", "form CIM", "its beginning"),
        (cim_note.parse, "SMGS/CN/XAY/1/2025", "form SMGS", "its beginning"),
        (hs.parse, "0012", "another form", "the whole text"),
    ],
)
def test_the_error_says_what_and_where(
    parse: Callable[[str], object], text: str, problem: str, where: str
) -> None:
    with pytest.raises(MalformedIdentifier) as caught:
        parse(text)
    assert problem in caught.value.problem
    assert where in caught.value.where
    assert caught.value.problem in str(caught.value)
    assert caught.value.remedy in str(caught.value)


def test_a_long_text_is_not_repeated_in_full() -> None:
    with pytest.raises(MalformedIdentifier) as caught:
        iso6346.parse("X" * 10_000)
    assert len(str(caught.value)) < 300
