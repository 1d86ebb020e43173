"""Where events about financing are found: each accepted one is noted under its subjects, in the transaction that stores it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, Payload
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from services.financing.domain.cargo import DELIVERED, GATED_OUT, RECONSIGNED
from services.financing.store import statement
from services.financing.store.identifiers import subjects
from services.ledger.storage.arrays import bigints, smallints, uuids
from services.ledger.storage.batch import Event

Session = Connection[Any]
TROUBLE = frozenset(
    {
        Episode.DETAINED,
        Episode.RETURNED,
        Episode.LOST,
        Episode.ABANDONED,
        Episode.TEMPERATURE,
        Episode.SEAL_BROKEN,
        Episode.INSURANCE_CANCELLED,
    }
)
WATCHED = frozenset(
    {DELIVERED, GATED_OUT, RECONSIGNED, *(s.number for s in catalogue.specs() if s.opens in TROUBLE)}
)
"""Facts about cargo after which whoever lends on it has to look again."""

ASKING = frozenset(
    f"cre.finance.{name}.v1".encode()
    for name in (
        "pledged", "drawn", "released", "cancelled", "collateral_substituted",
        "release_order_requested", "reconsignment_requested", "transfer_requested",
    )
) | {b"cre.finance.released.v2"}  # fmt: skip
"""Events that ask for a decision; who takes them to the desk is ``clerk``."""
_TYPES = b"cre.finance."
_CORRECTED = b"cre.correction.corrected."


def follow(session: Session, stored: Iterable[tuple[int, Event]]) -> None:
    """The projection: note what is said of financing, and put down which pledges a fact about cargo may concern.

    Whether it does is the core's to say, when the financing is looked at; nothing is waited for here.
    """
    events = tuple(stored)
    note(session, events)
    watch(session, events)


def watch(session: Session, events: Iterable[tuple[int, Event]]) -> None:
    """Put down (financing, event) for each pledged financing that a watched fact reaches by the links of its time.

    Also facts of earlier that a link among ``events`` leads, by their time, to cargo that somebody holds a pledge in.
    """
    found: list[tuple[int, bytes, int]] = []
    linked: list[int] = []
    for no, event in events:
        if event.facts.links:
            linked.append(no)
        for claim in event.facts.claims:
            if claim.milestone in WATCHED and claim.classifier is Classifier.ACT:
                found.append((no, claim.thing.id, claim.happened))
    if not found and not linked:
        return
    found.sort()
    parameters = {
        "nos": bigints([row[0] for row in found]),
        "objects": uuids([row[1] for row in found]),
        "moments": bigints([row[2] for row in found]),
        "linked": bigints(sorted(linked)),
        "milestones": smallints(sorted(WATCHED)),
    }
    session.execute(statement("put_watch"), parameters)


def note(session: Session, events: Iterable[tuple[int, Event]]) -> int:
    """Note the events (number, event) that speak of financing; return how many there were.

    Of all others only the type is looked at. In a pipeline nothing is waited for.
    """
    found: list[tuple[bytes, int]] = []
    asking: list[int] = []
    spoken = 0
    for no, event in events:
        type_ = next((value for name, value in event.record.headers if name == "ce_type"), None) or b""
        if not type_.startswith((_TYPES, _CORRECTED)) or _TYPES not in type_ + event.payload:
            continue
        if type_ in ASKING:
            asking.append(no)
        own = [(subject, no) for subject in subjects(event.publisher, _payload(event, type_.decode()))]
        found += own
        spoken += bool(own)
    if found:
        found.sort()
        parameters = {"subjects": uuids([s for s, _ in found]), "nos": bigints([no for _, no in found])}
        session.execute(statement("put_words"), parameters)
    if asking:
        session.execute(statement("put_asked"), {"nos": bigints(sorted(asking))})
    return spoken


def _payload(event: Event, type_: str) -> Payload:
    payload = decode_payload(type_, event.payload)
    return payload.replacement.payload if isinstance(payload, Corrected) else payload
