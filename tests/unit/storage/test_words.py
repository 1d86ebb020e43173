"""Numbers that stand for texts and ids: fixed for ever, because they are stored."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events.base import Classifier, Region
from services.ledger.storage.term_numbers import (
    country_number,
    join_id,
    key_number,
    key_text,
    slot_number,
    split_id,
    term_number,
)

ids = st.binary(min_size=16, max_size=16)


@given(ids, ids)
def test_halves_order_as_the_bytes_do(left: bytes, right: bytes) -> None:
    assert (split_id(left) < split_id(right)) == (left < right)
    assert join_id(*split_id(left)) == left


@given(st.binary(min_size=8, max_size=8))
def test_key_ids_come_back(raw: bytes) -> None:
    assert key_text(key_number(raw.hex())) == raw.hex()


def test_numbers_are_those_that_are_stored() -> None:
    assert term_number("") == 0
    assert term_number("railnet:dostyk") == -7078387929461431409
    assert slot_number(Region.MOVEMENT, "", 300, "railnet:dostyk", "", Classifier.ACT) == -168308256628715604
    assert (country_number(""), country_number("CN")) == (0, 17230)


def test_parts_of_a_slot_do_not_run_into_one_another() -> None:
    words = {
        slot_number(Region.MOVEMENT, "", 300, place, run, Classifier.ACT)
        for place, run in (("ab", "c"), ("a", "bc"), ("abc", ""), ("", "abc"))
    }
    assert len(words) == 4


@pytest.mark.parametrize("code", ["C", "CHN", "ÄÖ"])
def test_other_codes_than_two_letters_are_refused(code: str) -> None:
    with pytest.raises(ValueError, match="two letters"):
        country_number(code)
