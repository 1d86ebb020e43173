"""Cursors and nonces: only our own, only where they belong."""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services.api.seal import Seal

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


@given(names, names, st.integers(0, 2**52 - 1))
@example("decision", "abank", 0)
@example("decision", "abank", 2**52 - 1)
def test_a_number_comes_back_and_is_exact_in_json(purpose: str, party: str, number: int) -> None:
    shown = SEAL.number(purpose, party, number)
    assert 2**52 <= shown < 2**53
    assert SEAL.number_of(purpose, party, shown) == number
    assert SEAL.number(purpose, party, number) == shown


def test_numbers_that_follow_one_another_are_shown_in_no_order_and_to_each_party_by_itself() -> None:
    shown = [SEAL.number("decision", "abank", number) for number in range(1_000)]
    assert len({*shown}) == 1_000
    falling = sum(after < before for before, after in itertools.pairwise(shown))
    assert 400 < falling < 600
    assert len({after - before for before, after in itertools.pairwise(shown)}) > 990
    others = [
        *(SEAL.number("decision", "bbank", number) for number in range(1_000)),
        *(SEAL.number("record", "abank", number) for number in range(1_000)),
        *(Seal(bytes(32)).number("decision", "abank", number) for number in range(1_000)),
    ]
    assert {*shown}.isdisjoint(others)


@given(st.integers() | st.sampled_from([-1, 0, 1, 2**52 - 1, 2**53, 2**80]))
def test_what_is_no_number_of_ours_is_none(shown: int) -> None:
    found = SEAL.number_of("decision", "abank", shown)
    assert (found is not None) == (2**52 <= shown < 2**53)


@given(places)
def test_a_cursor_shows_nothing_and_one_of_the_earlier_form_still_opens(place: object) -> None:
    body = orjson.dumps(place)
    raw = base64.urlsafe_b64decode(SEAL.cursor("list", "party", place) + "==")
    assert len(body) < 4 or body not in raw
    mac = hmac.new(bytes(range(32)), b"cursor\0list\0party\0" + body, hashlib.sha256).digest()[:16]
    earlier = base64.urlsafe_b64encode(mac + body).rstrip(b"=").decode()
    assert SEAL.place("list", "party", earlier) == place
