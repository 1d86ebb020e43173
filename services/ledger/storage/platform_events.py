"""Events about the platform itself, such as operators' actions, with their entries in the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg.rows import tuple_row
from psycopg.types.json import Jsonb

from services.ledger.audit_trail.entries import enter
from services.ledger.storage import statement
from services.ledger.storage.session import Session


def record_platform_event(session: Session, kind: str, detail: Mapping[str, Any]) -> None:
    """Record an event of ``kind`` with the JSON object ``detail``, in the caller's transaction.

    Waits for concurrent transactions that have recorded one.
    """
    values = {"kind": kind, "detail": Jsonb(detail)}
    row = session.cursor(row_factory=tuple_row).execute(statement("record_platform_event"), values).fetchone()
    assert row is not None
    no, at = row
    enter(session, "platform_event", no, {"kind": kind, "detail": detail, "at": at})
