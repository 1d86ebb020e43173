"""Where events about financing are found: each accepted one is noted under its subjects, in the transaction that stores it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from psycopg import Connection

from schemas.events.base import Payload
from schemas.events.correction import Corrected
from schemas.events.decode import decode_payload
from services.processors.financing.store.names import subjects
from services.processors.financing.store.statements import statement
from services.storage.arrays import bigints, uuids
from services.storage.batch import Event

Session = Connection[Any]

_TYPES = b"cre.finance."
_CORRECTED = b"cre.correction.corrected."


def note(session: Session, events: Iterable[tuple[int, Event]]) -> int:
    """Note the events (number, event) that speak of financing; return how many there were.

    Of all others only the type is looked at. In a pipeline nothing is waited for.
    """
    found: list[tuple[bytes, int]] = []
    spoken = 0
    for no, event in events:
        type_ = next((value for name, value in event.record.headers if name == "ce_type"), None) or b""
        if not type_.startswith((_TYPES, _CORRECTED)) or _TYPES not in type_ + event.payload:
            continue
        own = [(subject, no) for subject in subjects(event.publisher, _payload(event, type_.decode()))]
        found += own
        spoken += bool(own)
    if found:
        found.sort()
        parameters = {"subjects": uuids([s for s, _ in found]), "nos": bigints([no for _, no in found])}
        session.execute(statement("put_words"), parameters)
    return spoken


def _payload(event: Event, type_: str) -> Payload:
    payload = decode_payload(type_, event.payload)
    return payload.replacement.payload if isinstance(payload, Corrected) else payload
