"""Texts, slots, country codes and ids as the fixed-width numbers of state rows; equal on every machine."""

from __future__ import annotations

import hashlib
import struct
from functools import lru_cache

from schemas.events.base import Classifier, Region

_SIGNED = struct.Struct(">q").unpack_from
_PAIR = struct.Struct(">QQ").unpack
_HALF = 1 << 63


@lru_cache(maxsize=1 << 16)
def term_number(text: str) -> int:
    """The number of a place or of a party's code: 8 bytes of SHA-256 as a signed integer, 0 for the empty text."""
    return int(_SIGNED(hashlib.sha256(text.encode()).digest())[0]) if text else 0


def slot_number(
    region: Region, jurisdiction: str, milestone: int, place: str, occurrence: str, classifier: Classifier
) -> int:
    """The number of a slot: 8 bytes of SHA-256 over all that two claims must share to be about the same thing, except the object."""
    parts = (str(int(region)), jurisdiction, str(milestone), place, occurrence, classifier.value)
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return int(_SIGNED(hashlib.sha256(framed.encode()).digest())[0])


def country_number(code: str) -> int:
    """Two capital letters as a number, 0 for none; ValueError for anything else."""
    if not code:
        return 0
    if len(code) != 2 or not code.isascii():
        raise ValueError(f"{code!r} is no code of two letters")
    return ord(code[0]) << 8 | ord(code[1])


def country_code(number: int) -> str:
    """The inverse of ``country_number``."""
    return chr(number >> 8) + chr(number & 0xFF) if number else ""


def split_id(id_: bytes) -> tuple[int, int]:
    """16 bytes as two signed numbers in the order of the bytes; the inverse is ``join_id``."""
    high, low = _PAIR(id_)
    return high - _HALF, low - _HALF


def join_id(high: int, low: int) -> bytes:
    """The inverse of ``split_id``."""
    return struct.pack(">QQ", high + _HALF, low + _HALF)


@lru_cache(maxsize=1_000)
def key_number(key_id: str) -> int:
    """A key id's 16 hexadecimal digits as a signed number; the inverse is ``key_text``."""
    return int(_SIGNED(bytes.fromhex(key_id))[0])


@lru_cache(maxsize=1_000)
def key_text(number: int) -> str:
    """The key id of ``number``."""
    return struct.pack(">q", number).hex()
