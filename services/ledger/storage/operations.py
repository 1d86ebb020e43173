"""Changes of the state outside batches: a redriven event, quarantine, repair of a consignment.

They run on any connection in the caller's transaction, move no offset, take over no note and leave theirs as every writer does.
Heads may be out of date until a worker has settled.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from services.ledger.admission.model import Refused
from services.ledger.storage import batch_transaction
from services.ledger.storage.arrays import uuids
from services.ledger.storage.batch import Applied, Event
from services.ledger.storage.batch_transaction import Identified, Projection, StoredEvents, Terms, project
from services.ledger.storage.bodies import topic_numbers
from services.ledger.storage.generations import current_generation
from services.ledger.storage.rows import state_rows
from services.ledger.storage.session import Session, set_local_generation
from services.ledger.storage.state import apply_events
from services.ledger.storage.structure import EMPTY_NOTE, Note
from services.ledger.storage.term_numbers import key_number
from services.ledger.storage.work import Work


def apply_one(session: Session, event: Event, projections: Sequence[Projection] = ()) -> Applied:
    """Apply one event as a batch would, moving no offset; a known event is a duplicate.

    Locks the registry version under which the event was admitted; RegistryMoved where it is another.
    """
    rows = state_rows(event.facts)
    work, generation = _begin(session)
    first = batch_transaction.hold_versions(work, generation, event.registry)
    topics = topic_numbers(session, [event.record.topic])
    terms = Terms()
    terms.put(work, terms.unknown([rows.terms]))
    # A redrive consumes no record of the log.
    entered = replace(
        batch_transaction.store_events(work, first, (event,), (rows,), topics, EMPTY_NOTE), taken=0
    )

    def projected(session: Session) -> None:
        project(session, projections, [(no, event) for no in entered.numbers])

    done = batch_transaction.fold_and_record(work, entered, (), _no_letters, project=projected)
    known = entered.identified
    return Applied(
        len(known.new),
        known.duplicates,
        len(known.variants),
        0,
        done.heads,
        done.trains,
        numbers=entered.numbers,
    )


def quarantine(session: Session, key_id: str, from_micros: int) -> int:
    """Quarantine every event signed by ``key_id`` and appended at or after ``from_micros``; return their number.

    They count as if they had never been accepted. Repeating it changes nothing. The registry must be locked, so that no
    batch with that key is running; the statement reads every message since then: seconds on a large store.
    """
    work, generation = _begin(session)
    batch_transaction.hold_versions(work, generation, None)
    events = [row[0] for row in work.rows("quarantine", {"key": key_number(key_id), "start": from_micros})]
    if events:
        _refold(work, Note(judged=frozenset(events)))
    return len(events)


def mend(session: Session, consignment: bytes) -> bool:
    """Derive and fold one consignment again from its stored facts; False where its fold still fails."""
    work, generation = _begin(session)
    batch_transaction.hold_versions(work, generation, None)
    work.count("unbreak_heads", {"ids": uuids([consignment])})
    return not _refold(work, Note(consignments=frozenset({consignment})))


def _begin(session: Session) -> tuple[Work, int]:
    generation = current_generation(session)
    set_local_generation(session, generation)
    return Work(session), generation


def _refold(work: Work, own: Note) -> tuple[bytes, ...]:
    change = apply_events(work, (), EMPTY_NOTE, own)
    entered = StoredEvents(Identified((), (), frozenset(), 0), 0, (), change)
    return batch_transaction.fold_and_record(work, entered, (), _no_letters, singly=True).broken


def _no_letters(_session: Any, refused: Sequence[Refused]) -> None:
    assert not refused
