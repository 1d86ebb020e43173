"""The envelope of an event: CloudEvents 1.0 attributes in Kafka headers, and the exact bytes that are signed."""

import hashlib
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from schemas.reasons import Reason, Refusal
from schemas.rfc3339 import parse_micros
from schemas.strict_json import MAX_BYTES

SIGNATURE_HEADER: Final = "lianyun-signature"
SPECVERSION: Final = "1.0"
DOMAIN: Final = b"lianyun-event-v1\n"

# Attribute -> Kafka header, in the order in which the attributes are signed (CloudEvents Kafka binding, 3.2).
HEADERS: Final = {
    "specversion": "ce_specversion",
    "source": "ce_source",
    "id": "ce_id",
    "type": "ce_type",
    "time": "ce_time",
    "subject": "ce_subject",
    "datacontenttype": "content-type",
}
_OURS = {name: attribute for attribute, name in HEADERS.items()} | {SIGNATURE_HEADER: SIGNATURE_HEADER}
_LONGEST = {
    "specversion": 8,
    "source": 256,
    "id": 256,
    "type": 128,
    "time": 40,
    "subject": 256,
    "datacontenttype": 64,
}
_ASCII_ONLY = ("specversion", "source", "type", "time", "datacontenttype")
_CONTENT_TYPE = re.compile(r"application/json(; ?charset=utf-8)?", re.IGNORECASE)
# CloudEvents 1.0, 3.1 "String": no control characters, no surrogates, no noncharacters.
_NONCHARACTERS = "\ufdd0-\ufdef" + "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f\ud800-\udfff{_NONCHARACTERS}]")
_length = struct.Struct(">I").pack


@dataclass(frozen=True, slots=True)
class Envelope:
    """The CloudEvents attributes of one event, as published and valid; an invalid one raises Refusal.

    `time` keeps the publisher's text; `published_micros` is the same instant in UTC microseconds. `None`
    is an absent attribute, which is signed differently from an empty one.
    """

    specversion: str
    id: str
    source: str
    type: str
    time: str
    subject: str | None = None
    datacontenttype: str | None = None
    published_micros: int = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        # Three attributes tell a publisher's events apart; the other four are the same again and again.
        _require("id", self.id)
        _require("time", self.time)
        if self.subject is not None:
            _require("subject", self.subject)
        _require_usual(self.specversion, self.source, self.type, self.datacontenttype)
        object.__setattr__(self, "published_micros", parse_micros(self.time, "header:ce_time"))

    @classmethod
    def from_headers(cls, headers: Sequence[tuple[str, bytes | None]]) -> "Envelope":
        """Read the attributes from Kafka headers in any order; raise Refusal naming the header at fault.

        Headers of others, including unknown `ce_` extensions, are ignored: they are not signed.
        """
        found = _read(headers)
        found.pop(SIGNATURE_HEADER, None)
        return _envelope(found)

    def to_headers(self) -> list[tuple[str, bytes]]:
        """Return the Kafka headers of the attributes that are present, without the signature."""
        values = ((name, getattr(self, attribute)) for attribute, name in HEADERS.items())
        return [(name, value.encode()) for name, value in values if value is not None]


def read_headers(headers: Sequence[tuple[str, bytes | None]]) -> tuple[Envelope, bytes]:
    """Return (envelope, value of the signature header) in one pass; raise Refusal, UNSIGNED without a signature."""
    found = _read(headers)
    signature = found.pop(SIGNATURE_HEADER, None)
    if signature is None:
        raise Refusal(
            Reason.UNSIGNED,
            "The message carries no signature.",
            f"header:{SIGNATURE_HEADER}",
            "Sign the event; the signing specification is published with worked vectors.",
        )
    return _envelope(found), signature


def require_payload(value: bytes | None) -> bytes:
    """Return the value of a Kafka record; raise Refusal NULL_VALUE or TOO_LARGE before anything reads it."""
    if value is None:
        raise Refusal(
            Reason.NULL_VALUE,
            "The record has no value.",
            remedy="Events are never deleted: publish a retraction.",
        )
    if len(value) > MAX_BYTES:
        raise Refusal(
            Reason.TOO_LARGE,
            f"The payload has {len(value):,} bytes, more than {MAX_BYTES:,}.",
            remedy="Split the event; refer to documents by digest instead of enclosing them.",
        )
    return value


def event_id(source: str, id: str) -> bytes:
    """Return the 16-byte identity of an event: the start of SHA-256 over source and id, each length-prefixed."""
    source_bytes, name = source.encode(), id.encode()
    return hashlib.sha256(
        b"".join((_length(len(source_bytes)), source_bytes, _length(len(name)), name))
    ).digest()[:16]


def signed_bytes(network: str, envelope: Envelope, payload: bytes) -> bytes:
    """Return the bytes that a publisher signs: network, attributes and payload, each behind its length.

    `network` ("demo", "prod") keeps an event of one network from being valid in another. Absent and empty
    attributes give different bytes. The layout is published in signing.md.
    """
    parts = [_start(network)]
    for value in (
        envelope.specversion,
        envelope.source,
        envelope.id,
        envelope.type,
        envelope.time,
        envelope.subject,
        envelope.datacontenttype,
    ):
        if value is None:
            parts.append(b"\x00")
        else:
            text = value.encode()
            parts += (b"\x01", _length(len(text)), text)
    parts += (_length(len(payload)), payload)
    return b"".join(parts)


