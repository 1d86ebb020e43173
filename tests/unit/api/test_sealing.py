"""Cursors and nonces: only our own, only where they belong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.api.sealing import Seal

SEAL = Seal(bytes(range(32)))
places = st.recursive(
    st.integers(-(2**53), 2**53) | st.text(max_size=20) | st.none(), lambda inner: st.lists(inner, max_size=4), max_leaves=8
)  # fmt: skip
names = st.text(st.characters(codec="ascii", exclude_characters="\0"), max_size=12)


@given(names, names, places)
def test_a_cursor_opens_to_its_place(purpose: str, party: str, place: object) -> None:
    assert SEAL.place(purpose, party, SEAL.cursor(purpose, party, place)) == place


@given(names, names, names, places)
def test_not_for_another_party_list_or_key(purpose: str, party: str, other: str, place: object) -> None:
    cursor = SEAL.cursor(purpose, party, place)
    wrong = [(Seal(bytes(32)), purpose, party)]
    if other != party:
        wrong += [(SEAL, purpose, other), (SEAL, other, purpose)]
    for seal, asked, who in wrong:
        if (asked, who) == (purpose, party) and seal is SEAL:
            continue
        with pytest.raises(ValueError, match="not a cursor"):
            seal.place(asked, who, cursor)


@given(st.integers(0, 10_000), st.integers(0, 255), places)
def test_no_letter_of_it_can_be_changed(position: int, letter: int, place: object) -> None:
    cursor = SEAL.cursor("list", "party", place)
    position %= len(cursor)
    changed = cursor[:position] + chr(letter) + cursor[position + 1 :]
    if changed != cursor:
        with pytest.raises(ValueError):
            SEAL.place("list", "party", changed)


@given(st.text(max_size=60))
def test_whatever_is_sent_as_a_cursor_is_refused_as_none(text: str) -> None:
    with pytest.raises(ValueError):
        SEAL.place("list", "party", text)


def test_a_nonce_is_good_for_two_to_four_minutes() -> None:
    nonce = SEAL.nonce(1_200.0)
    assert SEAL.fresh(nonce, 1_200.0)
    assert SEAL.fresh(nonce, 1_439.0)
    assert not SEAL.fresh(nonce, 1_440.0)
    assert not SEAL.fresh(nonce, 1_199.0)
    assert not SEAL.fresh(None, 1_200.0)
    assert not SEAL.fresh("ü", 1_200.0)
