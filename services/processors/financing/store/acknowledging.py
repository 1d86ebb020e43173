"""Alerts that a bank has seen, as it said through the API; a signed event that says so counts beside it."""

from __future__ import annotations

from typing import Any, NamedTuple

from psycopg import Connection

from services.core.facts import Micros
from services.processors.financing.store.names import financing_id
from services.processors.financing.store.statements import statement

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
    given = {"financing": financing_id(financing).hex(), "alert": alert, "at": at}
    done = session.execute(statement("acknowledge"), {**given, "client": client, "remark": remark})
    return done.rowcount == 1


def acknowledged(session: Session, financing: str, known_at: Micros) -> dict[str, Seen]:
    """What was acknowledged by ``known_at``, by the alert."""
    given = {"financing": financing_id(financing).hex(), "known_at": known_at}
    rows = session.execute(statement("acknowledged"), given, binary=True)
    return {bytes(alert).hex(): Seen(at, client, remark) for alert, at, client, remark in rows}
