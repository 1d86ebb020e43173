"""The index of events by subject of financing, written in the transaction that stores the event."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.events import catalogue
from schemas.events.base import Classifier, Episode, Payload
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from services.domain.facts import FREEING, LinkKind
from services.financing.domain.cargo import DELIVERED, GATED_OUT, NAMING, RECONSIGNED
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
    """Record (financing, event) for each pledged financing whose goods an event concerns; perhaps also others.

    Those are watched facts, whatever consignment leads them to the goods; earlier ones that a link among ``events`` leads to them;
    links and foundings that name the goods elsewhere; and what withdraws, or contradicts under the same id, what names them.
    """
    found: list[tuple[int, bytes, int, int]] = []
    withdrawing: list[tuple[int, bytes]] = []
    naming: set[tuple[int, bytes]] = set()
    linked: list[int] = []
    nos: list[int] = []
    for no, event in events:
        nos.append(no)
        if any(link.kind not in FREEING for link in event.facts.links):
            linked.append(no)
            naming.update((no, link.left.id) for link in event.facts.links if link.kind in NAMING)
            naming.update(
                (no, link.right.id) for link in event.facts.links if link.kind is LinkKind.SAME_CONSIGNMENT
            )
        naming.update((no, founding.consignment.id) for founding in event.facts.foundings)
        withdrawing += ((no, withdrawal.target) for withdrawal in event.facts.withdrawals)
        for claim in event.facts.claims:
            if claim.milestone in WATCHED and claim.classifier is Classifier.ACT:
                found.append((no, claim.thing.id, int(claim.thing.kind), claim.happened))
    if not nos:
        return
    found.sort()
    withdrawing.sort()
    names = sorted(naming)
    parameters = {
        "first": min(nos),
        "last": max(nos),
        "nos": bigints([row[0] for row in found]),
        "objects": uuids([row[1] for row in found]),
        "kinds": smallints([row[2] for row in found]),
        "moments": bigints([row[3] for row in found]),
        "linked": bigints(sorted(linked)),
        "naming": bigints([no for no, _ in names]),
        "named": uuids([id_ for _, id_ in names]),
        "withdrawing": bigints([no for no, _ in withdrawing]),
        "targets": uuids([target for _, target in withdrawing]),
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
