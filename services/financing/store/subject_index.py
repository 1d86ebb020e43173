"""The index of events by subject of financing, written in the transaction that stores the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, Payload
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from services.domain.facts import FREEING
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
"""Facts about cargo after which its lenders have to look again."""

REQUESTS = frozenset(
    f"cre.finance.{name}.v1".encode()
    for name in (
        "pledged", "drawn", "released", "cancelled", "collateral_substituted",
        "release_order_requested", "reconsignment_requested", "transfer_requested",
    )
) | {b"cre.finance.released.v2", b"cre.finance.released.v3"}  # fmt: skip
"""Events that request a decision (``request_consumer``)."""
_TYPES = b"cre.finance."
_CORRECTED = b"cre.correction.corrected."


def follow(session: Session, stored: Iterable[tuple[int, Event]]) -> None:
    """The projection: index the events on financing, and record which pledges a fact about cargo may concern.

    Whether it does is decided when the financing is read; nothing is waited for here.
    """
    events = tuple(stored)
    note(session, events)
    watch(session, events)


def watch(session: Session, events: Iterable[tuple[int, Event]]) -> None:
    """Record (financing, event) for each pledged financing that a watched fact reaches by the links of its time.

    Also earlier facts that a link among ``events`` leads, by their time, to pledged cargo.
    """
    found: list[tuple[int, bytes, int]] = []
    linked: list[int] = []
    for no, event in events:
        if any(link.kind not in FREEING for link in event.facts.links):
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
    """Index the events (number, event) on financing; return how many there were.

    Of all others only the type is read. In a pipeline nothing is waited for.
    """
    found: list[tuple[bytes, int]] = []
    asking: list[int] = []
    indexed = 0
    for no, event in events:
        type_ = event.type
        if not type_.startswith((_TYPES, _CORRECTED)) or _TYPES not in type_ + event.payload:
            continue
        if type_ in REQUESTS:
            asking.append(no)
        own = [(subject, no) for subject in subjects(event.publisher, _payload(event, type_.decode()))]
        found += own
        indexed += bool(own)
    if found:
        found.sort()
        parameters = {"subjects": uuids([s for s, _ in found]), "nos": bigints([no for _, no in found])}
        session.execute(statement("put_words"), parameters)
    if asking:
        session.execute(statement("put_asked"), {"nos": bigints(sorted(asking))})
    return indexed


def _payload(event: Event, type_: str) -> Payload:
    payload = decode_payload(type_, event.payload)
    return payload.replacement.payload if isinstance(payload, Corrected) else payload
