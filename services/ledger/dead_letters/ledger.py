"""The store of accepted events, as the desk of the dead letters uses it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from services.ledger.admission.model import Admitted
from services.ledger.dead_letters import statement
from services.ledger.dead_letters.store import Session
from services.ledger.storage.batch import Event
from services.ledger.storage.projecting import Projection
from services.ledger.storage.within import apply_one


class StoredLedger:
    """Looks up and applies events in the caller's transaction; ``projections`` follow what is applied."""

    def __init__(self, projections: Sequence[Projection] = ()) -> None:
        self._projections = tuple(projections)

    def content_of(self, session: Session, event: bytes) -> bytes | None:
        """The 16-byte content digest that came first under the event's 16-byte id, None where it never came."""
        row = session.execute(statement("content_of"), {"event": UUID(bytes=event)}).fetchone()
        return None if row is None else bytes(row[0])

    def apply(self, session: Session, admitted: Admitted, registry: int) -> None:
        """Apply one event, judged by that version of the registry, as a batch would, moving no offset."""
        apply_one(session, Event.of(admitted, registry), self._projections)
