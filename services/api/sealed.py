"""Sealed lines of the access log: shown to whoever asked, once another named person has approved, and on record each time.

Each function works in the caller's transaction. In a secured deployment only the owner of the database can call them: the
API itself writes sealed lines and can read none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from psycopg import Connection

from services.api import statement
from services.ledger.audit_trail.entries import enter

Session = Connection[Any]
HOUR = 3_600_000_000


class Refused(Exception):
    """Why sealed lines are not shown; the text says what is needed."""


@dataclass(frozen=True, slots=True)
class Line:
    """A sealed line; ``at`` is UTC microseconds."""

    at: int
    client: str
    party: str
    purpose: str
    method: str
    route: str
    resource: str
    subjects: tuple[str, ...]
    status: int
    request: str


def ask(session: Session, by: str, reason: str, since: int, until: int, *, at: int) -> str:
    """Ask to see the sealed lines of [since, until); returns the number of the request, for whoever approves it."""
    if not by.strip() or not reason.strip() or since >= until:
        raise Refused("say who asks and why, and for a stretch of time that is one")
    values = {"at": at, "by": _person(by), "reason": reason.strip(), "since": since, "until": until}
    row = session.execute(statement("opening_ask"), values).fetchone()
    assert row is not None
    opening = str(row[0])
    entry = {
        "asked": at,
        "asked_by": values["by"],
        "reason": values["reason"],
        "since": since,
        "until": until,
    }
    enter(session, "access_log_opening", opening, entry)
    return opening


def approve(session: Session, opening: str, by: str, *, at: int, hours: int = 24) -> None:
    """Approve a request of somebody else; raises Refused for one's own, an unknown one and one approved already."""
    if not by.strip():
        raise Refused("say who approves")
    asked_by, _, _, _, approved_by, _ = _opening(session, opening)
    if _person(by) == asked_by:
        raise Refused(f"{by} asked for it: it takes a second person")
    if approved_by is not None:
        raise Refused(f"{approved_by} has approved it already")
    parameters = {"opening": opening, "at": at, "by": _person(by), "expires": at + hours * HOUR}
    if session.execute(statement("opening_approve"), parameters).fetchone() is None:
        raise Refused("somebody has approved it meanwhile")
    entry = {"approved": at, "approved_by": parameters["by"], "expires": parameters["expires"]}
    enter(session, "access_log_approval", str(UUID(opening)), entry)


def show(session: Session, opening: str, by: str, *, at: int) -> list[Line]:
    """The lines, to one of the two who stand behind the request, while the approval lasts; that is recorded."""
    asked_by, _, since, until, approved_by, expires = _opening(session, opening)
    if approved_by is None:
        raise Refused("nobody has approved it: a second named person must")
    if _person(by) not in (asked_by, approved_by):
        raise Refused(f"it is shown to {asked_by} and {approved_by} only")
    if at >= expires:
        raise Refused("the approval has expired: ask again")
    rows = session.execute(statement("sealed"), {"since": since, "until": until}).fetchall()
    lines = [
        Line(moment, client, party, purpose, method, route, what, tuple(subjects), status, request)
        for moment, client, party, purpose, method, route, what, subjects, status, request in rows
    ]
    parameters = {"opening": opening, "at": at, "by": _person(by), "lines": len(lines)}
    row = session.execute(statement("opening_shown"), parameters).fetchone()
    assert row is not None
    entry = {"opening": str(UUID(opening)), "at": at, "shown_to": parameters["by"], "lines": len(lines)}
    enter(session, "access_log_shown", row[0], entry)
    return lines


def _opening(session: Session, opening: str) -> tuple[Any, ...]:
    try:
        row = session.execute(statement("opening"), {"opening": opening}).fetchone()
    except psycopg.errors.InvalidTextRepresentation:
        raise Refused("not the number of a request") from None
    if row is None:
        raise Refused("there is no such request")
    return tuple(row)


def _person(name: str) -> str:
    """A name as it is compared: ``A. Chen`` and `` a. chen`` are one person."""
    return " ".join(name.split()).casefold()
