"""What consignments are called in the API: by the party that founded them and its reference, as their founding says."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from psycopg import Connection
from psycopg.rows import tuple_row

from schemas.events.correction import Corrected
from schemas.events.link import ConsignmentOpened
from services.ledger.registry import store as registry_store
from services.ledger.storage import event_reader
from services.ledger.storage.arrays import uuids
from services.notifications.webhooks import statement
from services.query.stored_events import Reread, Unreadable, reread


def names_of(session: Connection[Any], consignments: Collection[bytes]) -> dict[bytes, str]:
    """The names ``founder/reference`` of founded consignments by their 16-byte ids; without those that cannot be read."""
    if not consignments:
        return {}
    cursor = session.cursor(binary=True, row_factory=tuple_row)
    rows = cursor.execute(statement("founded"), {"ids": uuids(sorted(consignments))}).fetchall()
    ids = {number: consignment for consignment, number in rows}
    registry = registry_store.read_snapshot(session)
    names: dict[bytes, str] = {}
    for stored in event_reader.events_by_number(session, sorted(ids)):
        try:
            name = _named(reread(stored, registry))
        except Unreadable:
            continue  # fsck tells of it; the news is still told, under the id
        if name:
            names[ids[stored.no]] = name
    return names


def _named(event: Reread) -> str:
    payload = event.admitted.payload
    said = payload.replacement.payload if isinstance(payload, Corrected) else payload
    return said.consignment(event.admitted.party.code)[1] if isinstance(said, ConsignmentOpened) else ""
