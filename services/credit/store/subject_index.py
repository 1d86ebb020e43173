"""Consents, revocations and objections are found from the moment they are stored, whether or not anybody has followed them.

A revocation ends reading at once. So it is noted under what it revokes in the transaction that accepts it; all else of credit
is left to the follower.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.envelope import Envelope
from schemas.events.decode import decode_payload
from services.credit.domain import interpretation
from services.credit.store import loader, statement
from services.domain.facts import Facts
from services.domain.interpretation import Statement
from services.domain.publisher import Publisher
from services.ledger.storage.arrays import uuids
from services.ledger.storage.batch import Event

_GOVERNING = (b"cre.credit.consent_", b"cre.credit.dispute_")
_CORRECTED = b"cre.correction.corrected."


def follow(session: Connection[Any], stored: Iterable[tuple[int, Event]]) -> None:
    """The projection: note every event that speaks of consent or objects, in the caller's transaction.

    Of all others only the type is looked at; in a pipeline nothing is waited for.
    """
    noted = sorted(pair for _, event in stored if _governs(event) for pair in _keys(event))
    if noted:
        rows = {"keys": [key for _, key in noted], "events": uuids([event for event, _ in noted])}
        session.execute(statement("note"), rows)


def _governs(event: Event) -> bool:
    type_ = next((value for name, value in event.record.headers if name == "ce_type"), None) or b""
    if type_.startswith(_CORRECTED):
        return any(each in event.payload for each in _GOVERNING)
    return type_.startswith(_GOVERNING)


def _keys(event: Event) -> set[tuple[bytes, str]]:
    envelope = Envelope.from_headers(event.record.headers)
    said_by = Statement(
        event.id, envelope.source, Publisher(event.publisher, frozenset()), envelope.published_micros
    )
    told = interpretation.read(said_by, decode_payload(envelope.type, event.payload))
    return loader.about(loader.Known(Facts(), told))
