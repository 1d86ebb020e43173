"""Settlement: what concurrent transactions missed of one another is derived once more.

At READ COMMITTED a transaction that adds a link and one that adds an event about the same object can each resolve
before the other commits, and then neither shows the event at the consignment. So each change of structure leaves a
note. A note is marked with the id of a later transaction that read it *before it had an id*: every transaction that may
have missed the change then has a smaller id. When all those have ended, the change is derived once more.

Weaker rules lose events: comparison with the note's own transaction (an event with a greater id may have resolved
before the note's commit), and with the upper end of the snapshot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.structure import Note
from services.ledger.storage.work import Work

MAX_NOTES = 8
"""The maximum of notes that one transaction takes over."""


@dataclass(frozen=True, slots=True)
class TakenNotes:
    """The notes that a transaction takes over, merged, and their number."""

    note: Note
    count: int


NO_NOTES = TakenNotes(Note(), 0)


def unmarked(work: Work) -> Sequence[int]:
    """The ids of notes without a mark. Must be the transaction's first statement, while it has no id."""
    return [row[0] for row in work.rows("pending_unmarked")]


def take_over(work: Work, waiting: Sequence[int]) -> TakenNotes:
    """Take over the notes whose change every running transaction sees, and mark those of ``waiting`` with this transaction's id."""
    ripe = work.rows("pending_take", {"most": MAX_NOTES})
    if waiting:
        work.count("pending_mark", {"ids": bigints(waiting)})
    return TakenNotes(
        Note(
            frozenset(event for judged, _, _ in ripe for event in judged),
            frozenset(no for _, numbers, _ in ripe for no in numbers),
            frozenset(cons for _, _, consignments in ripe for cons in consignments),
        ),
        len(ripe),
    )


def leave(work: Work, note: Note) -> None:
    """Store ``note``, to be settled when every transaction that may miss its change has ended."""
    if note:
        work.count(
            "pending_leave",
            {
                "judged": uuids(sorted(note.judged)),
                "nos": bigints(sorted(note.numbers)),
                "consignments": uuids(sorted(note.consignments)),
            },
        )
