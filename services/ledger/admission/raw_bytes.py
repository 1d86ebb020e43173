"""The raw bytes of a message: how they are framed, digested and, of a refused one, capped."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final

from schemas.envelope import HEADERS
from schemas.trace_context import TRACE_HEADERS, trace_of

Headers = Sequence[tuple[str, bytes | None]]

MAX_VALUE_BYTES: Final = 65_536
"""No value beyond this can ever be admitted, so its head is kept as a sample only."""
MAX_HEADER_BYTES: Final = 32_768

_unsigned = struct.Struct(">I")
_signed = struct.Struct(">i")
_appended = struct.Struct(">qQ")
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
    """The headers that ``frame`` made ``framed`` of; ValueError where it is no such frame."""
    headers: list[tuple[str, bytes | None]] = []
    at = 0
    try:
        while at < len(framed):
            (length,) = _unsigned.unpack_from(framed, at)
            name = framed[at + 4 : at + 4 + length]
            at += 4 + length
            (size,) = _signed.unpack_from(framed, at)
            at += 4
            value = None if size == _NONE else framed[at : at + size]
            if len(name) != length or (value is not None and len(value) != size):
                raise ValueError("the frame of the headers ends early")
            at += 0 if value is None else size
            headers.append((name.decode("utf-8", "surrogatepass"), value))
    except struct.error:
        raise ValueError("the frame of the headers ends early") from None
    return headers


def digest(headers: Headers, value: bytes | None) -> bytes:
    """The 32 bytes by which a message is known among the dead letters: SHA-256 over its frame and its whole value.

    Topic and offset are not part of it: the same bytes sent again, or to another topic, are the same letter. Nor is the trace
    context: it says who sent it on this way, and a repetition comes with another.
    """
    return whole_digest([header for header in headers if header[0] not in TRACE_HEADERS], value)


def whole_digest(headers: Headers, value: bytes | None) -> bytes:
    """The same over all headers: what letters with a trace context were known by before it was left out."""
    hashed = hashlib.sha256(frame(headers))
    hashed.update(b"\x00" if value is None else b"\x01" + value)
    return hashed.digest()


def record_digest(append_ms: int, headers: Headers, value: bytes | None) -> bytes:
    """The 32 bytes by which the ledger recognises a record of the log: SHA-256 over append time, all headers and value.

    The append time is the broker's, in milliseconds; it and the length of the framed headers are 8 bytes each, big-endian.
    The key is left out: it chooses the partition and says nothing else, and is not stored with the messages, whose
    digests are compared with those of the log's records.
    """
    return framed_digest(append_ms, frame(headers), value)


def framed_digest(append_ms: int, framed: bytes, value: bytes | None) -> bytes:
    """The same of a message as it is stored, with its headers framed and kept whole."""
    hashed = hashlib.sha256(_appended.pack(append_ms, len(framed)) + framed)
    hashed.update(b"\x00" if value is None else b"\x01" + value)
    return hashed.digest()


def capped(headers: Headers, value: bytes | None) -> tuple[bytes, bytes | None, bool]:
    """(framed headers, value, truncated) as they are stored: at most MAX_HEADER_BYTES of whole headers, then cut."""
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
    """The seal of a letter: over what is put down of a message once and for all, as ``upsert`` makes it beside its row."""
    said = f"{publisher} {-1 if value_bytes is None else value_bytes} {int(truncated)}".encode()
    held = b"" if value is None else hashlib.sha256(value).digest()
    return hashlib.sha256(key + said + hashlib.sha256(framed).digest() + held).digest()


_NAMES = {HEADERS["source"]: "source", HEADERS["id"]: "id", HEADERS["type"]: "type"}
_MOST = 256


def message_labels(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """``source``, ``id`` and ``type`` as the message gives them, and ``trace_id``; what it does not give is left out.

    The values are a stranger's: at most 256 characters, and what could end a line or steer a terminal is escaped.
    """
    headers = tuple(headers)
    told = {
        f"event_{_NAMES[name]}": _shown(value)
        for name, value in headers
        if name in _NAMES and value is not None
    }
    context = trace_of(headers)
    return told if context is None else {**told, "trace_id": context.trace.hex()}


def _shown(value: bytes) -> str:
    text = value[: 4 * _MOST].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(
            each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text
        )
    return text[:_MOST]