def read_signed_bytes(signed: bytes) -> tuple[str, Envelope, bytes]:
    """Return (network, envelope, payload) of signed bytes; ValueError, or Refusal, unless they are what ``signed_bytes`` makes of these."""
    values: list[str | None] = []
    at = len(DOMAIN)
    while len(values) <= len(HEADERS) and at < len(signed):
        present, at = signed[at], at + 1
        if not present:
            values.append(None)
            continue
        end = at + 4 + int.from_bytes(signed[at : at + 4])
        values.append(signed[at + 4 : end].decode())
        at = end
    network, *attributes = values or [None]
    if network is None or len(attributes) != len(HEADERS):
        raise ValueError("signed bytes end before their payload")
    payload = signed[at + 4 :]
    envelope = _envelope(
        {name: text.encode() for name, text in zip(HEADERS, attributes, strict=True) if text is not None}
    )
    if signed_bytes(network, envelope, payload) != signed:
        raise ValueError("signed bytes are not in their one form")
    return network, envelope, payload


def content_digest(signed: bytes) -> bytes:
    """Return the 16-byte sameness of a message: the start of SHA-256 over its signed bytes."""
    return hashlib.sha256(signed).digest()[:16]


@lru_cache(maxsize=16)
def _start(network: str) -> bytes:
    if not network:
        raise ValueError("the network has no name; it is part of what is signed")
    text = network.encode()
    return DOMAIN + b"\x01" + _length(len(text)) + text


def _read(headers: Sequence[tuple[str, bytes | None]]) -> dict[str, bytes]:
    """Collect the values of the headers that are ours, by attribute."""
    found: dict[str, bytes] = {}
    ours = _OURS.get
    for name, value in headers:
        attribute = ours(name)
        if attribute is None:
            continue
        if value is None:
            raise Refusal(Reason.INVALID_HEADER, f"The header {name} has no value.", f"header:{name}")
        if attribute in found:
            raise Refusal(
                Reason.DUPLICATE_HEADER,
                f"The header {name} occurs more than once.",
                f"header:{name}",
                "Send each header once: which of two counts would be a guess.",
            )
        found[attribute] = value
    return found


def _envelope(found: dict[str, bytes]) -> Envelope:
    attribute = ""
    texts: dict[str, str] = {}
    try:
        for attribute, value in found.items():
            texts[attribute] = value.decode()
    except UnicodeDecodeError:
        raise _invalid(attribute, "The value is not valid UTF-8.") from None
    try:
        return Envelope(
            specversion=texts["specversion"],
            source=texts["source"],
            id=texts["id"],
            type=texts["type"],
            time=texts["time"],
            subject=texts.get("subject"),
            datacontenttype=texts.get("datacontenttype"),
        )
    except KeyError as missing:
        name = HEADERS[missing.args[0]]
        raise Refusal(
            Reason.MISSING_HEADER,
            f"The header {name} is missing.",
            f"header:{name}",
            "Publish in CloudEvents binary mode: one ce_ header for each attribute.",
        ) from None


@lru_cache(maxsize=4_096)
def _require_usual(specversion: str, source: str, type: str, datacontenttype: str | None) -> None:
    """Judge the attributes that a publisher repeats; only what is found good is remembered."""
    _require("specversion", specversion)
    _require("source", source)
    _require("type", type)
    if specversion != SPECVERSION:
        raise _invalid("specversion", f"The CloudEvents version is {specversion!r}, not {SPECVERSION}.")
    if datacontenttype is None:
        return
    _require("datacontenttype", datacontenttype)
    if not _CONTENT_TYPE.fullmatch(datacontenttype):
        raise _invalid(
            "datacontenttype",
            f"The content type is {datacontenttype!r}.",
            "Publish in binary mode: the value is the JSON payload, content-type is application/json.",
        )


def _require(attribute: str, value: str) -> None:
    # Printable ASCII is the common case and needs no closer look; its length in bytes is its length.
    if not (value.isascii() and value.isprintable() and 0 < len(value) <= _LONGEST[attribute]):
        _require_text(attribute, value, _LONGEST[attribute])


def _require_text(attribute: str, value: str, longest: int) -> None:
    """Judge a value that is not plainly short printable ASCII; raise INVALID_HEADER."""
    if not value and attribute != "subject":
        raise _invalid(attribute, "The value is empty.")
    if _FORBIDDEN.search(value):
        raise _invalid(attribute, "The value holds a control character, NUL or half a surrogate pair.")
    if attribute in _ASCII_ONLY and not value.isascii():
        raise _invalid(
            attribute, "The value holds characters outside ASCII.", "Percent-encode them in source."
        )
    if len(value.encode()) > longest:
        raise _invalid(attribute, f"The value is longer than {longest} bytes.")


def _invalid(attribute: str, detail: str, remedy: str = "") -> Refusal:
    return Refusal(Reason.INVALID_HEADER, detail, f"header:{HEADERS[attribute]}", remedy)
