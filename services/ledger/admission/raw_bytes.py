"""The raw bytes of a message: framing, digests, the cap on refused ones, and the labels by which logs and spans name it."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.envelope import HEADERS, Envelope
from schemas.rfc3339 import parse_micros
from schemas.trace_context import TRACE_HEADERS, trace_of

Headers = Sequence[tuple[str, bytes | None]]

MAX_VALUE_BYTES: Final = 65_536
"""No longer value can be admitted; of a refused one only so many bytes are stored, as a sample."""
MAX_HEADER_BYTES: Final = 32_768

_unsigned = struct.Struct(">I")
_signed = struct.Struct(">i")
_appended = struct.Struct(">qQ")
_sizes = struct.Struct(">HHHH").pack
_NONE = -1
_length = _signed.pack
_ABSENT = _length(_NONE)


def frame(headers: Headers) -> bytes:
    """The headers as bytes, in their order: for each name length, name in UTF-8, value length or -1, value.

    Lengths are 4 bytes, big-endian. Two different lists never give the same bytes.
    """
    parts: list[bytes] = []
    for name, value in headers:
        parts += (_name(name), _ABSENT) if value is None else (_name(name), _length(len(value)), value)
    return b"".join(parts)


@lru_cache(maxsize=256)
def _name(name: str) -> bytes:
    text = name.encode("utf-8", "surrogatepass")
    return _unsigned.pack(len(text)) + text


def unframe(framed: bytes) -> list[tuple[str, bytes | None]]:
    """The inverse of ``frame``; ValueError for malformed bytes."""
    headers: list[tuple[str, bytes | None]] = []
    at, end = 0, len(framed)
    try:
        while at < end:
            start = at + 4 + _unsigned.unpack_from(framed, at)[0]
            name = _text(framed[at + 4 : start])
            (size,) = _signed.unpack_from(framed, start)
            at = start + 4
            if size == _NONE:
                headers.append((name, None))
                continue
            value = framed[at : at + size]
            if len(value) != size:
                raise ValueError("the frame of the headers ends early")
            headers.append((name, value))
            at += size
    except struct.error:
        raise ValueError("the frame of the headers ends early") from None
    return headers


@lru_cache(maxsize=256)
def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogatepass")


class Attributes(NamedTuple):
    """The attributes of an admitted message that its facts depend on; ``published`` is its time in UTC microseconds."""

    source: str
    id: str
    type: str
    published: int


def _framed(attribute: str) -> bytes:
    """The pattern of an attribute in its frame: no admitted one holds a NUL, and all are shorter than 64 KiB."""
    name = HEADERS[attribute].encode()
    return re.escape(_unsigned.pack(len(name)) + name) + b"\x00\x00(..)([^\x00]+)"


_USUAL = re.compile(
    re.escape(frame([(HEADERS["specversion"], b"1.0")]))
    + b"".join(map(_framed, ("source", "id", "type", "time"))),
    re.DOTALL,
)
"""The headers as every publisher that follows our examples sends them: the attributes first, in the order of signing."""


def parse_attributes(framed: bytes) -> Attributes:
    """The attributes in the ``framed`` headers of an admitted message; Refusal or ValueError where they are damaged."""
    usual = _USUAL.match(framed)
    if usual is not None and _whole(framed, usual.end()):
        sizes, values = usual.groups()[::2], usual.groups()[1::2]
        if b"".join(sizes) == _sizes(*map(len, values)):
            source, id_, type_, time = values
            return Attributes(
                source.decode(), id_.decode(), type_.decode(), parse_micros(time.decode(), "header:ce_time")
            )
    envelope = Envelope.from_headers(unframe(framed))
    return Attributes(envelope.source, envelope.id, envelope.type, envelope.published_micros)


def _whole(framed: bytes, at: int) -> bool:
    """Whether frames begin at ``at``, the last of which ends with the bytes."""
    end = len(framed)
    try:
        while at < end:
            at += 4 + _unsigned.unpack_from(framed, at)[0]
            at += 4 + max(0, _signed.unpack_from(framed, at)[0])
    except struct.error:
        return False
    return at == end


def digest(headers: Headers, value: bytes | None) -> bytes:
    """The identity of a dead letter, 32 bytes: SHA-256 over the framed headers and the whole value.

    Topic and offset are not part of it: the same bytes sent again, or to another topic, are the same letter. Nor is the trace
    context, which differs with every transmission.
    """
    return whole_digest([header for header in headers if header[0] not in TRACE_HEADERS], value)


def whole_digest(headers: Headers, value: bytes | None) -> bytes:
    """``digest`` over all headers: the identity of letters stored before the trace context was excluded."""
    hashed = hashlib.sha256(frame(headers))
    hashed.update(b"\x00" if value is None else b"\x01" + value)
    return hashed.digest()


def record_digest(append_ms: int, headers: Headers, value: bytes | None) -> bytes:
    """The digest by which the ledger recognises a record of the log, 32 bytes: SHA-256 over append time, all headers and value.

    The append time is the broker's, in milliseconds; it and the length of the framed headers are 8 bytes each, big-endian.
    The record's key is excluded: it only selects the partition, and it is not stored with the messages, whose digests are
    compared with those of the log's records.
    """
    return framed_digest(append_ms, frame(headers), value)


def framed_digest(append_ms: int, framed: bytes, value: bytes | None) -> bytes:
    """``record_digest`` of a stored message, from its framed headers; they must be complete."""
    hashed = hashlib.sha256(_appended.pack(append_ms, len(framed)) + framed)
    hashed.update(b"\x00" if value is None else b"\x01" + value)
    return hashed.digest()


def capped(headers: Headers, value: bytes | None) -> tuple[bytes, bytes | None, bool]:
    """(framed headers, value, truncated) for storage: complete headers up to MAX_HEADER_BYTES, the value up to MAX_VALUE_BYTES."""
    framed = frame(headers)
    truncated = False
    if len(framed) > MAX_HEADER_BYTES:
        framed, truncated = _whole_headers(headers), True
    if value is not None and len(value) > MAX_VALUE_BYTES:
        value, truncated = value[:MAX_VALUE_BYTES], True
    return framed, value, truncated


def _whole_headers(headers: Headers) -> bytes:
    room, parts = MAX_HEADER_BYTES, []
    for header in headers:
        part = frame([header])
        room -= len(part)
        if room < 0:
            break
        parts.append(part)
    return b"".join(parts)


def letter_seal(
    key: bytes, publisher: str, framed: bytes, value: bytes | None, value_bytes: int | None, truncated: bool
) -> bytes:
    """The seal of a letter over the columns that never change; the statement ``upsert`` computes the same in SQL."""
    fields = f"{publisher} {-1 if value_bytes is None else value_bytes} {int(truncated)}".encode()
    value_digest = b"" if value is None else hashlib.sha256(value).digest()
    return hashlib.sha256(key + fields + hashlib.sha256(framed).digest() + value_digest).digest()


_NAMES = {HEADERS["source"]: "source", HEADERS["id"]: "id", HEADERS["type"]: "type"}
_MOST = 256


def message_labels(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """``event_source``, ``event_id``, ``event_type`` and ``trace_id`` of a message, for logs and spans; absent ones are left out.

    Nothing of it is verified. Values have at most 256 characters; what could end a line or control a terminal is escaped.
    """
    headers = tuple(headers)
    labels = {
        f"event_{_NAMES[name]}": _shown(value)
        for name, value in headers
        if name in _NAMES and value is not None
    }
    context = trace_of(headers)
    return labels if context is None else {**labels, "trace_id": context.trace.hex()}


def _shown(value: bytes) -> str:
    text = value[: 4 * _MOST].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
        )
    return text[:_MOST]
