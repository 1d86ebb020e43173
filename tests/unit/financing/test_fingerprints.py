"""Fingerprints: look-alikes meet, different things do not, and nobody without the key can make one (attacks 1, 12, 17)."""

from __future__ import annotations

import hashlib
import hmac
import itertools
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers.confusables import confusables
from services.financing.domain.documents import Box, Company, Invoice, Note, Papers
from services.financing.domain.fingerprints import (
    Kind,
    Version,
    deletions,
    fingerprints,
    normalise_1,
)
from services.financing.domain.money import Money

V1 = Version(1, bytes(range(32)), normalise_1)
V2 = Version(2, bytes(range(1, 33)), normalise_1)
SELLER, BUYER = Company("USCC", "91330100799655058B"), Company("LEI", "5493000IBP32UQZ0KL24")
DAY = date(2026, 3, 2)


def invoice(number: str, minor: int = 417_500_000, currency: str = "CNY") -> Papers:
    return Papers(invoices=(Invoice(SELLER, BUYER, number, Money(minor, currency), DAY),))


def digests(papers: Papers, kind: Kind, version: Version = V1) -> set[bytes]:
    return {made.digest for made in fingerprints(papers, "optic", version) if made.kind is kind}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("INV-0417", "ＩＮＶ－０４１７"),
        ("INV-0417", "inv 417"),
        ("INV-0417", "INV000417"),
        ("INV-0417", "ІNV-О417"),  # Cyrillic І and О
        ("INV-0417", "ΙΝV-0417"),  # Greek Ι and Ν
        ("INV-0417", "lNV-O4I7"),
        ("INV-0417", "I\u200bNV\u00ad-0417"),  # zero width space, soft hyphen
        ("INV-0417", "INV-٠٤١٧"),  # Arabic-Indic digits
        ("É-1", "E1"),
        ("2026/0312", "2026-312"),
    ],
)
def test_what_looks_alike_is_one(one: str, other: str) -> None:
    assert normalise_1(one) == normalise_1(other)
    assert digests(invoice(one), Kind.INVOICE) == digests(invoice(other), Kind.INVOICE)


@pytest.mark.parametrize(
    ("one", "other"), [("A1-02", "A10-2"), ("100-1", "10-01"), ("INV-0417", "INV-0418"), ("渝12", "沪12")]
)
def test_what_differs_stays_apart(one: str, other: str) -> None:
    assert normalise_1(one) != normalise_1(other)


def test_each_look_alike_is_read_as_what_it_looks_like() -> None:
    table = confusables()
    assert len(table) > 90
    for point, looks_like in table.items():
        assert normalise_1(chr(point)) == looks_like
        assert looks_like.isascii()


@given(st.text(max_size=30))
def test_any_text_has_a_spelling_that_case_blanks_and_punctuation_do_not_change(text: str) -> None:
    once = normalise_1(text)
    assert all(character.isalnum() for character in once)
    assert normalise_1(f" {text}- ") == once


@given(st.text(st.characters(max_codepoint=127), max_size=30))
def test_ascii_is_spelt_as_if_each_character_were_looked_at(text: str) -> None:
    """A character of another script that leaves nothing behind makes the same text take the way of any other."""
    assert normalise_1(text) == normalise_1(f"{text}\u0301")


@given(st.text("AB017", min_size=1, max_size=12), st.text("AB017", max_size=1), st.integers(0, 11))
def test_one_character_apart_has_a_spelling_in_common(text: str, put: str, at: int) -> None:
    at = min(at, len(text) - 1)
    assert not deletions(text).isdisjoint(deletions(text[:at] + put + text[at + 1 :]))
    assert not deletions(text).isdisjoint(deletions(text[:at] + put + text[at:]))


@given(st.integers(-20, 20))
def test_boxes_meet_exactly_within_three_days(apart: int) -> None:
    def box(day: date) -> Papers:
        return Papers(boxes=(Box("CSQU3054383", "railnet:xian-intl-port", day),))

    met = digests(box(DAY), Kind.CARGO) & digests(box(DAY + timedelta(days=apart)), Kind.CARGO)
    assert bool(met) == (abs(apart) <= 3)
    near = digests(box(DAY), Kind.NEAR_CARGO) & digests(box(DAY + timedelta(days=apart)), Kind.NEAR_CARGO)
    assert near or abs(apart) > 16


