"""Lines of the access log and answers that may be asked for again: what their seals cover."""

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
    """The digest of a chain that ``link`` is added to; SQL computes the same beside the chain's head."""
    return hashlib.sha256(before + link).digest()


def seal(*values: Any) -> bytes:
    """SHA-256 over ``values`` in their order, each as ``plain`` gives it."""
    return hashlib.sha256(orjson.dumps([json_value(value) for value in values], option=_ORDER)).digest()


def change_text(change: Mapping[str, Any] | None) -> str:
    """A change as the trail stores it: JSON with the columns in order, ``null`` where the row was taken away."""
    if change is None:
        return "null"
    said = {name: json_value(value) for name, value in change.items()}
    return orjson.dumps(said, option=_ORDER).decode()


def json_value(value: Any) -> Any:
    """A value as JSON has it; of bytes their SHA-256, so that nothing secret is written down twice."""
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
"""The key under which the trail says what was written without a seal."""


def delivery_seal(*values: Any) -> bytes:
    """SHA-256 over the ``values`` of DELIVERY as JSON, written as Postgres writes it."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).digest()


def select_list(columns: Sequence[str]) -> str:
    """The columns as a select list whose values are those that ``seal`` was given."""
    return ", ".join("id::text" if name == "id" else f'"{name}"' for name in columns)


def unsealed_query(table: str) -> str:
    """Selects the lines of ``table`` without a seal, in the order of their time."""
    return f"SELECT {select_list(COLUMNS)} FROM lianyun.{table} WHERE seal IS NULL ORDER BY at, id"  # noqa: S608 - one of LOGS


def unsealed_summary(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """What the trail says of rows without a seal, given in the order of their time: how many, and one digest of all."""
    number, digest = 0, NONE
    for row in rows:
        number, digest = number + 1, chained(digest, seal(*row))
    return {"rows": number, "digest": digest.hex()}
