"""The strict forms of numbers, hashes and binary values in the texts of a log: one value, one spelling."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from schemas.merkle import HASH_BYTES

_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
LARGEST: Final = 2**63 - 1
"""The largest number in any of the texts: a size, an index, a POSIX timestamp."""


class Malformed(ValueError):
    """A text that is not in its format; its message names the part, never the whole input."""


def decimal(text: str, what: str) -> int:
    """The number of ASCII digits without sign, spaces or leading zeros; Malformed otherwise, or above 2**63 - 1."""
    if not _DECIMAL.fullmatch(text) or (value := int(text)) > LARGEST:
        raise Malformed(f"{what} is not a decimal number between 0 and 2^63 - 1 without leading zeros")
    return value


def binary(text: str, what: str) -> bytes:
    """The bytes of canonical standard Base64 (RFC 4648, 4, with padding); Malformed for any other spelling of the same bytes."""
    try:
        value = base64.b64decode(text, validate=True)
    except (ValueError, binascii.Error):
        raise Malformed(f"{what} is not Base64") from None
    if spelled(value) != text:
        raise Malformed(f"{what} is not canonical Base64")
    return value


def digest(text: str, what: str) -> bytes:
    """The 32 bytes of a hash in Base64; Malformed otherwise."""
    value = binary(text, what)
    if len(value) != HASH_BYTES:
        raise Malformed(f"{what} has {len(value)} bytes, a SHA-256 hash has {HASH_BYTES}")
    return value


def spelled(value: bytes) -> str:
    """The Base64 of bytes."""
    return base64.b64encode(value).decode()
