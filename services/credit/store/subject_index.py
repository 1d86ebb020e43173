"""The index of consents, revocations and disputes, written in the transaction that stores the event.

A revocation ends reading at once, so it cannot wait for the follower, which indexes the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.envelope import Envelope
from schemas.events.decode import decode_payload
from services.credit.domain import statements
from services.credit.store import loader, statement
from services.domain.facts import Facts
from services.domain.interpretation import Attribution
from services.domain.publisher import Publisher
from services.ledger.storage.arrays import uuids
from services.ledger.storage.batch import Event

_GOVERNING = (b"cre.credit.consent_", b"cre.credit.dispute_")
_CORRECTED = b"cre.correction.corrected."


def follow(session: Connection[Any], stored: Iterable[tuple[int, Event]]) -> None:
    """The projection: index every event on consents and disputes, in the caller's transaction.

    Of all others only the type is read; in a pipeline nothing is waited for.
    """
    index_entries = sorted(pair for _, event in stored if _is_governance(event) for pair in _keys(event))
    if index_entries:
        rows = {
            "keys": [key for _, key in index_entries],
            "events": uuids([event for event, _ in index_entries]),
        }
        session.execute(statement("note"), rows)


def _is_governance(event: Event) -> bool:
    if event.type.startswith(_CORRECTED):
        return any(each in event.payload for each in _GOVERNING)
    return event.type.startswith(_GOVERNING)


def _keys(event: Event) -> set[tuple[bytes, str]]:
    envelope = Envelope.from_headers(event.record.headers)
    attribution = Attribution(
        event.id, envelope.source, Publisher(event.publisher, frozenset()), envelope.published_micros
    )
    credit = statements.read(attribution, decode_payload(envelope.type, event.payload))
    return loader.index_keys(loader.EventFacts(Facts(), credit))
