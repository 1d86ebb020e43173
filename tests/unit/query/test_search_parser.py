"""What a typed or pasted text may name: as written, as it looks, half of it, and damaged by one slip."""

from __future__ import annotations

import string

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.events.base import ObjectKind
from schemas.identifiers import iso6346
from schemas.identifiers.check_digit import luhn
from schemas.identifiers.confusables import skeleton
from services.domain.objects import Thing
from services.query.search.names import spellings
from services.query.search.parser import LEAST_BEGINNING, MOST_CANDIDATES, Match, parse

BOX = Thing(ObjectKind.CONTAINER, "CSQU3054383")
OWNERS = st.text(string.ascii_uppercase, min_size=3, max_size=3)
SERIALS = st.text(string.digits, min_size=6, max_size=6)


def matches(text: str) -> dict[Thing, Match]:
    return {each.thing: each.match for each in parse(text).candidates}


@st.composite
def containers(draw: st.DrawFn) -> str:
    first = draw(OWNERS) + draw(st.sampled_from("UJZ")) + draw(SERIALS)
    return first + iso6346.check_digit(first)


@st.composite
def wagons(draw: st.DrawFn) -> str:
    stem = draw(st.text(string.digits, min_size=7, max_size=7))
    return stem + luhn(stem)


@pytest.mark.parametrize(
    "text",
    [
        "CSQU3054383",
        "csqu 305438 3",
        "CSQU-305438-3",
        "CSQU\n305 438\r\n3",
        "our box (CSQU305438/3), please",
        "ＣＳＱＵ３０５４３８３",
        "\u200bCSQU\u00a03054383.",
        "CSQU\u2011305438\u20133",
    ],
)
def test_a_container_is_read_however_it_is_written(text: str) -> None:
    assert matches(text)[BOX] is Match.EXACT


@pytest.mark.parametrize("text", ["СSQU3054383", "CSQU3О54383", "CSQU3O54383", "СSQU 3O5 438 3"])
def test_look_alikes_are_read_as_what_they_look_like(text: str) -> None:
    assert matches(text)[BOX] is Match.LOOK_ALIKE


def test_the_check_digit_may_be_missing() -> None:
    assert matches("CSQU305438")[BOX] is Match.CHECK_DIGIT_MISSING


@given(containers(), st.data())
def test_any_slip_in_a_valid_container_number_finds_it(number: str, data: st.DataObject) -> None:
    """One character wrong, left out or too many, or two neighbours swapped."""
    at = data.draw(st.integers(0, 10))
    other = data.draw(st.sampled_from(string.digits if number[at].isdigit() else string.ascii_uppercase))
    slip = data.draw(st.sampled_from(("wrong", "missing", "more", "swapped")))
    damaged = {
        "wrong": number[:at] + other + number[at + 1 :],
        "missing": number[:at] + number[at + 1 :],
        "more": number[:at] + other + number[at:],
        "swapped": number[:at] + number[at + 1 : at + 2] + number[at] + number[at + 2 :],
    }[slip]
    assume(damaged != number)
    found = parse(damaged).candidates
    assert Thing(ObjectKind.CONTAINER, number) in {each.thing for each in found}
    assert len(found) < MOST_CANDIDATES


@given(wagons(), st.integers(0, 7), st.sampled_from(string.digits))
def test_any_wrong_digit_of_a_wagon_finds_it(number: str, at: int, digit: str) -> None:
    damaged = number[:at] + digit + number[at + 1 :]
    assert Thing(ObjectKind.WAGON, f"1520/{number}") in matches(damaged)


def test_several_identifiers_in_one_paste() -> None:
    mail = """Dear colleagues,
    boxes MSKU1234565 , CSQU 305438 3 and wagon 62439641 were loaded;
    MRN 06DE 5866 0000 6143 E1, note SMGS/CN/490001/7700123/2025, declaration 5316 2026 0166 204567"""
    found = matches(mail)
    for kind, key in (
        (ObjectKind.CONTAINER, "MSKU1234565"),
        (ObjectKind.CONTAINER, "CSQU3054383"),
        (ObjectKind.WAGON, "1520/62439641"),
        (ObjectKind.DECLARATION, "DE/06DE586600006143E1"),
        (ObjectKind.DECLARATION, "CN/531620260166204567"),
        (ObjectKind.NOTE, "SMGS/CN/490001/7700123/2025"),
    ):
        assert found[Thing(kind, key)] is Match.EXACT


def test_lines_that_a_field_joined_are_read_apart() -> None:
    found = matches("CSQU3054383MSKU1234565TBJU7000010")
    assert [
        found[Thing(ObjectKind.CONTAINER, key)] for key in ("CSQU3054383", "MSKU1234565", "TBJU7000010")
    ] == [Match.EXACT] * 3


@pytest.mark.parametrize("day", ["2025-09-12", "12.09.2025", "20250912", "12/9/2025"])
def test_a_train_by_company_number_and_date(day: str) -> None:
    assert matches(f"ktz 1402 {day}")[Thing(ObjectKind.TRAIN, "KTZ/1402/2025-09-12")] is Match.EXACT


def test_a_partys_own_reference_keeps_its_case_and_its_blanks() -> None:
    assert matches("xaport/Xa-1 b")[Thing(ObjectKind.CONSIGNMENT, "xaport/Xa-1 b")] is Match.EXACT


@pytest.mark.parametrize("thing", [BOX, Thing(ObjectKind.WAGON, "1520/62439641"),
    Thing(ObjectKind.NOTE, "SMGS/CN/490001/7700123/2025"), Thing(ObjectKind.DECLARATION, "CN/531620260166204567"),
    Thing(ObjectKind.DECLARATION, "PL/LRN/DE123456789012345/HANSE-64"), Thing(ObjectKind.CONSIGNMENT, "xaport/XA-10001"),
    Thing(ObjectKind.TRAIN, "KTZ/1402/2025-09-12/railnet:dostyk")])  # fmt: skip
def test_half_of_a_name_begins_one_of_its_spellings(thing: Thing) -> None:
    for name in (thing.key, thing.key.rpartition("/")[2] if thing.kind is not ObjectKind.NOTE else "7700123"):
        if thing.kind is ObjectKind.TRAIN and name != thing.key:
            name = "1402/2025-09-12"
        for length in range(LEAST_BEGINNING + 1, len(name)):
            typed = name[:length]
            begun = {each.folded for each in parse(typed).beginnings}
            folded = skeleton(typed)
            if len(folded) >= LEAST_BEGINNING:
                assert folded in begun
                assert any(spelled.startswith(folded) for spelled in spellings(thing))


def test_prose_begins_nothing_and_what_is_short_begins_nothing_either() -> None:
    (short,) = parse("XA-1").beginnings
    assert short.last == short.folded == "XA1"
    assert not parse("please confirm the arrival of our goods at the border").beginnings
    assert "7700123" in {each.typed for each in parse("please confirm the arrival of 7700123").beginnings}


@given(st.text(max_size=300))
def test_nothing_is_refused_and_nothing_is_unbounded(text: str) -> None:
    found = parse(text)
    assert len(found.candidates) <= MOST_CANDIDATES
    assert found == parse(text)


def test_a_long_text_is_read_in_part_and_says_so() -> None:
    assert parse("CSQU3054383").whole
    assert not parse("CSQU3054383 " * 300).whole
