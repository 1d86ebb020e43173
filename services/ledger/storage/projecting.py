"""Projections: what else is written in the transaction that stores an event, by whoever follows accepted events.

A projection is handed the events that a transaction stored, with their numbers, once the heads that they change are locked
and folded: whatever it reads or writes is seen by whoever locks the same heads. It must not wait for an answer, since
nothing does between those locks and the commit. It knows the store; the store knows nothing of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from services.ledger.storage.batch import Event
from services.ledger.storage.session import Session

Numbered = Sequence[tuple[int, Event]]
Projection = Callable[[Session, Numbered], None]


def project(session: Session, projections: Sequence[Projection], stored: Numbered) -> None:
    """Hand ``stored`` to each of ``projections``, in their order."""
    if stored:
        for projection in projections:
            projection(session, stored)
