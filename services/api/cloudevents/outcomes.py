"""Outcomes of posted events, read from what is committed: final once the workers have passed the event's offset."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.reasons import Reason
from services.api.cloudevents import statement
from services.api.cloudevents.handle import Handle
from services.ledger.storage.arrays import adapt, bigints, uuids

Session = Connection[Any]
_OUR_FAULT = "Our own code failed on this event."


class Outcome(StrEnum):
    """What became of one record; all but PENDING are final."""

    PENDING = "pending"
    """The broker has it; the workers have not reached it."""
    ACCEPTED = "accepted"
    PARKED = "parked"
    """Accepted; it reaches no consignment until a link leads it to one."""
    DUPLICATE = "duplicate"
    """The same event was accepted before."""
    EQUIVOCATION = "equivocation"
    """Other content was accepted under the same source and id: none of the contents counts."""
    REFUSED = "refused"
    """It is kept as a dead letter, with the reason."""
    QUARANTINED = "quarantined"
    """Accepted, and taken out since: its key stopped counting before the broker took it."""
    UNKNOWN = "unknown"
    """The workers have passed its place and nothing of it is kept any more."""


@dataclass(frozen=True, slots=True)
class Fate:
    """An outcome; of a refused one with stable reason, what was wrong, where, and what to do."""

    outcome: Outcome
    reason: str = ""
    detail: str = ""
    pointer: str = ""
    remedy: str = ""

    @property
    def final(self) -> bool:
        """Whether asking again gives the same, until something else is published."""
        return self.outcome is not Outcome.PENDING


def fates(session: Session, handles: Sequence[Handle], publisher: str) -> list[Fate]:
    """The fates of records that ``publisher`` sent, in their order, all at one moment; one statement.

    Runs in the caller's transaction. A letter that is not put down to ``publisher`` is not shown.
    """
    adapt(session)
    values = {
        "ids": uuids([each.identity for each in handles]),
        "contents": uuids([each.content for each in handles]),
        "letters": [each.letter for each in handles],
        "topics": [each.topic for each in handles],
        "parts": bigints([each.partition for each in handles]),
        "offsets": bigints([each.offset for each in handles]),
        "publisher": publisher,
    }
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(statement("fates"), values).fetchall()
    return [_fate(*row) for row in rows]


def fate_of(session: Session, identity: bytes, publisher: str) -> Fate | None:
    """The fate of the event of that identity, whichever way it came: None where nothing of it is known (yet)."""
    return fates_of(session, [identity], publisher)[0]


def fates_of(session: Session, identities: Sequence[bytes], publisher: str) -> list[Fate | None]:
    """``fate_of`` each of ``identities``, in their order, all at one moment; one statement in the caller's transaction."""
    adapt(session)
    values = {"ids": uuids(identities), "publisher": publisher}
    rows = session.cursor(binary=True, row_factory=tuple_row).execute(statement("fate_of"), values).fetchall()
    return [_fate(True, *row) if row[0] or row[5] is not None else None for row in rows]


def _fate(
    applied: bool,
    known: bool,
    varied: bool,
    first: bool,
    quarantined: bool,
    parked: bool,
    reason: str | None,
    detail: str | None,
    pointer: str | None,
    remedy: str | None,
) -> Fate:
    # A partition that was moved back is behind records that it has applied: what is stored from this place is.
    if not applied and not (known and first):
        return Fate(Outcome.PENDING)
    if varied:
        return Fate(Outcome.EQUIVOCATION)
    if known:
        if not first:
            return Fate(Outcome.DUPLICATE)
        if quarantined:
            return Fate(Outcome.QUARANTINED)
        return Fate(Outcome.PARKED if parked else Outcome.ACCEPTED)
    if reason == Reason.INTERNAL_ERROR:  # what failed is for our operators alone
        return Fate(Outcome.REFUSED, reason, _OUR_FAULT, remedy=remedy or "")
    if reason is not None:
        return Fate(Outcome.REFUSED, reason, detail or "", pointer or "", remedy or "")
    return Fate(Outcome.UNKNOWN)
