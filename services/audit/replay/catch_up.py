"""A generation that is not in use brought up to date with what was accepted since, as a worker would have done it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.audit.replay.event_reader import Block, EventReader, ReadEvent, blocks_after
from services.audit.replay.generation_build import fold_found
from services.ledger.storage.arrays import bigints, uuids
from services.ledger.storage.session import Session, set_local_generation
from services.ledger.storage.state import EventRows, apply_events
from services.ledger.storage.structure import Note
from services.ledger.storage.work import Work

ROUNDS = 20
"""Passes over the notes after which the derivation must be wrong."""

_VARIANTS = "SELECT v.no FROM unnest(%(nos)s::bigint[]) AS n (no) JOIN lianyun.variant v ON v.no = n.no"
_QUARANTINED = """
SELECT b.id FROM lianyun.quarantine q JOIN lianyun.body b ON b.no = q.no
WHERE NOT EXISTS (SELECT 1 FROM unnest(%(known)s::bigint[]) AS k (no) WHERE k.no = q.no)
"""


@dataclass(slots=True)
class Follower:
    """Applies blocks of events to ``generation`` and holds the position reached.

    ``xid`` and ``first`` are the position behind which nothing was applied yet, except for ``left``. For one thread and the
    only writer of that generation, so everything is derived at once and no note stays.
    """

    generation: int
    xid: int = 0
    first: int = 0
    quarantined: set[int] = field(default_factory=set)
    touched: set[bytes] = field(
        default_factory=set
    )  # consignments whose heads were folded since it was last emptied
    left: Block | None = None  # what is still to apply of the block at the position

    def blocks(self, session: Session, horizon: bool) -> list[Block]:
        """What is to apply next, in its order; see ``blocks_after``."""
        found = blocks_after(session, self.xid, self.first, horizon)
        return found if self.left is None else [self.left, *found]

    def follow(self, session: Session, reader: EventReader, blocks: Sequence[Block], most: int) -> int:
        """Apply about ``most`` events of ``blocks``, the next ones, in one transaction; commits, returns how many.

        After an exception the position is the one before, once the caller has rolled back.
        """
        step: list[Block] = []
        events = 0
        for block in blocks:
            if step and events + block.events > most:
                break
            step.append(block)
            events += block.events
        before = (self.xid, self.first, self.left, self.quarantined)
        try:
            count = self._apply(session, reader, step, most)
            session.commit()
        except BaseException:
            self.xid, self.first, self.left, self.quarantined = before
            raise
        return count

    def _apply(self, session: Session, reader: EventReader, blocks: Sequence[Block], most: int) -> int:
        """Apply ``blocks``, of a single one at most ``most`` events, and what was put in quarantine since."""
        set_local_generation(session, self.generation)
        work = Work(session)
        events = list(reader.read(blocks, most)) if blocks else []
        variants = self._variants(session, events)
        dead = {
            row[0] for row in work.rows("dead_among", {"ids": uuids(sorted(event.id for event in events))})
        }
        stated = [
            EventRows(
                no=event.no,
                id=event.id,
                rows=event.rows,
                dead=event.id in dead or event.no in variants or event.quarantined,
                contradicts=event.no in variants or event.quarantined,
            )
            for event in events
        ]
        self._derive(work, stated, Note(judged=self._quarantined(session)))
        settle(work, self.touched)
        if blocks:
            last = blocks[-1]
            self.xid, self.first = last.xid, last.first
            whole = len(events) == sum(block.events for block in blocks)
            self.left = None if whole else last.rest(events[-1].no, len(events))
        return len(events)

    def _variants(self, session: Session, events: Sequence[ReadEvent]) -> set[int]:
        numbers = bigints([event.no for event in events])
        return {row[0] for row in session.execute(_VARIANTS, {"nos": numbers}).fetchall()}

    def _quarantined(self, session: Session) -> frozenset[bytes]:
        """Events that were put in quarantine since: no batch records that."""
        rows = session.execute("SELECT no FROM lianyun.quarantine").fetchall()
        present = {row[0] for row in rows}
        if present <= self.quarantined:
            return frozenset()
        known = {"known": bigints(sorted(self.quarantined))}
        found = frozenset(row[0] for row in session.execute(_QUARANTINED, known, binary=True).fetchall())
        self.quarantined = present
        return found

    def _derive(self, work: Work, stated: Sequence[EventRows], note: Note) -> None:
        if stated or note:
            _absorb(work, stated, note, self.touched)


def settle(work: Work, touched: set[bytes]) -> None:
    """Process every note of the session's generation, and those that this leaves, until none is left.

    Exact only while no other transaction writes that generation.
    """
    for _ in range(ROUNDS):
        if not settle_some(work, touched):
            return
    raise AssertionError("the derivation of the state does not come to rest")


def settle_some(work: Work, touched: set[bytes], most: int | None = None) -> bool:
    """Process ``most`` of the notes, or all; False where there were none."""
    notes = work.session.execute(
        "DELETE FROM pending WHERE ctid = ANY (ARRAY(SELECT ctid FROM pending LIMIT %(most)s)) "
        "RETURNING judged, nos, consignments",
        {"most": most},
        binary=True,
    ).fetchall()
    if notes:
        note = Note(
            frozenset(event for judged, _, _ in notes for event in judged),
            frozenset(no for _, numbers, _ in notes for no in numbers),
            frozenset(cons for _, _, consignments in notes for cons in consignments),
        )
        _absorb(work, (), note, touched)
    return bool(notes)


def _absorb(work: Work, stated: Sequence[EventRows], note: Note, touched: set[bytes]) -> None:
    work.session.execute("DELETE FROM hit")
    work.session.execute("DELETE FROM fresh_reach")
    absorbed = apply_events(work, stated, note)
    fold_found(work, absorbed.touched, absorbed.found)
    touched.update(row[0] for row in work.rows("hit_consignments_distinct"))