@given(st.integers(1, 10**15), st.integers(-100, 100))
def test_amounts_within_one_percent_resemble_one_another(minor: int, hundredths: int) -> None:
    other = max(1, minor + minor * hundredths // 10_000)
    assert not digests(invoice("A", minor), Kind.NEAR_TRADE).isdisjoint(
        digests(invoice("B", other), Kind.NEAR_TRADE)
    )


def test_far_amounts_and_other_currencies_do_not_resemble() -> None:
    base = digests(invoice("A", 1_000_000), Kind.NEAR_TRADE)
    assert base.isdisjoint(digests(invoice("A", 1_100_000), Kind.NEAR_TRADE))
    assert base.isdisjoint(digests(invoice("A", 1_000_000, "EUR"), Kind.NEAR_TRADE))
    # The invoice itself is known whatever amount or currency is put on it.
    assert digests(invoice("A", 1_000_000), Kind.INVOICE) == digests(invoice("A", 5, "EUR"), Kind.INVOICE)


def test_a_note_is_one_whatever_its_form_is_called() -> None:
    notes = [
        Papers(notes=(Note(key),)) for key in ("SMGS/CN/XAY/100001/2026", "cimsmgs/cn/xay/ 0100001 /2026")
    ]
    assert digests(notes[0], Kind.NOTE) == digests(notes[1], Kind.NOTE)
    assert digests(notes[0], Kind.NOTE).isdisjoint(
        digests(Papers(notes=(Note("SMGS/CN/XAY/100001/2025"),)), Kind.NOTE)
    )


def test_the_applicants_own_invoice_is_known_under_any_number_of_its_company() -> None:
    by_lei = Papers(
        invoices=(replace(invoice("INV-1").invoices[0], seller=Company("LEI", "529900T8BM49AURSDO55")),)
    )
    assert digests(invoice("INV-1"), Kind.INVOICE) & digests(by_lei, Kind.INVOICE)


def test_a_fingerprint_is_what_it_was_when_the_first_one_was_stored() -> None:
    said = b"lianyun-financing-fingerprint-v1\n" + b"".join(
        len(part).to_bytes(4) + part for part in (b"INVOICE", b"APPLICANT:optic", b"1NV417")
    )
    assert hmac.digest(V1.key, said, "sha256")[:16] in digests(invoice("INV-0417"), Kind.INVOICE)
    (near, _) = (
        made.near for made in fingerprints(invoice("7"), "optic", V1) if made.kind is Kind.NEAR_TRADE
    )
    spellings = (
        b"lianyun-financing-fingerprint-v1\n\0\0\0\x08SPELLING" + len(text).to_bytes(4) + text
        for text in (b"7", b"")
    )
    assert near >= {
        int.from_bytes(hmac.digest(V1.key, each, "sha256")[:8], signed=True) for each in spellings
    }


def test_nobody_without_the_key_can_try_numbers_out() -> None:
    """Attack 12: no digest of plain fields is stored, and two keys give nothing in common."""
    papers = invoice("INV-1")
    stored = {made.digest for made in fingerprints(papers, "optic", V1)}
    assert stored.isdisjoint({made.digest for made in fingerprints(papers, "optic", V2)})
    fields = ["INVOICE", "USCC:91330100799655058B", "1NV1", "INV-1", normalise_1("INV-1")]
    for count in range(1, 4):
        for chosen in itertools.permutations(fields, count):
            for joint in ("", "|", "/", "\n"):
                assert hashlib.sha256(joint.join(chosen).encode()).digest()[:16] not in stored
    assert "000102" not in repr(V1)
    assert not any(
        V1.key in repr(made).encode("latin-1", "replace") for made in fingerprints(papers, "optic", V1)
    )


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Version(1, b"short", normalise_1)
