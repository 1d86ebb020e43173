"""Redrives that people ask for: recorded for them, and carried out once by whoever may write events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg import Connection

from services.ledger.admission.model import AdmissionSettings
from services.ledger.dead_letters import statement
from services.ledger.dead_letters.service import ActionOutcome, DeadLetterService, Ledger

Session = Connection[Any]


@dataclass(frozen=True, slots=True)
class RedriveRequest:
    """A redrive of one letter as a person asked for it: the issuer that signed it in and its pseudonym (16 bytes).

    ``turn`` counts the requests of a letter from 0. ``outcome`` is None until it was carried out. Times are UTC microseconds.
    """

    turn: int
    issuer: str
    person: bytes
    requested: int
    done: int | None
    outcome: ActionOutcome | None


def request_redrive(
    session: Session, digest: bytes, turn: int, publisher: str, issuer: str, person: bytes, at: int
) -> bool:
    """Record the request number ``turn`` of a letter of ``publisher``; False where it is there already, or the one before is not done."""
    values = {
        "digest": digest,
        "turn": turn,
        "publisher": publisher,
        "issuer": issuer,
        "person": UUID(bytes=person),
        "at": at,
    }
    return session.execute(statement("request_redrive"), values).rowcount == 1


def requests_of(session: Session, digest: bytes) -> list[RedriveRequest]:
    """The requests of a letter, in order."""
    rows = session.execute(statement("redrive_requests"), {"digest": digest})
    return [
        RedriveRequest(
            turn, issuer, bytes(person), requested, done, None if outcome is None else ActionOutcome(outcome)
        )
        for turn, issuer, person, requested, done, outcome in rows
    ]


def carry_out(session: Session, ledger: Ledger, settings: AdmissionSettings) -> ActionOutcome | None:
    """Redrive the letter of the oldest open request, in one transaction on an idle ``session``; None where none is open.

    A letter that is not put down to the party of the request is NOT_FOUND. A request that another worker is at is left to it.
    """
    with session.transaction():
        row = session.execute(statement("take_redrive")).fetchone()
        if row is None:
            return None
        no, digest, issuer, person, own, now = row
        by = f"person:{bytes(person).hex()} of {issuer}"
        outcome = ActionOutcome.NOT_FOUND
        if own:
            outcome = DeadLetterService(session, ledger, settings, by, now).redrive(bytes(digest)).outcome
        session.execute(statement("redrive_done"), {"no": no, "outcome": outcome, "at": now})
        return outcome
