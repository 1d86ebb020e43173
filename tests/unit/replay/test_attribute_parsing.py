"""Source, type and time are found among the headers of an admitted message, however they lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.envelope import HEADERS, SIGNATURE_HEADER, Envelope
from schemas.reasons import Refusal
from services.ledger.admission.raw_bytes import frame, parse_attributes, unframe

USUAL = [
    ("ce_specversion", b"1.0"),
    ("ce_source", b"urn:cre:ktz"),
    ("ce_id", "поезд-7".encode()),
    ("ce_type", b"cre.movement.departed.v1"),
    ("ce_time", b"2026-11-03T10:11:12.5+05:00"),
    ("ce_subject", b""),
    ("content-type", b"application/json"),
    (SIGNATURE_HEADER, b"v1;ed25519;0011223344556677;AAAA"),
]
FOREIGN = st.lists(
    st.tuples(
        st.text(max_size=8).filter(lambda name: name not in HEADERS.values() and name != SIGNATURE_HEADER),
        st.none()
        | st.binary(max_size=12)
        | st.lists(st.sampled_from(USUAL), max_size=3).map(frame)  # looks like headers, and is a value
        | st.just(b"\x00\x00\x00\x07ce_type\x00\x00\x00\x01x"),
    ),
    max_size=3,
)


def as_admitted(headers: list[tuple[str, bytes | None]]) -> None:
    envelope = Envelope.from_headers(headers)
    assert parse_attributes(frame(headers)) == (
        envelope.source, envelope.id, envelope.type, envelope.published_micros
    )  # fmt: skip


@given(
    st.permutations(USUAL) | st.just(USUAL),
    FOREIGN,
    st.integers(0, len(USUAL)),
    st.sampled_from([None, "ce_subject", "content-type", SIGNATURE_HEADER]),
)
def test_they_are_those_of_the_envelope(
    ours: list[tuple[str, bytes]], foreign: list[tuple[str, bytes | None]], at: int, without: str | None
) -> None:
    kept = [header for header in ours if header[0] != without]
    as_admitted([*kept[:at], *foreign, *kept[at:]])


@given(
    st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=256),
    st.text(min_size=1, max_size=60).filter(lambda text: text.isprintable()),
)
def test_any_source_and_id_that_are_admitted(source: str, id_: str) -> None:
    changed = {"ce_source": source.encode(), "ce_id": id_.encode()}
    headers = [(name, changed.get(name, value)) for name, value in USUAL]
    as_admitted([*headers])


@pytest.mark.parametrize("at", range(len(frame(USUAL))))
def test_a_damaged_length_is_never_read_over(at: int) -> None:
    whole = frame(USUAL)
    damaged = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
    try:
        envelope = Envelope.from_headers(unframe(damaged))
    except (Refusal, ValueError):
        if whole[at] < 0x20:  # of a length; other bytes belong to a text, which admission has judged
            with pytest.raises((Refusal, ValueError)):
                parse_attributes(damaged)
        return
    assert parse_attributes(damaged)[:3] == (envelope.source, envelope.id, envelope.type)


@pytest.mark.parametrize("cut", [0, 3, 40, 90, -1])
def test_a_damaged_frame_is_said(cut: int) -> None:
    with pytest.raises((Refusal, ValueError)):
        parse_attributes(frame(USUAL)[:cut])
