"""What was admitted is read again by a shorter way, to the same payload and the same values."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from schemas import strict_json
from schemas.events.correction import Corrected
from schemas.events.decode import decode_admitted, decode_payload
from schemas.publishing.examples import example
from schemas.reasons import Refusal
from tests.support.invariants import holds_for

CORPUS = Path(__file__).resolve().parents[2] / "data" / "corpus" / "signed.jsonl"
ENTRIES = [json.loads(line) for line in CORPUS.read_text(encoding="utf-8").splitlines()]
CORRECTED = "cre.correction.corrected.v1"

TEXTS = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
WRITTEN = st.builds(
    lambda value, ascii_, indent, exponent: json.dumps(value, ensure_ascii=ascii_, indent=indent).replace(
        "e", exponent
    ),
    VALUES,
    st.booleans(),
    st.none() | st.integers(0, 2),
    st.sampled_from("eE"),
)
"""The same value may be written with blanks, escapes and exponents, all of which the strict reader accepts."""


@holds_for({entry["type"]: entry for entry in ENTRIES})
def test_the_frozen_events_are_read_as_at_admission(entry: dict[str, Any]) -> None:
    raw = b64decode(entry["payload_b64"])
    strict, short = decode_payload(entry["type"], raw), decode_admitted(entry["type"], raw)
    assert (type(short), short) == (type(strict), strict)
    assert short.model_dump(mode="json", by_alias=True) == strict.model_dump(mode="json", by_alias=True)
    for micros in ("happened_micros", "from_micros", "to_micros"):
        assert getattr(short, micros, None) == getattr(strict, micros, None)


def test_a_replacement_is_read_as_at_admission() -> None:
    raw = orjson.dumps(example(CORRECTED))
    strict, short = decode_payload(CORRECTED, raw), decode_admitted(CORRECTED, raw)
    assert isinstance(strict, Corrected)
    assert isinstance(short, Corrected)
    assert short.replacement.payload == strict.replacement.payload


@given(WRITTEN)
def test_whatever_the_strict_reader_accepts_has_one_value(text: str) -> None:
    raw = text.encode()
    try:
        strict = strict_json.loads(raw)
    except Refusal:
        assume(False)
    assert repr(orjson.loads(raw)) == repr(strict)  # by their texts: 1 and 1.0, 0.0 and -0.0 are not the same


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_what_no_longer_is_what_was_admitted_is_said(raw: bytes) -> None:
    with pytest.raises((ValueError, Refusal), match=r".") as said:
        decode_admitted("cre.movement.departed.v1", raw)
    assert "input_value" not in str(said.value), "what stands there is nobody's to read in a message"
