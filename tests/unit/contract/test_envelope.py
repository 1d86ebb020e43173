"""The envelope: headers in and out, what is refused, and the exact bytes that are signed."""

import hashlib
import pickle
from collections.abc import Sequence
from dataclasses import FrozenInstanceError, fields, replace

import pytest

from schemas.envelope import (
    HEADERS,
    SIGNATURE_HEADER,
    Envelope,
    content_digest,
    event_id,
    read_headers,
    require_payload,
    signed_bytes,
)
from schemas.reasons import Reason, Refusal

DEPARTED = Envelope(
    specversion="1.0",
    id="2026-11-03/80012/departed",
    source="urn:cre:ktz",
    type="cre.movement.departed.v1",
    time="2026-11-03T10:11:12.5+05:00",
    subject="CSQU3054383",
    datacontenttype="application/json",
)


def refusal_of(headers: Sequence[tuple[str, bytes | None]]) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        read_headers(headers)
    return refusal.value


def test_headers_come_back_as_they_went_in_whatever_their_order() -> None:
    headers = [*DEPARTED.to_headers(), ("traceparent", b"00-1"), ("ce_partitionkey", b"x")]
    assert Envelope.from_headers(headers) == DEPARTED
    assert Envelope.from_headers(headers[::-1]) == DEPARTED
    bare = replace(DEPARTED, subject=None, datacontenttype=None)
    assert Envelope.from_headers(bare.to_headers()) == bare


def test_published_time_is_utc_microseconds_and_the_text_is_kept() -> None:
    assert DEPARTED.published_micros == 1_793_682_672_500_000
    assert DEPARTED.time == "2026-11-03T10:11:12.5+05:00"


def test_an_envelope_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        DEPARTED.id = "other"  # type: ignore[misc]


@pytest.mark.parametrize("attribute", ["specversion", "source", "id", "type", "time"])
def test_refuses_a_missing_header(attribute: str) -> None:
    name = HEADERS[attribute]
    headers = [pair for pair in DEPARTED.to_headers() if pair[0] != name]
    refusal = refusal_of([*headers, (SIGNATURE_HEADER, b"v1")])
    assert (refusal.reason, refusal.pointer) == (Reason.MISSING_HEADER, f"header:{name}")


def test_refuses_an_unsigned_message() -> None:
    refusal = refusal_of(DEPARTED.to_headers())
    assert (refusal.reason, refusal.pointer) == (Reason.UNSIGNED, f"header:{SIGNATURE_HEADER}")


@pytest.mark.parametrize("name", [*HEADERS.values(), SIGNATURE_HEADER])
def test_refuses_a_header_that_occurs_twice(name: str) -> None:
    headers = [*DEPARTED.to_headers(), (SIGNATURE_HEADER, b"v1")]
    refusal = refusal_of([*headers, (name, dict(headers)[name])])
    assert (refusal.reason, refusal.pointer) == (Reason.DUPLICATE_HEADER, f"header:{name}")


def test_refuses_a_header_without_value() -> None:
    refusal = refusal_of([*DEPARTED.to_headers()[1:], ("ce_specversion", None)])
    assert (refusal.reason, refusal.pointer) == (Reason.INVALID_HEADER, "header:ce_specversion")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", b""),
        ("id", b"\xff"),
        ("id", b"\xed\xa0\x80"),
        ("id", b"a\x00b"),
        ("id", b"a\nb"),
        ("id", "a\u0085b".encode()),
        ("id", "a\ufffeb".encode()),
        ("id", "a\U0001ffffb".encode()),
        ("id", b"x" * 257),
        ("id", "站".encode() * 86),
        ("subject", b"\x7f"),
        ("source", "urn:cre:哈铁".encode()),
        ("source", b"s" * 257),
        ("type", b"t" * 129),
        ("specversion", b"0.3"),
        ("specversion", b"1.0 "),
        ("datacontenttype", b"application/cloudevents+json"),
        ("datacontenttype", b"text/plain"),
        ("datacontenttype", b"application/json; charset=utf-16"),
    ],
)
def test_refuses_an_invalid_header(attribute: str, value: bytes) -> None:
    headers = dict(DEPARTED.to_headers()) | {HEADERS[attribute]: value, SIGNATURE_HEADER: b"v1"}
    refusal = refusal_of(list(headers.items()))
    assert (refusal.reason, refusal.pointer) == (Reason.INVALID_HEADER, f"header:{HEADERS[attribute]}")
    assert "\x00" not in str(refusal)


