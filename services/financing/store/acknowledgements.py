"""Alerts that a bank has seen, as it said through the API; a signed event that says so counts beside it."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

from psycopg import Connection

from services.domain.facts import Micros
from services.financing.store import statement
from services.financing.store.identifiers import financing_id
from services.ledger.audit_trail.entries import enter

Session = Connection[Any]


class Seen(NamedTuple):
    """Which client of the bank acknowledged an alert, when, and what it remarked."""

    at: Micros
    client: str
    remark: str


def acknowledge(
    session: Session, financing: str, alert: str, at: Micros, client: str, remark: str = ""
) -> bool:
    """Put down that ``alert`` (32 hex digits) was seen; False where it was before, which stays as it is."""
    key = {"financing": financing_id(financing).hex(), "alert": alert}
    said = {"at": at, "client": client, "remark": remark}
    if session.execute(statement("acknowledge"), {**key, **said}).rowcount == 0:
        return False
    enter(session, "financing_acknowledged", f"{UUID(key['financing'])} {UUID(alert)}", said)
    return True


def acknowledged(session: Session, financing: str, known_at: Micros) -> dict[str, Seen]:
    """What was acknowledged by ``known_at``, by the alert."""
    given = {"financing": financing_id(financing).hex(), "known_at": known_at}
    rows = session.execute(statement("acknowledged"), given, binary=True)
    return {bytes(alert).hex(): Seen(at, client, remark) for alert, at, client, remark in rows}
