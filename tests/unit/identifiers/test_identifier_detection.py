"""What each check digit promises: which single errors it finds, and the ones that it cannot."""

from __future__ import annotations

import string
from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st

from schemas.identifiers import (
    CheckDigit,
    Identifier,
    MalformedIdentifier,
    cim_note,
    iso6346,
    lei,
    mrn,
    station1520,
    uscc,
    wagon,
)
from schemas.identifiers.check_digit import LETTER_VALUES, luhn, remainder_of_powers

LETTERS_AND_DIGITS = string.digits + string.ascii_uppercase


def digits(count: int) -> st.SearchStrategy[str]:
    """So many digits."""
    return st.text(string.digits, min_size=count, max_size=count)


@st.composite
def replaced(draw: st.DrawFn, text: str, alphabet: str = string.digits) -> str:
    """``text`` with one character of ``alphabet`` replaced by another one."""
    at = draw(st.sampled_from([n for n, c in enumerate(text) if c in alphabet]))
    other = draw(st.sampled_from([c for c in alphabet if c != text[at]]))
    return text[:at] + other + text[at + 1 :]


LUHN: list[tuple[str, int, Callable[[str], Identifier]]] = [
    ("1520/", 7, wagon.parse),
    ("UIC/", 11, wagon.parse),
    ("", 5, cim_note.parse_number),
]


@given(st.data(), st.sampled_from(LUHN))
def test_luhn_finds_every_single_digit_error(
    data: st.DataObject, scheme: tuple[str, int, Callable[[str], Identifier]]
) -> None:
    prefix, count, parse = scheme
    stem = data.draw(digits(count))
    number = stem + luhn(stem)
    assert parse(prefix + number).check is CheckDigit.OK
    assert parse(prefix + data.draw(replaced(number))).check is CheckDigit.WRONG


@given(st.data())
def test_luhn_finds_swapped_neighbours_but_for_0_and_9(data: st.DataObject) -> None:
    stem = data.draw(digits(11))
    number = stem + luhn(stem)
    at = data.draw(st.integers(0, 10))
    a, b = number[at], number[at + 1]
    assume(a != b)
    swapped = number[:at] + b + a + number[at + 2 :]
    missed = {a, b} == {"0", "9"}
    assert wagon.parse(f"UIC/{swapped}").check is (CheckDigit.OK if missed else CheckDigit.WRONG)


@given(st.data(), st.text(string.ascii_uppercase, min_size=3, max_size=3), digits(6))
def test_iso6346_finds_every_single_digit_error_but_remainder_ten_for_zero(
    data: st.DataObject, owner: str, serial: str
) -> None:
    stem = f"{owner}U{serial}"
    number = stem + iso6346.check_digit(stem)
    assert iso6346.parse(number).check is CheckDigit.OK
    spoilt = data.draw(replaced(number))
    both = {remainder_of_powers(stem), remainder_of_powers(spoilt[:10])}
    missed = both == {0, 10} and spoilt[10] == number[10]
    assert iso6346.parse(spoilt).check is (CheckDigit.OK if missed else CheckDigit.WRONG)


@given(st.data(), digits(2), st.text(LETTERS_AND_DIGITS, min_size=13, max_size=13))
def test_mrn_finds_every_single_character_error_but_equal_values(
    data: st.DataObject, year: str, rest: str
) -> None:
    stem = f"{year}PL{rest}"
    number = stem + mrn.check_digit(stem)
    assert mrn.parse(number).check is CheckDigit.OK
    spoilt = number[:4] + data.draw(replaced(number[4:17], LETTERS_AND_DIGITS)) + number[17]
    before, after = remainder_of_powers(stem), remainder_of_powers(spoilt[:17])
    missed = before == after or {before, after} == {0, 10}
    assert mrn.parse(spoilt).check is (CheckDigit.OK if missed else CheckDigit.WRONG)


@given(st.data(), digits(8), st.text(uscc.ALPHABET, min_size=9, max_size=9))
def test_uscc_finds_every_single_character_error(data: st.DataObject, front: str, organisation: str) -> None:
    stem = front + organisation
    number = stem + uscc.check_character(stem)
    assert uscc.parse(number).check is CheckDigit.OK
    spoilt = data.draw(replaced(front)) + number[8:]
    assert uscc.parse(spoilt).check is CheckDigit.WRONG
    spoilt = front + data.draw(replaced(number[8:], uscc.ALPHABET))
    assert uscc.parse(spoilt).check is CheckDigit.WRONG


@given(st.data(), st.text(LETTERS_AND_DIGITS, min_size=18, max_size=18))
def test_lei_finds_every_single_digit_or_letter_error(data: st.DataObject, stem: str) -> None:
    number = stem + lei.check_digits(stem)
    assert lei.parse(number).check is CheckDigit.OK
    spoilt = data.draw(replaced(number))
    assert lei.parse(spoilt).check is CheckDigit.WRONG
    if any(character.isalpha() for character in number):
        assert lei.parse(data.draw(replaced(number, string.ascii_uppercase))).check is CheckDigit.WRONG


@given(st.data(), digits(5))
def test_station1520_finds_every_single_digit_error_of_its_first_pass(data: st.DataObject, stem: str) -> None:
    def first_pass(five: str) -> int:
        return sum(int(d) * w for w, d in enumerate(five, start=1)) % 11

    number = station1520.complete(stem)
    assert station1520.parse(number).check is CheckDigit.OK
    spoilt = data.draw(replaced(number))
    assume(10 not in (first_pass(stem), first_pass(spoilt[:5])))
    assert station1520.parse(spoilt).check is CheckDigit.WRONG


PARSERS = [iso6346.parse, wagon.parse, mrn.parse, uscc.parse, lei.parse, station1520.parse]


@given(st.sampled_from(PARSERS), st.text())
def test_any_text_is_read_or_refused(parse: Callable[[str], Identifier], text: str) -> None:
    try:
        value = parse(text)
    except MalformedIdentifier:
        return
    assert parse(value.text) == value


def test_letter_values_leave_out_multiples_of_eleven() -> None:
    assert [LETTER_VALUES[c] for c in "ABKLUVZ"] == [10, 12, 21, 23, 32, 34, 38]
    assert not any(LETTER_VALUES[c] % 11 == 0 for c in string.ascii_uppercase)
