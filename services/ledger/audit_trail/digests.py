"""What the digests of the audit trail are taken over; pure. Shared by whoever writes and by the check."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

NONE = b""
"""The digest before the first entry of a chain."""


def chained(before: bytes, link: bytes) -> bytes:
    """The digest of a chain that ``link`` is added to; SQL computes the same beside the chain's head."""
    return hashlib.sha256(before + link).digest()


def seal(*values: Any) -> bytes:
    """SHA-256 over ``values`` in their order, each as ``plain`` gives it."""
    return hashlib.sha256(orjson.dumps([plain(value) for value in values], option=_ORDER)).digest()


def text(change: Mapping[str, Any] | None) -> str:
    """A change as the trail stores it: JSON with the columns in order, ``null`` where the row was taken away."""
    if change is None:
        return "null"
    said = {name: plain(value) for name, value in change.items()}
    return orjson.dumps(said, option=_ORDER).decode()


def plain(value: Any) -> Any:
    """A value as JSON has it; of bytes their SHA-256, so that nothing secret is written down twice."""
    match value:
        case bytes() | bytearray() | memoryview():
            return hashlib.sha256(value).hexdigest()
        case UUID():
            return str(value)
        case str():
            return str(value)  # an enumeration's too
        case Mapping():
            return {name: plain(each) for name, each in value.items()}
        case Sequence() | frozenset() | set():
            return [plain(each) for each in value]
        case _:
            return value


_ORDER = orjson.OPT_SORT_KEYS
