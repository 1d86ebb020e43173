"""Lines of the access log and answers that may be asked for again: what their seals cover."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from services.ledger.audit_trail.digests import NONE, chained, seal

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
OLDER = "older releases"
"""The key under which the trail says what was written without a seal."""


def delivery_seal(*values: Any) -> bytes:
    """SHA-256 over the ``values`` of DELIVERY as JSON, written as Postgres writes it."""
    return hashlib.sha256(json.dumps(values, ensure_ascii=False).encode()).digest()


def selected(columns: Sequence[str]) -> str:
    """The columns as a select list whose values are those that ``seal`` was given."""
    return ", ".join("id::text" if name == "id" else f'"{name}"' for name in columns)


def unsealed_query(table: str) -> str:
    """Selects the lines of ``table`` without a seal, in the order of their time."""
    return f"SELECT {selected(COLUMNS)} FROM lianyun.{table} WHERE seal IS NULL ORDER BY at, id"  # noqa: S608 - one of LOGS


def unsealed(rows: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """What the trail says of rows without a seal, given in the order of their time: how many, and one digest of all."""
    number, digest = 0, NONE
    for row in rows:
        number, digest = number + 1, chained(digest, seal(*row))
    return {"rows": number, "digest": digest.hex()}