@pytest.mark.parametrize(
    "time",
    [
        b"0001-01-01T00:00:00Z",
        b"9999-12-31T23:59:59Z",
        b"2026-11-03T10:11:60Z",
        b"2026-11-03T10:11:12+24:00",
        b"2026-11-03T10:11:12",
    ],
)
def test_refuses_an_invalid_time(time: bytes) -> None:
    headers = dict(DEPARTED.to_headers()) | {"ce_time": time, SIGNATURE_HEADER: b"v1"}
    refusal = refusal_of(list(headers.items()))
    assert (refusal.reason, refusal.pointer) == (Reason.INVALID_TIME, "header:ce_time")


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("id", "x" * 256),
        ("id", "站" * 85),
        ("subject", "Хоргос 霍尔果斯"),
        ("datacontenttype", "Application/JSON; charset=UTF-8"),
    ],
)
def test_accepts_any_text_that_cloudevents_allows(attribute: str, value: str) -> None:
    envelope = replace(DEPARTED, **{attribute: value})
    assert Envelope.from_headers(envelope.to_headers()) == envelope


def test_a_record_without_value_or_too_large_is_refused_unread() -> None:
    assert require_payload(b"x" * 65_536) == b"x" * 65_536
    for value, reason in ((None, Reason.NULL_VALUE), (b"x" * 65_537, Reason.TOO_LARGE)):
        with pytest.raises(Refusal) as refusal:
            require_payload(value)
        assert refusal.value.reason is reason


def test_signed_bytes_are_laid_out_as_published() -> None:
    envelope = Envelope("1.0", "e1", "s", "t", "2026-11-03T10:11:12Z", None, "application/json")
    assert signed_bytes("demo", envelope, b"{}") == (
        b"lianyun-event-v1\n"
        b"\x01\x00\x00\x00\x04demo"
        b"\x01\x00\x00\x00\x031.0"
        b"\x01\x00\x00\x00\x01s"
        b"\x01\x00\x00\x00\x02e1"
        b"\x01\x00\x00\x00\x01t"
        b"\x01\x00\x00\x00\x142026-11-03T10:11:12Z"
        b"\x00"
        b"\x01\x00\x00\x00\x10application/json"
        b"\x00\x00\x00\x02{}"
    )


def test_every_attribute_the_network_and_the_payload_are_signed() -> None:
    variants = {
        signed_bytes("demo", DEPARTED, b"{}"),
        signed_bytes("prod", DEPARTED, b"{}"),
        signed_bytes("demo", DEPARTED, b"{ }"),
    }
    changed = {
        "id": "other",
        "source": "urn:cre:rzd",
        "type": "cre.movement.arrived.v1",
        "time": "2026-11-03T05:11:12.5Z",
        "subject": None,
        "datacontenttype": None,
    }
    variants |= {
        signed_bytes("demo", replace(DEPARTED, **{name: value}), b"{}") for name, value in changed.items()
    }
    assert len(variants) == 3 + len(changed)
    signed = {field.name for field in fields(Envelope) if field.init}
    assert signed == {*changed, "specversion"}, "a new attribute must be signed, or be said not to be"
    with pytest.raises(ValueError, match="network"):
        signed_bytes("", DEPARTED, b"{}")


def test_text_cannot_move_between_attributes() -> None:
    one = replace(DEPARTED, source="ab", id="c")
    two = replace(DEPARTED, source="a", id="bc")
    assert signed_bytes("demo", one, b"") != signed_bytes("demo", two, b"")
    assert event_id("ab", "c") != event_id("a", "bc")


def test_identity_and_sameness_are_16_bytes_of_sha256() -> None:
    assert event_id("s", "e1") == hashlib.sha256(b"\x00\x00\x00\x01s\x00\x00\x00\x02e1").digest()[:16]
    assert content_digest(b"x") == hashlib.sha256(b"x").digest()[:16]


def test_a_refusal_tells_everything_and_survives_pickling() -> None:
    refusal = Refusal(Reason.UNSIGNED, "No signature.", "header:x", "Sign it.")
    copy = pickle.loads(pickle.dumps(refusal))
    assert (copy.reason, copy.detail, copy.pointer, copy.remedy) == (
        Reason.UNSIGNED,
        "No signature.",
        "header:x",
        "Sign it.",
    )
    assert str(refusal) == "UNSIGNED at header:x: No signature. Sign it."
    with pytest.raises(AttributeError):
        refusal.reason = Reason.TOO_LARGE  # type: ignore[misc]
