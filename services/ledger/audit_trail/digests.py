"""Digests of the audit trail, pure: chains, seals, and the columns that the seals of log lines, answers and messages cover."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

NONE = b""
"""The digest before the first entry of a chain."""


def chained(before: bytes, link: bytes) -> bytes:
    """The digest of a chain after ``link``; SQL computes the same at the chain's head."""
    return hashlib.sha256(before + link).digest()


def seal(*values: Any) -> bytes:
    """SHA-256 over the JSON array of ``values``, each converted by ``json_value``."""
    return hashlib.sha256(orjson.dumps([json_value(value) for value in values], option=_ORDER)).digest()


def change_text(change: Mapping[str, Any] | None) -> str:
    """A change as the trail stores it: a JSON object with sorted keys, ``null`` where the row was deleted."""
    if change is None:
        return "null"
    values = {name: json_value(value) for name, value in change.items()}
    return orjson.dumps(values, option=_ORDER).decode()


def json_value(value: Any) -> Any:
    """A value for JSON; bytes become their SHA-256 in hex, so that no secret is stored twice."""
    match value:
        case bytes() | bytearray() | memoryview():
            return hashlib.sha256(value).hexdigest()
        case UUID():
            return str(value)
        case str():
            return str(value)  # an enumeration's too
        case Mapping():
            return {name: json_value(each) for name, each in value.items()}
        case Sequence() | frozenset() | set():
            return [json_value(each) for each in value]
        case _:
            return value


_ORDER = orjson.OPT_SORT_KEYS


COLUMNS = (
    "id", "at", "client", "party", "bound", "purpose", "method", "route", "resource", "subjects", "status", "request",
    "answer",
)  # fmt: skip
"""Of a line, in the order in which its seal covers them."""
ANSWER = ("party", "key", "request", "status", "headers", "body", "given")
"""Of an answer."""
MESSAGE = ("id", "party", "type", "at", "body", "traceparent")
"""Of a message to a party."""
DELIVERY = ("subscription", "message", "state", "attempts", "due", "last_attempt", "status", "detail", "same")
"""Of a delivery of one; its seal is computed by SQL (lianyun.webhook_delivery_seal) and by ``delivery_seal``."""
OLDER_RELEASES = "older releases"
"""The key of the trail's summary of rows without a seal."""


def delivery_seal(*values: Any) -> bytes:
    """SHA-256 over the ``values`` of DELIVERY as JSON, written as Postgres writes it."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).digest()


def select_list(columns: Sequence[str]) -> str:
    """The select list that reads ``columns`` as the values over which ``seal`` was computed."""
    return ", ".join("id::text" if name == "id" else f'"{name}"' for name in columns)


def unsealed_query(table: str) -> str:
    """Selects the lines of ``table`` without a seal, in the order of their time."""
    return f"SELECT {select_list(COLUMNS)} FROM lianyun.{table} WHERE seal IS NULL ORDER BY at, id"  # noqa: S608 - one of LOGS


def unsealed_summary(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """The trail's summary of rows without a seal, given in order of time: their number and one digest of all."""
    number, digest = 0, NONE
    for row in rows:
        number, digest = number + 1, chained(digest, seal(*row))
    return {"rows": number, "digest": digest.hex()}
